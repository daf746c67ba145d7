#include <algorithm>
#include <cstdlib>

#include "gateway/shared_record.hpp"
#include "security/request_signature.hpp"

// What is read is bounded and frames nothing; written again it is read as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view rest(reinterpret_cast<const char*>(data), size);
    const gw::gateway::SharedPlace place{"c", "u", ""};
    for (const std::string& text :
         {std::string(rest), "gw1 " + gw::security::digest_of({"", rest}) + std::string(rest)}) {
        const auto record = gw::gateway::read_shared(text, place, "");
        if (!record) {
            continue;
        }
        const std::string again =
            gw::gateway::write_shared(place, *record->answer, record->fetched_in, "");
        const auto second = gw::gateway::read_shared(again, place, "");
        if (!second || *second->answer->body != *record->answer->body ||
            second->answer->lines != record->answer->lines || record->answer->lines.size() > size) {
            std::abort();
        }
    }
    return 0;
}
