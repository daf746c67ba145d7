#include "gateway/balance_key.hpp"

#include "base/text.hpp"
#include "gateway/shard.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    return hash;
}

std::string_view parameter(const Exchange& x, std::string_view name) {
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        if (x.route->parameters[i] == name) {
            return x.memory.parameters[i];
        }
    }
    return {};
}

std::string_view header(const Exchange& x, std::string_view name) {
    for (const http::Field& field : x.head().headers) {
        if (equal_ignore_case(field.name, name)) {
            return field.value;
        }
    }
    return {};
}

std::string_view cookie(const Exchange& x, std::string_view name) {
    for (const http::Field& field : x.head().headers) {
        if (field.known == http::Known::cookie) {
            if (const std::string_view value = cookie_value(field.value, name); !value.empty()) {
                return value;
            }
        }
    }
    return {};
}

std::string_view value_of(const Exchange& x, const upstream::HashKey& key) {
    switch (key.of) {
        case upstream::HashKey::Of::user:
            return x.identity != nullptr ? std::string_view{x.identity->subject}
                                         : std::string_view{};
        case upstream::HashKey::Of::header:
            return header(x, key.name);
        case upstream::HashKey::Of::cookie:
            return cookie(x, key.name);
        case upstream::HashKey::Of::parameter:
            return parameter(x, key.name);
        case upstream::HashKey::Of::address:
            break;
    }
    return {};
}

}  // namespace

std::string_view cookie_value(std::string_view field, std::string_view name) {
    while (!field.empty()) {
        const std::size_t end = std::min(field.find(';'), field.size());
        const std::string_view pair = trim_ows(field.substr(0, end));
        if (pair.size() > name.size() && pair[name.size()] == '=' && pair.starts_with(name)) {
            return pair.substr(name.size() + 1);
        }
        field.remove_prefix(std::min(end + 1, field.size()));
    }
    return {};
}

std::uint64_t balance_key(const Exchange& x, const upstream::HashKey& key) {
    const std::string_view value = value_of(x, key);
    return hash_of(value.empty() ? x.client_text : value);
}

}  // namespace gw::gateway
