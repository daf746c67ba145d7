// Any bytes give a document within its bounds, or mistakes; and values in it always have a place.
#include "base/ensure.hpp"
#include "config/document.hpp"

namespace {

std::size_t check(const gw::config::Node& node, std::size_t depth) {
    gw::ensure(depth <= gw::config::Document::kDepthMax + 1, "depth is bounded");
    gw::ensure(depth == 1 || (node.line > 0 && node.column > 0), "a value has a place");
    std::size_t count = 1;
    for (const gw::config::Node& item : node.items) {
        count += check(item, depth + 1);
    }
    for (const gw::config::Entry& entry : node.entries) {
        gw::ensure(node.find(entry.key) == &entry, "no key stands twice");
        count += check(entry.value, depth + 1);
    }
    return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using gw::config::Document;
    std::vector<gw::config::Mistake> mistakes;
    const Document document =
        Document::parse("fuzz", std::string(reinterpret_cast<const char*>(data), size), mistakes);
    gw::ensure(check(document.root, 1) <= Document::kNodesMax + Document::kAliasedNodesMax,
               "the number of values is bounded");
    for (const gw::config::Mistake& mistake : mistakes) {
        gw::ensure(!mistake.to_string().empty(), "a mistake says something");
    }
    return 0;
}
