// Any bytes: entries, or a damage within them; what was read is written as it was.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ensure.hpp"
#include "state/snapshot_text.hpp"

namespace {

void check(std::string_view text) {
    const auto read = gw::state::read_snapshot(text);
    if (!read) {
        gw::ensure(read.error().offset <= text.size(), "a damage lies within the file");
        return;
    }
    gw::state::SnapshotWriter writer;
    for (const gw::state::KnownEntry& entry : *read) {
        writer.add(entry.key, entry.value, entry.expires);
    }
    writer.end();
    const std::string written = writer.take();
    const auto again = gw::state::read_snapshot(written);
    gw::ensure(again.has_value() && again->size() == read->size(), "it is read again");
    for (std::size_t i = 0; i < read->size(); ++i) {
        gw::ensure((*again)[i].key == (*read)[i].key && (*again)[i].value == (*read)[i].value &&
                       (*again)[i].expires == (*read)[i].expires,
                   "and is the same");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(bytes);
    // Entries that may or may not make sense, without a sum; and an entry of these bytes, with one.
    gw::state::SnapshotWriter writer;
    std::string text = writer.take();
    text += bytes;
    check(text);
    const std::size_t split = size == 0 ? 0 : data[0] % (size + 1);
    writer.add(bytes.substr(0, split), bytes.substr(split), std::nullopt);
    writer.end();
    text.resize(text.size() - size);
    text += writer.take();
    gw::ensure(gw::state::read_snapshot(text).has_value(), "what is written is read");
    check(text);
    return 0;
}
