#include "state/redis_node.hpp"

#include "base/random.hpp"
#include "base/text.hpp"
#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

// A dead connection is found after one pause and two answers that do not come: under a second.
constexpr Millis kAskEvery{250};
constexpr Millis kAnswerWithin{350};
constexpr std::string_view kChannel = "__redis__:invalidate";
constexpr Error kClosed{Errc::cancelled, Fault::store, Retry::yes, "Redis is not connected"};

// The value of "name:value" in what INFO says; "" if there is none.
std::string_view info_field(std::string_view info, std::string_view name) {
    while (!info.empty()) {
        const std::size_t end = std::min(info.find('\n'), info.size());
        std::string_view line = info.substr(0, end);
        info.remove_prefix(std::min(end + 1, info.size()));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (line.starts_with(name) && line.substr(name.size()).starts_with(':')) {
            return line.substr(name.size() + 1);
        }
    }
    return {};
}

// A life that nobody else names so: what was counted before is then looked for, as after a restart.
std::string unknown_life() {
    return "unknown-" + std::to_string(Random::fresh_seed());
}

}  // namespace

RedisNode::RedisNode(net::Loop& loop, const RedisPlace& place, const RedisTlsContext* tls,
                     RedisHost host, net::Address address, RedisRefusals& refusals, Owner& owner)
    : loop_(loop),
      place_(place),
      tls_(tls),
      host_(std::move(host)),
      address_(address),
      refusals_(refusals),
      owner_(owner),
      commands_(loop, tls, &told_),
      changes_(loop, tls, &told_),
      relay_(std::make_unique<RedisConnection>(loop, tls, nullptr)),
      next_(loop) {}

RedisLogin RedisNode::login() const {
    return {place_.user, place_.password, place_.db};
}

net::Task<Result<void>> RedisNode::open(std::vector<std::string> prefixes) {
    const Instant deadline = loop_.now() + place_.connect_timeout;
    for (RedisConnection* const connection : {&commands_, &changes_, relay_.get()}) {
        if (const auto opened = co_await connection->open(address_, host_.host, login(), deadline);
            !opened) {
            close(opened.error());
            co_return opened;
        }
    }
    Result<void> ready = co_await read_info(loop_.now() + place_.command_timeout);
    if (ready && !prefixes.empty()) {
        ready = co_await begin_tracking(std::move(prefixes), loop_.now() + place_.command_timeout);
    }
    if (ready && closed_) {
        ready = std::unexpected(kClosed);
    }
    if (!ready) {
        close(ready.error());
        co_return ready;
    }
    open_ = true;
    confirmed_ = loop_.now();
    scope_.spawn(watch());
    co_return ready;
}

net::Task<Result<void>> RedisNode::read_info(Instant deadline) {
    const auto replies =
        co_await commands_.run_all({{"INFO", "server"}, {"INFO", "replication"}}, deadline);
    if (!replies) {
        co_return std::unexpected(replies.error());
    }
    // INFO only says what the server is: bans can be followed without, and many an ACL leaves it
    // out.
    for (const RedisReply& reply : *replies) {
        if (reply.is(RedisReply::Kind::error) && !is_refusal(reply)) {
            co_return std::unexpected(error_of(reply.text));
        }
    }
    run_id_ = is_refusal((*replies)[0]) ? unknown_life()
                                        : std::string(info_field((*replies)[0].text, "run_id"));
    replica_ = info_field((*replies)[1].text, "role") == "slave";
    co_return Result<void>{};
}

net::Task<Result<void>> RedisNode::begin_tracking(std::vector<std::string> prefixes,
                                                  Instant deadline) {
    const auto id = co_await changes_.run({"CLIENT", "ID"}, deadline);
    if (!id) {
        co_return std::unexpected(id.error());
    }
    if (!id->is(RedisReply::Kind::integer)) {
        refusals_.bar({"CLIENT", "ID"}, *id);
        co_return std::unexpected(error_of(id->text));
    }
    const auto subscribed = co_await changes_.subscribe(std::string(kChannel), deadline);
    if (!subscribed) {
        co_return std::unexpected(subscribed.error());
    }
    if (subscribed->is(RedisReply::Kind::error)) {
        refusals_.bar({"SUBSCRIBE", std::string(kChannel)}, *subscribed);
        co_return std::unexpected(error_of(subscribed->text));
    }
    RedisCommand track{"CLIENT", "TRACKING", "ON", "REDIRECT", std::to_string(id->integer),
                       "BCAST"};
    for (std::string& prefix : prefixes) {
        track.emplace_back("PREFIX");
        track.push_back(std::move(prefix));
    }
    const auto tracking = co_await commands_.run(std::move(track), deadline);
    if (!tracking) {
        co_return std::unexpected(tracking.error());
    }
    if (tracking->is(RedisReply::Kind::error)) {
        refusals_.bar({"CLIENT", "TRACKING"}, *tracking);
        co_return std::unexpected(error_of(tracking->text));
    }
    co_return Result<void>{};
}

net::Task<void> RedisNode::watch() {
    while (!closed_) {
        co_await next_.until(loop_.now() + kAskEvery);
        for (RedisConnection* const connection : {&changes_, &commands_}) {
            if (closed_) {
                co_return;
            }
            const auto answer = co_await connection->run({"PING"}, loop_.now() + kAnswerWithin);
            if (answer && answer->is(RedisReply::Kind::error)) {
                close(error_of(answer->text));
            } else if (!answer) {
                close(answer.error());
            }
        }
        if (closed_) {
            co_return;
        }
        confirmed_ = loop_.now();
        if (!relay_->usable()) {
            co_await reopen_relay();
        }
    }
}

// An operator's command that took too long has cost its own connection, and nothing else.
net::Task<void> RedisNode::reopen_relay() {
    co_await relay_->end();
    if (closed_) {
        co_return;
    }
    relay_ = std::make_unique<RedisConnection>(loop_, tls_, nullptr);
    // Short: meanwhile nobody asks whether the others live.
    (void)co_await relay_->open(address_, host_.host, login(), loop_.now() + kAnswerWithin);
}

void RedisNode::told(const RedisReply& message) {
    if (message.items[1].text != kChannel) {
        return;
    }
    const RedisReply& keys = message.items[2];
    if (!keys.is(RedisReply::Kind::list)) {
        owner_.flushed();
        return;
    }
    for (const RedisReply& key : keys.items) {
        owner_.changed(key.text);
    }
}

void RedisNode::close(Error why) {
    if (closed_) {
        return;
    }
    closed_ = true;
    for (RedisConnection* const connection : {&commands_, &changes_, relay_.get()}) {
        connection->close(why);
    }
    next_.wake();
    if (open_) {
        owner_.lost(why);
    }
}

net::Task<void> RedisNode::end() {
    close(kClosed);
    co_await scope_.all_done();
    co_await commands_.end();
    co_await changes_.end();
    co_await relay_->end();
}

}  // namespace gw::state
