// What an operator's page may ask in a query and in Accept-Encoding: any bytes.
#include "base/ensure.hpp"
#include "control/console_assets.hpp"
#include "control/line_query.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const gw::observe::LineFilter filter = gw::control::read_filter(text);
    gw::ensure(filter.requests || filter.events, "some lines are wanted");
    // As a line that came from somewhere, too.
    static_cast<void>(filter.fits(text));
    static_cast<void>(gw::control::takes_gzip(text));
    return 0;
}
