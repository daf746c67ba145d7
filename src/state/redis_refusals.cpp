#include "state/redis_refusals.hpp"

#include <algorithm>

#include "state/redis_cluster.hpp"
#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

constexpr std::size_t kWordsMax = 200;
// Longer than a key's prefix and every option; values are longer.
constexpr std::size_t kArgumentMax = 1'024;

// As an ACL line has to name it. Of a key only what stands before its first colon: what follows may
// be anybody's secret.
std::string what_of(const RedisCommand& command) {
    std::string what = command.empty() ? std::string() : command.front();
    if (const auto key = first_key(command)) {
        const std::size_t colon = key->find(':');
        const bool channel = what == "SUBSCRIBE";
        what += ' ';
        what += channel || colon == std::string_view::npos
                    ? std::string(*key)
                    : std::string(key->substr(0, colon + 1)) + "*";
    } else if (command.size() > 1 && (what == "CLIENT" || what == "SCRIPT")) {
        what += ' ' + command[1];
    }
    return what;
}

std::string words_of(std::string_view text) {
    constexpr std::string_view kCode = "NOPERM ";
    if (text.starts_with(kCode)) {
        text.remove_prefix(kCode.size());
    }
    return std::string(text.substr(0, std::min(text.find_first_of("\r\n"), kWordsMax)));
}

// Redis 6 and 7.0 say it with "ERR", later ones with "NOPERM ACL failure in script".
bool came_of_script(std::string_view text) {
    return !text.starts_with("NOPERM") || text.contains("in script");
}

}  // namespace

bool is_refusal(const RedisReply& reply) {
    return reply.is(RedisReply::Kind::error) && complaint_of(reply.text) == Complaint::permission;
}

void RedisRefusals::note(const RedisCommand& command, const RedisReply& reply, Instant now) {
    if (!is_refusal(reply)) {
        return;
    }
    std::string what = what_of(command);
    if (const auto same = std::ranges::find(noted_, what, &Noted::what); same != noted_.end()) {
        same->met = now;
        return;
    }
    if (noted_.size() == kMost) {
        return;
    }
    Noted noted{std::move(what), words_of(reply.text), command, came_of_script(reply.text), now};
    for (std::string& argument : noted.command) {
        argument.resize(std::min(argument.size(), kArgumentMax));
    }
    noted_.push_back(std::move(noted));
}

void RedisRefusals::bar(const RedisCommand& command, const RedisReply& reply) {
    if (is_refusal(reply)) {
        barred_ = std::string(kNotPermitted) + what_of(command) + ": " + words_of(reply.text);
    }
}

std::string RedisRefusals::text() const {
    std::string text;
    for (const Noted& noted : noted_) {
        text += text.empty() ? kNotPermitted : "; ";
        text += noted.what + ": " + noted.words;
    }
    return text;
}

std::vector<RedisCommand> RedisRefusals::to_try() const {
    std::vector<RedisCommand> commands;
    for (const Noted& noted : noted_) {
        if (!noted.in_script) {
            commands.push_back(noted.command);
        }
    }
    return commands;
}

void RedisRefusals::permitted(const RedisCommand& tried) {
    std::erase_if(noted_, [&](const Noted& noted) { return noted.command == tried; });
}

void RedisRefusals::still_refused(const RedisCommand& tried, Instant now) {
    const auto noted = std::ranges::find(noted_, tried, &Noted::command);
    if (noted != noted_.end()) {
        noted->met = now;
    }
}

bool RedisRefusals::forget_old(Instant now) {
    return std::erase_if(noted_, [now](const Noted& noted) { return now - noted.met >= kStays; }) >
           0;
}

}  // namespace gw::state
