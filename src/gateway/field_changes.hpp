// Fields that an operator sets, adds and takes out of messages on their way. Names that the gateway
// answers for are refused with the configuration: nothing here can claim an identity, move the end
// of a message or speak for the gateway.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/field.hpp"
#include "gateway/text_template.hpp"
#include "http/headers.hpp"

namespace gw::gateway {

struct Exchange;

// "X-Source: edge-{tenant}".
struct FieldTemplate {
    std::string name;
    TextTemplate value;

    static constexpr std::string_view kPattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+:.*$";
    static std::expected<FieldTemplate, config::Flaw> parse(std::string_view line);
    [[nodiscard]] std::string to_string() const { return name + ": " + value.to_string(); }
    bool operator==(const FieldTemplate&) const = default;
};

struct FieldChanges {
    static constexpr std::size_t kEachMax = 16;

    std::vector<FieldTemplate> set;
    std::vector<FieldTemplate> add;
    std::vector<std::string> remove;

    [[nodiscard]] bool empty() const { return set.empty() && add.empty() && remove.empty(); }
};

std::optional<config::Flaw> check_field_name(std::string_view name);

template <class Visitor>
void fields(Visitor& field, FieldChanges& o) {
    using namespace config;
    field(
        "set", o.set,
        "`\"Name: value\"`: in place of what came under that name; the value may use `{id}` of the "
        "path, `{tenant}`, `{user}`, `{request_id}`, …, and one that comes out empty is left out");
    field("add", o.add, "the same, beside what came under that name");
    field("remove", o.remove, Check{check_field_name, "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
          "names that are taken out, before anything is set");
}

enum class Towards : std::uint8_t { service, client };

// What is wrong with them, each with the list that it stands in. authorization: Authorization may
// be written towards services.
struct FieldFlaw {
    std::string_view list;  // "set", "add", "remove"
    config::Flaw flaw;
};
std::vector<FieldFlaw> flaws_of(const FieldChanges& changes, Towards towards, bool authorization);

// False: the message would have more fields than it may.
[[nodiscard]] bool change_fields(const Exchange& x, const FieldChanges& changes,
                                 http::Headers& headers);

}  // namespace gw::gateway
