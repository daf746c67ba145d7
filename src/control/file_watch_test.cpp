#include "control/file_watch.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "net/scope.hpp"
#include "net/task.hpp"

namespace gw::control {
namespace {

// As long as it lives the process gets no further descriptors, as where
// fs.inotify.max_user_instances is used up: both are EMFILE.
class NoDescriptors {
  public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::close(next);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next);
        ::setrlimit(RLIMIT_NOFILE, &none);
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

class FileWatchTest : public testing::TestWithParam<bool> {
  protected:
    FileWatchTest() {
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_ / "first");
        std::filesystem::create_directories(folder_ / "second");
        write("file", "one");
    }
    ~FileWatchTest() override {
        watch_.reset();
        std::filesystem::remove_all(folder_);
    }

    void write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name) << text;
    }
    // Plays a story on the loop, to its end.
    void play(net::Task<void> story) {
        scope_.spawn(to_the_end(std::move(story)));
        loop_.run();
    }
    net::Task<void> to_the_end(net::Task<void> story) {
        co_await std::move(story);
        loop_.stop();
    }
    // Says whether there has been one since it was asked last.
    net::Task<bool> told() {
        const Instant latest = loop_.now() + Millis{20'000};
        while (changes_ == seen_ && loop_.now() < latest) {
            co_await pause_.until(loop_.now() + Millis{5});
        }
        co_return std::exchange(seen_, changes_) != changes_;
    }
    net::Task<void> watch(std::string file = "file") {
        {
            std::optional<NoDescriptors> none;
            if (!GetParam()) {
                none.emplace();
            }
            watch_.emplace(loop_, (folder_ / file).string(), [this] { ++changes_; });
        }
        EXPECT_EQ(watch_->trouble().empty(), GetParam()) << watch_->trouble();
        if (!GetParam()) {
            // It could not look at the directory either: what it finds first is news.
            EXPECT_TRUE(co_await told());
        }
    }

    const std::filesystem::path folder_ =
        std::filesystem::path(testing::TempDir()) / "gw_file_watch_test";
    net::Loop loop_;
    net::Pause pause_{loop_};
    net::Scope scope_;
    std::optional<FileWatch> watch_;
    int changes_ = 0;
    int seen_ = 0;

  public:
    net::Task<void> replace();
    net::Task<void> move_a_link();
    net::Task<void> replace_the_folder();
    net::Task<void> take_the_folder_away();
    net::Task<void> move_the_link_to_the_folder();
};

net::Task<void> FileWatchTest::replace() {
    co_await watch();
    write("file", "two, written in place");
    EXPECT_TRUE(co_await told());
    write("new", "three");
    std::filesystem::rename(folder_ / "new", folder_ / "file");
    EXPECT_TRUE(co_await told());
    std::filesystem::remove(folder_ / "file");
    EXPECT_TRUE(co_await told());
}
TEST_P(FileWatchTest, TellsHoweverAFileIsReplaced) {
    play(replace());
}

// As Kubernetes mounts a ConfigMap.
net::Task<void> FileWatchTest::move_a_link() {
    write("first/file", "a");
    write("second/file", "b");
    std::filesystem::remove(folder_ / "file");
    std::filesystem::create_directory_symlink("first", folder_ / "..data");
    std::filesystem::create_symlink("..data/file", folder_ / "file");
    co_await watch();
    std::filesystem::create_directory_symlink("second", folder_ / "..next");
    std::filesystem::rename(folder_ / "..next", folder_ / "..data");
    EXPECT_TRUE(co_await told());
}
TEST_P(FileWatchTest, TellsOfALinkWhoseTargetMoved) {
    play(move_a_link());
}

net::Task<void> FileWatchTest::replace_the_folder() {
    write("first/file", "a");
    write("second/file", "b");
    co_await watch("first/file");
    std::filesystem::rename(folder_ / "first", folder_ / "before");
    std::filesystem::rename(folder_ / "second", folder_ / "first");
    EXPECT_TRUE(co_await told());
    write("first/file", "c, in the new one");
    EXPECT_TRUE(co_await told());
}
TEST_P(FileWatchTest, GoesOnWhenTheFolderIsReplaced) {
    play(replace_the_folder());
}

net::Task<void> FileWatchTest::take_the_folder_away() {
    write("first/file", "a");
    write("second/file", "b");
    co_await watch("first/file");
    std::filesystem::remove_all(folder_ / "first");
    EXPECT_TRUE(co_await told());
    std::filesystem::rename(folder_ / "second", folder_ / "first");
    EXPECT_TRUE(co_await told());
    write("first/file", "c, in the new one");
    EXPECT_TRUE(co_await told());
}
TEST_P(FileWatchTest, GoesOnWhenThereIsAFolderAgain) {
    play(take_the_folder_away());
}

// As releases are switched.
net::Task<void> FileWatchTest::move_the_link_to_the_folder() {
    write("first/file", "a");
    write("second/file", "b");
    std::filesystem::create_directory_symlink("first", folder_ / "current");
    co_await watch("current/file");
    std::filesystem::create_directory_symlink("second", folder_ / "next");
    std::filesystem::rename(folder_ / "next", folder_ / "current");
    EXPECT_TRUE(co_await told());
    write("second/file", "c, in the new one");
    EXPECT_TRUE(co_await told());
}
TEST_P(FileWatchTest, FollowsALinkToTheFolder) {
    play(move_the_link_to_the_folder());
}

// Without a descriptor UBSan cannot look at an object's type, and calls it none.
#if __has_feature(undefined_behavior_sanitizer)
const auto kWays = testing::Values(true);
#else
const auto kWays = testing::Bool();
#endif
INSTANTIATE_TEST_SUITE_P(WithAndWithoutWatchesOfTheSystem, FileWatchTest, kWays);

}  // namespace
}  // namespace gw::control
