// Whatever stands in the store: it is no record, or one that is written the same way again.
#include <cstdint>

#include "base/ensure.hpp"
#include "gateway/idempotency_record.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::gateway;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto record = read_idempotency(text);
    if (record && record->is == IdempotencyRecord::Is::answered) {
        const std::string again = write_answered(record->request, record->answer);
        const auto same = read_idempotency(again);
        gw::ensure(same && same->answer.lines == record->answer.lines &&
                       *same->answer.body == *record->answer.body,
                   "what is written is read the same");
    }
    return 0;
}
