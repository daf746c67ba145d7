#include "config/variable_folder.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace gw::config {
namespace {

namespace fs = std::filesystem;

class VariableFolder : public testing::Test {
  protected:
    VariableFolder()
        : folder_(testing::TempDir() + "gw_variable_folder_" +
                  testing::UnitTest::GetInstance()->current_test_info()->name()) {
        fs::remove_all(folder_);
        fs::create_directory(folder_);
    }
    ~VariableFolder() override { fs::remove_all(folder_); }

    void write(const std::string& name, std::string_view value) {
        std::ofstream(folder_ / name, std::ios::binary) << value;
    }
    auto read() { return read_variable_folder(Environment({{kVariablesDir, folder_.string()}})); }

    fs::path folder_;
};

TEST_F(VariableFolder, HasOneVariableAFile) {
    write("RATE_LIMIT_MAX", "50");
    write("JWT_PUBLIC_KEY", "one\ntwo\n\n");
    write("REGION", "");
    write("ZONE", "eu-1\r\n");
    const auto values = read();
    ASSERT_TRUE(values);
    EXPECT_EQ(*values, (Environment::Values{{"RATE_LIMIT_MAX", "50"},
                                            {"JWT_PUBLIC_KEY", "one\ntwo\n"},
                                            {"REGION", ""},
                                            {"ZONE", "eu-1"}}));
}

TEST_F(VariableFolder, PassesOverWhatIsNoVariable) {
    write("gateway.yaml", "routes: []");
    write("lower", "1");
    write("9LIVES", "1");
    fs::create_directory(folder_ / "FOLDER");
    const auto values = read();
    ASSERT_TRUE(values);
    EXPECT_TRUE(values->empty());
}

TEST_F(VariableFolder, FollowsTheLinksOfAMountedConfigMap) {
    fs::create_directory(folder_ / "..first");
    write("..first/REGION", "eu-1\n");
    fs::create_directory_symlink("..first", folder_ / "..data");
    fs::create_symlink("..data/REGION", folder_ / "REGION");
    const auto values = read();
    ASSERT_TRUE(values);
    EXPECT_EQ(*values, (Environment::Values{{"REGION", "eu-1"}}));
}

TEST_F(VariableFolder, ThatIsMissingIsAFlaw) {
    fs::remove(folder_);
    ASSERT_FALSE(read());
    EXPECT_NE(read().error().what.find("cannot be read"), std::string::npos);
}

TEST_F(VariableFolder, WithAFileThatIsTooLargeIsAFlaw) {
    write("REGION", std::string(64UL * 1024, 'a'));
    EXPECT_TRUE(read());
    write("REGION", std::string(64UL * 1024 + 1, 'a'));
    ASSERT_FALSE(read());
    EXPECT_NE(read().error().what.find("REGION"), std::string::npos);
}

TEST(VariableFolderThatNobodyNames, HoldsNothing) {
    const auto values = read_variable_folder(Environment());
    ASSERT_TRUE(values);
    EXPECT_TRUE(values->empty());
}

}  // namespace
}  // namespace gw::config
