// Any text: it becomes the inside of a JSON string that is no more than six times as long, is not
// looked at twice differently, and is left alone if it needs nothing.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/ensure.hpp"
#include "observe/json_line.hpp"
#include "observe/json_test_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string out;
    gw::observe::append_escaped(out, text);
    gw::ensure(gw::observe::is_escaped(out), "it is the inside of a string");
    gw::ensure(out.size() <= 6 * size, "one byte becomes six at most");
    std::string copied(size, 'x');
    const bool plain = gw::observe::copy_plain(copied.data(), text);
    gw::ensure(!plain || (out == text && copied == text), "what is copied needs nothing else");
    const bool ascii = std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
    gw::ensure(plain == (ascii && out == text), "ASCII that needs nothing is copied, nothing else");
    return 0;
}
