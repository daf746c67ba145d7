#include "state/disk_sync.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "state/redis_server_test_support.hpp"

namespace gw::state {
namespace {

net::Task<void> brings_files(TestLoop& turning, DiskSync& disk) {
    FILE* const file = std::tmpfile();
    EXPECT_NE(file, nullptr);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(::write(::fileno(file), "x", 1), 1);
        const auto done = co_await disk.sync(::fileno(file), turning.loop.now() + Millis{10'000});
        EXPECT_TRUE(done) << done.error().detail;
    }
    std::fclose(file);
    const net::Fd folder(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_TRUE(co_await disk.sync(folder.get(), turning.loop.now() + Millis{10'000}));
}

TEST(DiskSync, BringsFilesAndFoldersToTheDisk) {
    TestLoop turning;
    DiskSync disk(turning.loop);
    turning.run(brings_files(turning, disk));
}

net::Task<void> fails_on_a_pipe(TestLoop& turning, DiskSync& disk) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const net::Fd from(ends[0]);
    const net::Fd to(ends[1]);
    const auto done = co_await disk.sync(to.get(), turning.loop.now() + Millis{10'000});
    EXPECT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::system);
}

TEST(DiskSync, TellsWhatCannotBeBroughtThere) {
    TestLoop turning;
    DiskSync disk(turning.loop);
    turning.run(fails_on_a_pipe(turning, disk));
}

TEST(DiskSync, BlocksWhereThereIsNoAsynchronousWay) {
    TestLoop turning;
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    DiskSync disk(turning.loop);  // has no descriptor for an eventfd
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    turning.run(brings_files(turning, disk));
}

}  // namespace
}  // namespace gw::state
