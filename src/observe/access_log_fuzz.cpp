// Any path and query, cut at the first line feed: the masked target stays the inside of a JSON
// string, and the value of a secret parameter that is put behind them is never shown.
#include <cstdint>
#include <string>

#include "base/ensure.hpp"
#include "observe/access_log.hpp"
#include "observe/json_test_support.hpp"
#include "observe/masked_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::string_view kSecret = "se;sa%6De=x";
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = std::min(text.find('\n'), size);
    const std::string_view path = text.substr(0, cut);
    const std::string query =
        std::string(text.substr(std::min(cut + 1, size))) + "&To%6ben=" + std::string(kSecret);
    std::string out;
    gw::observe::append_masked_target(out, path, query, true);
    gw::ensure(gw::observe::is_escaped(out), "it is the inside of a string");
    if (text.find("sa%6De") == std::string_view::npos) {
        gw::ensure(out.find("sa%6De") == std::string::npos, "the secret is not shown");
    }
    return 0;
}
