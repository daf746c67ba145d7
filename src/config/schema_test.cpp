#include "config/schema.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace gw::config {
namespace {

enum class Size { small, large, between };
constexpr std::array<std::pair<std::string_view, Size>, 3> names_of(Size) {
    return {{{"small", Size::small}, {"large", Size::large}, {"1.2", Size::between}}};
}

struct Part {
    std::string url;
    bool on = true;
};
template <class Visitor>
void fields(Visitor& field, Part& o) {
    field("url", o.url, Required{}, Check{nullptr, "^http"}, "where | it is");
    field("on", o.on, "switch");
}

struct Whole {
    std::chrono::milliseconds wait{250};
    std::uint16_t port = 3000;
    Size size = Size::large;
    std::string token = "never shown";
    std::vector<std::string> tags{"a", "b\""};
    Part part;
    std::vector<Part> list;
    std::map<std::string, Part> map;
};
template <class Visitor>
void fields(Visitor& field, Whole& o) {
    field("wait_ms", o.wait, Range{1, 9}, "time");
    field("port", o.port, Env{"PORT"}, "port");
    field("size", o.size, AtStart{}, "size");
    field("token", o.token, Env{"TOKEN"}, Secret{}, "token");
    field("tags", o.tags, "tags");
    field("part", o.part, "one part");
    field("list", o.list, "parts");
    field("map", o.map, Check{nullptr, "^[a-z]+$"}, "named parts");
}

Outline outline() {
    Outline collected;
    Whole defaults;
    fields(collected, defaults);
    return collected;
}

TEST(Schema, DescribesEveryKindOfField) {
    const std::string text = json_schema(outline(), "title");
    EXPECT_TRUE(text.ends_with("}\n"));
    const boost::json::object schema = boost::json::parse(text).as_object();
    EXPECT_EQ(schema.at("$schema"), "https://json-schema.org/draft/2020-12/schema");
    EXPECT_EQ(schema.at("type"), "object");
    EXPECT_EQ(schema.at("additionalProperties"), false);
    const auto& properties = schema.at("properties").as_object();
    const auto expect = [&](const char* name, const char* expected) {
        EXPECT_EQ(properties.at(name), boost::json::parse(expected)) << properties.at(name);
    };
    expect("wait_ms", R"({"description": "time", "type": "integer", "minimum": 1, "maximum": 9,
                          "default": 250})");
    expect("port", R"({"description": "port", "type": "integer", "minimum": 0, "maximum": 65535,
                       "default": 3000})");
    expect("size", R"({"description": "size; read at the start only",
                       "anyOf": [{"enum": ["small", "large", "1.2", 1.2]},
                                 {"type": "string",
                                  "pattern":
                            "^([Ss][Mm][Aa][Ll][Ll]|[Ll][Aa][Rr][Gg][Ee]|1\\.2)$"}],
                       "default": "large"})");
    expect("token", R"({"description": "token", "type": ["string", "number", "boolean"]})");
    expect("tags", R"({"description": "tags", "type": "array",
                       "items": {"type": ["string", "number", "boolean"]},
                       "default": ["a", "b\""]})");
    const std::string part =
        R"("type": "object", "required": ["url"], "additionalProperties": false, "properties": {
            "url": {"description": "where | it is", "type": "string", "pattern": "^http"},
            "on": {"description": "switch", "type": "boolean", "default": true}})";
    expect("part", (R"({"description": "one part", )" + part + "}").c_str());
    expect("list",
           (R"({"description": "parts", "type": "array", "items": {)" + part + "}}").c_str());
    expect("map", (R"({"description": "named parts", "type": ["object", "null"],
                       "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": {)" +
                   part + "}}")
                      .c_str());
}

TEST(ReferenceTables, ShowValueDefaultAndVariable) {
    const std::string page = reference_tables(outline());
    for (const char* line :
         {"| `wait_ms` | milliseconds, 1 to 9 | `250` |  | time |\n",
          "| `port` | integer, 0 to 65535 | `3000` | `PORT` | port |\n",
          "| `size` | `small`, `large`, `1.2` | `large` |  | size; read at the start only |\n",
          "| `token` | text, secret | – | `TOKEN`, `TOKEN_FILE` | token |\n",
          "| `url` | text | **required** |  | where \\| it is |\n", "## `list[]`\n\nParts.\n",
          "## `map.<name>`\n\nNamed parts.\n"}) {
        EXPECT_NE(page.find(line), std::string::npos) << line << page;
    }
    EXPECT_EQ(page.find("never shown"), std::string::npos);
}

}  // namespace
}  // namespace gw::config
