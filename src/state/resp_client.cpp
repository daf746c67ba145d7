#include "state/resp_client.hpp"

// The one place that asks and blocks; everything else goes by redis_connection.
#include <hiredis/hiredis.h>

namespace gw::state {
namespace {

timeval timeval_of(Millis time) {
    return {.tv_sec = time.count() / 1'000, .tv_usec = (time.count() % 1'000) * 1'000};
}

struct FreeReply {
    void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};

// hiredis bounds how deep replies are.
RedisReply value_of(const redisReply& reply) {
    using Kind = RedisReply::Kind;
    RedisReply value;
    switch (reply.type) {
        case REDIS_REPLY_INTEGER:
            value.kind = Kind::integer;
            value.integer = reply.integer;
            break;
        case REDIS_REPLY_ARRAY:
            value.kind = Kind::list;
            for (std::size_t i = 0; i < reply.elements; ++i) {
                value.items.push_back(value_of(*reply.element[i]));
            }
            break;
        case REDIS_REPLY_STRING:
        case REDIS_REPLY_STATUS:
        case REDIS_REPLY_ERROR:
            value.kind = reply.type == REDIS_REPLY_STRING   ? Kind::text
                         : reply.type == REDIS_REPLY_STATUS ? Kind::status
                                                            : Kind::error;
            value.text.assign(reply.str, reply.len);
            break;
        default:
            break;
    }
    return value;
}

void append(redisContext* context, const RedisCommand& command) {
    std::vector<const char*> words;
    std::vector<std::size_t> sizes;
    for (const std::string& word : command) {
        words.push_back(word.data());
        sizes.push_back(word.size());
    }
    // Fails only when memory does; the reply's reading then says so.
    ::redisAppendCommandArgv(context, static_cast<int>(words.size()), words.data(), sizes.data());
}

}  // namespace

void RespClient::Free::operator()(redisContext* context) const {
    ::redisFree(context);
}

RespClient::Outcome<RespClient> RespClient::connect(std::uint16_t port, const std::string& password,
                                                    Millis within) {
    RespClient client(::redisConnectWithTimeout("127.0.0.1", port, timeval_of(within)));
    if (client.context_ == nullptr || client.context_->err != 0) {
        return client.broken();
    }
    ::redisSetTimeout(client.context_.get(), timeval_of(within));
    if (!password.empty()) {
        const auto reply = client.run({"AUTH", password});
        // A server without one takes everybody.
        if (!reply && (reply.error().unreachable || reply.error().why.starts_with("WRONGPASS"))) {
            return std::unexpected(reply.error());
        }
    }
    return client;
}

RespClient::Outcome<RedisReply> RespClient::run(const RedisCommand& command) {
    auto replies = run_all({command});
    if (!replies) {
        return std::unexpected(std::move(replies.error()));
    }
    RedisReply& reply = replies->front();
    if (reply.is(RedisReply::Kind::error)) {
        return std::unexpected(Failure{.unreachable = false, .why = std::move(reply.text)});
    }
    return std::move(reply);
}

RespClient::Outcome<std::vector<RedisReply>> RespClient::run_all(
    const std::vector<RedisCommand>& commands) {
    for (const RedisCommand& command : commands) {
        append(context_.get(), command);
    }
    std::vector<RedisReply> replies;
    replies.reserve(commands.size());
    for (std::size_t i = 0; i < commands.size(); ++i) {
        void* raw = nullptr;
        if (::redisGetReply(context_.get(), &raw) != REDIS_OK || raw == nullptr) {
            return broken();
        }
        const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(raw));
        replies.push_back(value_of(*reply));
    }
    return replies;
}

std::unexpected<RespClient::Failure> RespClient::broken() const {
    std::string why =
        context_ == nullptr ? "there is no memory for a connection" : std::string(context_->errstr);
    // What the system says of a passed time limit helps nobody.
    if (why == "Resource temporarily unavailable") {
        why = "it takes too long";
    }
    return std::unexpected(Failure{.unreachable = true, .why = std::move(why)});
}

}  // namespace gw::state
