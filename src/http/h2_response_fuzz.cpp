// Any fields, taken or refused: what is taken is well-formed, lies in the text given, and says one
// thing about its body. Names and values are cut at zero bytes.
#include <array>
#include <cstdint>
#include <string_view>

#include "base/ensure.hpp"
#include "http/h2_response.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::http;
    if (size == 0) {
        return 0;
    }
    std::array<char, 512> text{};
    ResponseHead head;
    H2ResponseReader reader(text, (data[0] & 1) != 0 ? Method::head : Method::get, head);
    std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto next = [&rest] {
        const std::size_t end = std::min(rest.find('\0'), rest.size());
        const std::string_view piece = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        return piece;
    };
    if ((data[0] & 2) != 0) {
        reader.take(":status", "200");
    }
    while (!rest.empty()) {
        const std::string_view name = next();
        reader.take(name, next());
    }
    const bool last = (data[0] & 4) != 0;
    reader.end(last);
    if (reader.defect() != nullptr) {
        return 0;
    }
    gw::ensure(head.status >= 100 && head.status <= 999 && head.status != 101, "a status");
    gw::ensure(!last || head.framing == Framing::none, "nothing follows the last frame");
    for (const Field& field : head.headers) {
        for (const std::string_view part : {field.name, field.value}) {
            gw::ensure(part.empty() || (part.data() >= text.data() &&
                                        part.data() + part.size() <= text.data() + text.size()),
                       "the head lies in its text");
            gw::ensure(part.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
                       "no line break in a field");
        }
    }
    return 0;
}
