#include "state/redis_reply.hpp"

// Replies of Redis are read here; state/resp is the other direction, the server's.
#include <hiredis/read.h>

#include <algorithm>
#include <utility>

#include "base/ensure.hpp"

namespace gw::state {
namespace {

// Elements that are made room for before they have come.
constexpr int kReserveMax = 1024;

// Where the object of `task` is to stand. Only arrays that are still being read hold pointers, and
// their own siblings are complete by then, so a growing vector moves nothing that is pointed at.
RedisReply* place(const redisReadTask* task) {
    if (task->parent == nullptr) {
        auto* const root = static_cast<RedisReply*>(task->privdata);
        *root = {};
        return root;
    }
    auto* const list = static_cast<RedisReply*>(task->parent->obj);
    return &list->items.emplace_back();
}

void* make_text(const redisReadTask* task, char* bytes, std::size_t length) {
    RedisReply* const reply = place(task);
    reply->kind = task->type == REDIS_REPLY_ERROR    ? RedisReply::Kind::error
                  : task->type == REDIS_REPLY_STATUS ? RedisReply::Kind::status
                                                     : RedisReply::Kind::text;
    reply->text.assign(bytes, length);
    return reply;
}

void* make_list(const redisReadTask* task, int elements) {
    RedisReply* const reply = place(task);
    reply->kind = RedisReply::Kind::list;
    reply->items.reserve(static_cast<std::size_t>(std::clamp(elements, 0, kReserveMax)));
    return reply;
}

void* make_integer(const redisReadTask* task, long long value) {
    RedisReply* const reply = place(task);
    reply->kind = RedisReply::Kind::integer;
    reply->integer = value;
    return reply;
}

void* make_nil(const redisReadTask* task) {
    return place(task);
}

// Everything belongs to the root, which belongs to the reader.
void free_nothing(void* /*object*/) {}

redisReplyObjectFunctions functions() {
    return {make_text, make_list, make_integer, make_nil, free_nothing};
}

redisReplyObjectFunctions* shared_functions() {
    static redisReplyObjectFunctions table = functions();
    return &table;
}

void append_line(std::string& out, char type, std::string_view text) {
    out += type;
    // A status or an error is one line, whatever a server's reply was.
    for (const char c : text) {
        out += c == '\r' || c == '\n' ? ' ' : c;
    }
    out += "\r\n";
}

void append_bulk(std::string& out, std::string_view text) {
    append_line(out, '$', std::to_string(text.size()));
    out += text;
    out += "\r\n";
}

}  // namespace

void RedisReplyReader::Free::operator()(redisReader* reader) const {
    redisReaderFree(reader);
}

RedisReplyReader::RedisReplyReader() : reader_(redisReaderCreateWithFunctions(shared_functions())) {
    ensure(reader_ != nullptr, "out of memory for a reader of replies");
    reader_->privdata = &root_;
}

RedisReplyReader::~RedisReplyReader() = default;

Result<void> RedisReplyReader::feed(std::string_view bytes) {
    waiting_ += bytes.size();
    if (waiting_ > kReplyMax) {
        return fail(Errc::too_large, Fault::store, "Redis sent a reply beyond every limit");
    }
    if (redisReaderFeed(reader_.get(), bytes.data(), bytes.size()) != REDIS_OK) {
        return fail(Errc::malformed, Fault::store, "Redis sent bytes that are no reply");
    }
    return {};
}

Result<std::optional<RedisReply>> RedisReplyReader::next() {
    void* reply = nullptr;
    if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
        if (std::string_view(reader_->errstr).contains("nested")) {
            return fail(Errc::malformed, Fault::store,
                        "Redis sent a reply that is nested too deep to be relayed");
        }
        return fail(Errc::malformed, Fault::store, "Redis sent bytes that are no reply");
    }
    if (reply == nullptr) {
        return std::nullopt;
    }
    waiting_ = reader_->len - reader_->pos;
    return std::exchange(root_, {});
}

void append_command(std::string& out, const RedisCommand& command) {
    append_line(out, '*', std::to_string(command.size()));
    for (const std::string& argument : command) {
        append_bulk(out, argument);
    }
}

void append_reply(std::string& out, const RedisReply& reply) {
    switch (reply.kind) {
        case RedisReply::Kind::nil:
            out += "$-1\r\n";
            return;
        case RedisReply::Kind::status:
            return append_line(out, '+', reply.text);
        case RedisReply::Kind::error:
            return append_line(out, '-', reply.text);
        case RedisReply::Kind::integer:
            return append_line(out, ':', std::to_string(reply.integer));
        case RedisReply::Kind::text:
            return append_bulk(out, reply.text);
        case RedisReply::Kind::list:
            append_line(out, '*', std::to_string(reply.items.size()));
            for (const RedisReply& item : reply.items) {
                append_reply(out, item);
            }
    }
}

}  // namespace gw::state
