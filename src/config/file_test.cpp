#include "config/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace gw::config {
namespace {

class FileTest : public testing::Test {
  protected:
    FileTest() : path_(testing::TempDir() + "gw_config_file_test") {
        std::filesystem::remove_all(path_);
    }
    ~FileTest() override { std::filesystem::remove_all(path_); }

    void write(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
    [[nodiscard]] std::string flaw(std::size_t bytes_max = 100) const {
        const auto text = read_file(path_, bytes_max);
        return text ? "none" : text.error().what;
    }

    std::string path_;
};

TEST_F(FileTest, IsReadWhole) {
    const std::string content = std::string(200'000, 'x') + '\0' + "end\n";
    write(content);
    EXPECT_EQ(read_file(path_, content.size()), content);
    EXPECT_FALSE(flaw_of_file(path_));
    write("");
    EXPECT_EQ(read_file(path_, 0), "");
}

TEST_F(FileTest, HasABoundedSize) {
    write("12345");
    EXPECT_EQ(flaw(5), "none");
    EXPECT_EQ(flaw(4), "is larger than 4 bytes");
}

TEST_F(FileTest, ThatIsNotThereIsToldWithTheSystemsWords) {
    EXPECT_EQ(flaw(), "cannot be read: No such file or directory");
    EXPECT_EQ(flaw_of_file(path_)->what, flaw());
}

// Nobody writes into it: who opened it as a file would wait for ever.
TEST_F(FileTest, APipeInItsPlaceIsNotWaitedFor) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(flaw(), "is no regular file");
    EXPECT_EQ(flaw_of_file(path_)->what, flaw());
}

TEST_F(FileTest, FoldersAndDevicesAreNoFiles) {
    std::filesystem::create_directory(path_);
    EXPECT_EQ(flaw(), "is no regular file");
    EXPECT_EQ(read_file("/dev/zero", 100).error().what, "is no regular file");
    EXPECT_EQ(read_file("/dev/zero", 100, Pipes::awaited).error().what, "is no regular file");
}

TEST_F(FileTest, APipeIsReadToItsEndByWhoMayWait) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    const std::string content(100'000, 'y');
    std::thread writer([&] { write(content); });
    EXPECT_EQ(read_file(path_, content.size(), Pipes::awaited), content);
    writer.join();
}

}  // namespace
}  // namespace gw::config
