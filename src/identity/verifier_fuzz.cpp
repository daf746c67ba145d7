// Any bytes as a token, against keys of all kinds that have signed nothing: never accepted.
#include "identity/verifier.hpp"

#include <cstdint>

#include "base/encoding.hpp"
#include "base/ensure.hpp"

namespace {

using namespace gw::identity;

// Anybody could sign for some of these, but no mutation of bytes comes upon a signature.
const KeySet& keys() {
    static const KeySet kKeys = [] {
        std::vector<SkippedKey> skipped;
        auto all = parse_key_set(
            R"({"keys":[{"kty":"EC","crv":"P-256","kid":"ec","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
            R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},{"kty":"OKP","crv":"Ed25519","kid":"ed",)"
            R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"RSA","kid":"rsa","e":"AQAB","n":")" +
                gw::base64url_encode(std::string(256, '\xC1')) + "\"}]}",
            skipped);
        gw::ensure(all && all->size() == 3, "the keys are sound");
        all->push_back(*Key::of_secret("a secret of 32 bytes or more ...."));
        return KeySet(std::move(*all));
    }();
    return kKeys;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const gw::WallTime now{std::chrono::seconds(1'800'000'000)};
    gw::ensure(!verify(text, keys(), {}, now), "nobody has signed it");
    // The same bytes as the parts of a token, so that the fuzzer need not learn base64url first.
    const std::size_t end = text.find('\n');
    const std::string_view rest = end == std::string_view::npos ? "" : text.substr(end + 1);
    const std::size_t second = rest.find('\n');
    const std::string_view signature =
        second == std::string_view::npos ? "" : rest.substr(second + 1);
    const std::string token = gw::base64url_encode(text.substr(0, end)) + '.' +
                              gw::base64url_encode(rest.substr(0, second)) + '.' +
                              gw::base64url_encode(signature);
    gw::ensure(!verify(token, keys(), {}, now), "nobody has signed it");
    return 0;
}
