// Arbitrary bytes as a schema and a value: `schema` newline-newline `value`. Compiling and checking
// end, and what is said of the value does not depend on whether faults are listed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ensure.hpp"
#include "schema/validator.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::schema;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = text.find("\n\n");
    JsonDocument schema;
    if (cut == std::string_view::npos ||
        schema.parse(text.substr(0, cut)) != JsonDocument::Defect::none) {
        return 0;
    }
    for (const Dialect dialect : {Dialect::draft2020, Dialect::openapi30}) {
        Compiled compiled;
        Compiler compiler(schema.root(), {.dialect = dialect, .strict = false}, compiled);
        compiler.announce(schema.root(), "");
        const Subschema* const root = compiler.add(schema.root(), "");
        compiler.finish();
        JsonDocument value;
        if (!compiler.defects().empty() ||
            value.parse(text.substr(cut + 2)) != JsonDocument::Defect::none) {
            continue;
        }
        Validator validator;
        Faults faults;
        const bool good = validator.check(compiled, *root, value.root(), faults);
        gw::ensure(good == faults.none(), "a verdict without its reason");
        gw::ensure(faults.list.size() <= Faults::kMax, "more faults than are told");
        gw::ensure(compare(value.root(), value.root()) == 0, "a value is what it is");
    }
    return 0;
}
