// Any bytes as sections of fields, one behind the other on a connection: with secrets in plain text
// each says what it said, to a decoder whose table has the same history.
#include "http/h2_unpack.hpp"

#include <array>
#include <cstdint>

#include "base/ensure.hpp"
#include "http/h2_unpack_test_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::http;
    constexpr std::size_t kHead = 9;
    constexpr char kEndHeaders = 4;
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    H2Unpack unpack;
    const Inflater as_it_came = make_inflater();
    const Inflater unpacked = make_inflater();
    std::array<char, 4096> room;
    while (bytes.size() >= 2) {
        const auto at = [&](std::size_t i) {
            return std::size_t{static_cast<std::uint8_t>(bytes[i])};
        };
        const std::size_t length = at(0) << 8U | at(1);
        const std::string_view section = bytes.substr(2, length);
        bytes.remove_prefix(2 + section.size());
        const std::string frame = headers_frame(section, kEndHeaders);
        const std::string_view plain = unpack.plain(frame, room);
        const auto wanted = read_section(as_it_came.get(), section);
        const auto got =
            read_section(unpacked.get(), plain.empty() ? section : plain.substr(kHead));
        gw::ensure(wanted == got, "another section than the one that came");
        if (!wanted) {
            break;
        }
    }
    return 0;
}
