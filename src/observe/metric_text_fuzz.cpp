// Any text: as an Accept field it asks for one of two formats, and for OpenMetrics only if it names
// that; as the value of a label it stays on one line and between its quotes.
#include <cstdint>
#include <string>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "observe/metric_text.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (gw::observe::format_for(text) == gw::observe::TextFormat::open_metrics) {
        std::string folded(text);
        for (char& c : folded) {
            c = gw::lower(c);
        }
        gw::ensure(folded.find("application/openmetrics-text") != std::string::npos,
                   "nobody gets what he did not name");
    }
    std::string labels;
    gw::observe::append_label(labels, "route", text);
    gw::ensure(labels.find('\n') == std::string::npos, "a label stays on one line");
    bool open = false;
    std::size_t quotes = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] == '\\') {
            gw::ensure(open, "an escape stands between quotes");
            ++i;
        } else if (labels[i] == '"') {
            open = !open;
            ++quotes;
        }
    }
    gw::ensure(quotes == 2, "a value has two quotes");
    return 0;
}
