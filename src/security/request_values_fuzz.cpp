// Any bytes: every walk ends, keeps its limits, and what it gives can be looked at for attacks.
#include <cstdint>

#include "base/ensure.hpp"
#include "security/injection.hpp"
#include "security/request_values.hpp"

namespace {

struct Looker : gw::security::ValueVisitor {
    std::size_t values = 0;
    bool value(gw::security::ValuePlace, std::string_view name, std::string_view decoded) override {
        gw::ensure(decoded.size() <= 64 && name.size() <= 64, "values keep their limit");
        ++values;
        return !gw::security::find_injection(decoded);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    gw::security::RequestValues walk(
        {.values_max = 50, .value_bytes_max = 64, .json_depth_max = 8});
    Looker looker;
    walk.path(text, looker);
    walk.query(text, looker);
    walk.json(text, looker);
    walk.json(text, looker);  // nothing is left of the first
    gw::ensure(looker.values <= 50 * 5, "walks keep their limit");
    gw::ensure(walk.strings(text, looker) != gw::security::Walk::limited, "no more than the body");
    return 0;
}
