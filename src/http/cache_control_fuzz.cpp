#include "base/ensure.hpp"
#include "http/cache_control.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    gw::http::CacheControl whole;
    gw::http::parse_cache_control(text, whole);
    for (const auto& time : {whole.max_age, whole.s_maxage, whole.min_fresh, whole.max_stale,
                             whole.stale_while_revalidate, whole.stale_if_error}) {
        gw::ensure(!time || (time->count() >= 0 && *time <= gw::http::kDeltaSecondsMax),
                   "a time within its bounds");
    }
    return 0;
}
