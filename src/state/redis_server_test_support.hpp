// A real redis-server (or redis-sentinel) for tests: on a free port, in a directory of its own,
// ended by its process id and with this process at the latest.
#pragma once

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/ensure.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "state/store.hpp"

namespace gw::state {

inline bool redis_is_installed() {
    return ::access("/usr/bin/redis-server", X_OK) == 0 &&
           ::access("/usr/bin/redis-cli", X_OK) == 0;
}

// Sockets that hold ports until all of a test's ports are chosen would be taken by nobody else
// either: the kernel gives out another port each time.
inline std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ensure(::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0, "a free port");
    ensure(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0, "its number");
    ::close(fd);
    return ntohs(address.sin_port);
}

class RedisProcess {
  public:
    // more: lines of its configuration file.
    explicit RedisProcess(std::vector<std::string> more = {}, bool sentinel = false)
        : port_(free_port()), more_(std::move(more)), sentinel_(sentinel) {
        std::string pattern = std::filesystem::temp_directory_path() / "gw-redis-XXXXXX";
        ensure(::mkdtemp(pattern.data()) != nullptr, "a directory for redis");
        directory_ = pattern;
        start();
    }
    RedisProcess(const RedisProcess&) = delete;
    RedisProcess& operator=(const RedisProcess&) = delete;
    ~RedisProcess() {
        kill();
        std::filesystem::remove_all(directory_);
    }

    // more: a line of its configuration, for this start.
    void start(const std::string& more = "") {
        write_configuration(more);
        const std::string file = directory_ / "redis.conf";
        pid_ = ::fork();
        ensure(pid_ >= 0, "a process for redis");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::execl("/usr/bin/redis-server", "redis-server", file.c_str(),
                    sentinel_ ? "--sentinel" : nullptr, nullptr);
            ::_exit(127);
        }
    }
    void signal(int number) const { ::kill(pid_, number); }
    void kill() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
            pid_ = -1;
        }
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    // What redis-cli prints for these arguments, as an operator types them.
    std::string cli(const std::string& arguments) const {
        const std::string command =
            "timeout 5 redis-cli -p " + std::to_string(port_) + " " + arguments + " 2>&1";
        FILE* const pipe = ::popen(command.c_str(), "r");
        std::string printed;
        std::array<char, 4096> part{};
        while (std::size_t got = std::fread(part.data(), 1, part.size(), pipe)) {
            printed.append(part.data(), got);
        }
        ::pclose(pipe);
        while (printed.ends_with('\n')) {
            printed.pop_back();
        }
        return printed;
    }

  private:
    void write_configuration(const std::string& more) const {
        std::ofstream file(directory_ / "redis.conf");
        file << "port " << port_ << "\nbind 127.0.0.1\ndir " << directory_.string()
             << "\nlogfile redis.log\n";
        if (!sentinel_) {
            file << "save \"\"\nrepl-diskless-sync-delay 0\n";
        }
        for (const std::string& line : more_) {
            file << line << "\n";
        }
        file << more << "\n";
    }
    std::uint16_t port_;
    std::vector<std::string> more_;
    bool sentinel_;
    std::filesystem::path directory_;
    pid_t pid_ = -1;
};

// Remembers what it is told, as the gateway does.
class TestFollower final : public Follower {
  public:
    void known(const KnownEntry& entry) override {
        entries.insert_or_assign(entry.key, entry);
        named.insert(entry.key);
    }
    void gone(std::string_view key) override { entries.erase(std::string(key)); }
    void no_text(std::string_view key) override {
        gone(key);
        no_texts.emplace_back(key);
    }
    void listing_began() override { named.clear(); }
    void listing_ended() override {
        std::erase_if(entries, [this](const auto& e) { return !named.contains(e.first); });
        ++listings;
    }
    void backend_changed(bool available, const char* why) override {
        changes.emplace_back(available ? "up" : why);
    }
    void refuses(std::string_view what) override { refusals.emplace_back(what); }
    std::vector<KnownEntry> everything() override {
        std::vector<KnownEntry> all;
        for (const auto& [key, entry] : entries) {
            all.push_back(entry);
        }
        return all;
    }

    [[nodiscard]] bool up() const { return !changes.empty() && changes.back() == "up"; }
    [[nodiscard]] bool down() const { return !changes.empty() && changes.back() != "up"; }
    [[nodiscard]] std::string value(const std::string& key) const {
        const auto found = entries.find(key);
        return found == entries.end() ? "(none)" : found->second.value;
    }

    std::map<std::string, KnownEntry> entries;
    std::set<std::string> named;
    std::vector<std::string> no_texts;
    std::vector<std::string> changes;
    std::vector<std::string> refusals;
    int listings = 0;
};

// A loop on which the coroutine of a test runs to its end, bounded in time.
class TestLoop {
  public:
    TestLoop() : limit_(loop) {}
    void run(net::Task<void> body) {
        loop.timers().arm(limit_, loop.now() + Millis{60'000});
        scope_.spawn(stop_after(std::move(body)));
        loop.run();
        ensure(scope_.live() == 0, "the test did not end in time");
    }
    // Turns the loop until it holds. False: it did not, within `limit`.
    net::Task<bool> until(std::function<bool()> holds, Millis limit = Millis{15'000}) {
        const Instant end = loop.now() + limit;
        net::Pause pause(loop);
        while (!holds() && loop.now() < end) {
            co_await pause.until(loop.now() + Millis{5});
        }
        co_return holds();
    }

    net::Loop loop;

  private:
    net::Task<void> stop_after(net::Task<void> body) {
        co_await std::move(body);
        loop.stop();
    }
    struct Limit : net::Timer {
        explicit Limit(net::Loop& l)
            : Timer([](net::Timer& t) { static_cast<Limit&>(t).owner.stop(); }), owner(l) {}
        net::Loop& owner;
    };
    Limit limit_;
    net::Scope scope_;
};

}  // namespace gw::state
