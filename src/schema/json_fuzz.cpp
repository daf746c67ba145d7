// Arbitrary bytes as JSON; what is JSON, as a file of schemas as well. Such a file may be YAML too:
// document_fuzz reads that.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ensure.hpp"
#include "schema/contract.hpp"
#include "schema/decimal.hpp"

namespace {

void walk(const gw::schema::Value& value) {
    using namespace gw::schema;
    if (value.is(Kind::number)) {
        const Decimal number(value.text);
        gw::ensure(number == Decimal(value.text) && !(number < number), "a number is what it is");
    }
    if (value.is(Kind::array)) {
        for (const Value& each : value.elements()) {
            walk(each);
        }
    }
    for (std::size_t i = 0; value.is(Kind::object) && i < value.count; ++i) {
        gw::ensure(value.find(value.name(i)) == &value.member(i), "a member is found by its name");
        walk(value.member(i));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::schema;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    JsonDocument document;
    if (document.parse(text) != JsonDocument::Defect::none) {
        return 0;
    }
    walk(document.root());
    std::vector<gw::config::Mistake> mistakes;
    const auto contract =
        Contract::of_api(Source::of("fuzz.yaml", std::string(text), mistakes), "", mistakes);
    gw::ensure((contract != nullptr) == mistakes.empty(), "what is refused is blamed");
    return 0;
}
