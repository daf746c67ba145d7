// Any bytes as a key set or as PEM: keys that come of them verify nothing that is no signature.
#include "identity/key_set.hpp"

#include <cstdint>
#include <string>

#include "base/ensure.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::identity;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::vector<SkippedKey> skipped;
    std::vector<Key> keys = parse_key_set(text, skipped).value_or(std::vector<Key>{});
    gw::ensure(keys.size() <= 64 && skipped.size() <= 65, "a long set costs little");
    // Setting up a decoder costs OpenSSL a hundred times what a look at a key set does.
    if (text.contains("-----BEGIN")) {
        if (auto key = Key::of_pem(text)) {
            keys.push_back(std::move(*key));
        }
    }
    for (const Key& key : keys) {
        gw::ensure(!key.allows(Algorithm::hs256), "what is public is no secret");
        for (unsigned i = 0; i <= static_cast<unsigned>(Algorithm::eddsa); ++i) {
            gw::ensure(!key.verifies(static_cast<Algorithm>(i), "text", ""), "nothing is signed");
        }
    }
    return 0;
}
