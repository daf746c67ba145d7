// The keys that tokens are verified with: those of the configuration and those that the issuer
// publishes (RFC 7517). Immutable once shared; any thread.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "identity/key.hpp"
#include "identity/token_options.hpp"

namespace gw::identity {

// A key that could not be taken: which, and why. For the log.
struct SkippedKey {
    std::string name;
    std::string why;
};

class KeySet {
  public:
    KeySet() = default;
    explicit KeySet(std::vector<Key> keys) : keys_(std::move(keys)) {}

    // The keys that may have signed a token of this algorithm and key id: those of that id, and
    // those without one; without an id, all that allow the algorithm. `visit` returns true to stop.
    template <class Visit>
    void candidates(std::optional<std::string_view> kid, Algorithm algorithm, Visit visit) const {
        for (const Key& key : keys_) {
            const bool named = !kid || key.kid().empty() || key.kid() == *kid;
            if (named && key.allows(algorithm) && visit(key)) {
                return;
            }
        }
    }
    // Does any key have this id, whatever its algorithms?
    [[nodiscard]] bool knows(std::string_view kid) const;
    [[nodiscard]] bool has_named() const {
        return std::ranges::any_of(keys_, [](const Key& key) { return !key.kid().empty(); });
    }
    [[nodiscard]] std::size_t size() const { return keys_.size(); }

  private:
    std::vector<Key> keys_;
};

// The keys of a document. Nothing if it is no key set at all; keys of it that cannot be used are
// skipped.
std::optional<std::vector<Key>> parse_key_set(std::string_view document,
                                              std::vector<SkippedKey>& skipped);

// The keys that the configuration names itself.
std::vector<Key> configured_keys(const TokenOptions& options, std::vector<SkippedKey>& skipped);

}  // namespace gw::identity
