#include "identity/key_set.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "identity/strict_json.hpp"

namespace gw::identity {
namespace {

constexpr std::size_t kKeysMax =
    64;  // each costs a try where a token names none, or a line of the log

}  // namespace

bool KeySet::knows(std::string_view kid) const {
    return std::ranges::any_of(keys_, [kid](const Key& key) { return key.kid() == kid; });
}

std::optional<std::vector<Key>> parse_key_set(std::string_view document,
                                              std::vector<SkippedKey>& skipped) {
    boost::system::error_code error;
    boost::json::parse_options options;
    options.max_depth = 8;
    const boost::json::value value =
        boost::json::parse({document.data(), document.size()}, error, {}, options);
    const boost::json::object* const set = error ? nullptr : value.if_object();
    const boost::json::value* const keys = set != nullptr ? set->if_contains("keys") : nullptr;
    const boost::json::array* const list = keys != nullptr ? keys->if_array() : nullptr;
    if (list == nullptr) {
        return std::nullopt;
    }
    std::vector<Key> found;
    for (const boost::json::value& each : *list) {
        const std::optional<JsonMembers> jwk = JsonMembers::parse(boost::json::serialize(each));
        const std::string* const kid = jwk ? jwk->text("kid") : nullptr;
        const std::string name = kid != nullptr ? *kid : "(no kid)";
        if (found.size() + skipped.size() >= kKeysMax) {
            skipped.push_back({name, "there are too many keys"});
            break;
        }
        Key::Made key = jwk ? Key::of_jwk(*jwk) : std::unexpected("it is no object");
        if (key) {
            found.push_back(std::move(*key));
        } else {
            skipped.push_back({name, std::move(key.error())});
        }
    }
    return found;
}

std::vector<Key> configured_keys(const TokenOptions& options, std::vector<SkippedKey>& skipped) {
    std::vector<Key> keys;
    const auto add = [&](const char* name, const std::string& text, auto make) {
        if (text.empty()) {
            return;
        }
        Key::Made key = make(text);
        if (key) {
            keys.push_back(std::move(*key));
        } else {
            skipped.push_back({name, std::move(key.error())});
        }
    };
    add("public_key", options.public_key, &Key::of_pem);
    add("public_key_previous", options.public_key_previous, &Key::of_pem);
    add("secret", options.secret, &Key::of_secret);
    return keys;
}

}  // namespace gw::identity
