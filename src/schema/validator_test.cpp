#include "schema/validator.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace gw::schema {
namespace {

// A schema that is asked again and again.
class Held {
  public:
    explicit Held(std::string text, CompilerOptions options = {}) : text_(std::move(text)) {
        EXPECT_EQ(source_.parse(text_), JsonDocument::Defect::none) << text_;
        Compiler compiler(source_.root(), options, compiled_);
        compiler.announce(source_.root(), "");
        root_ = compiler.add(source_.root(), "");
        compiler.finish();
        for (const Defect& defect : compiler.defects()) {
            defects.push_back(defect.pointer + " " + defect.what);
        }
    }

    // "pointer keyword" of each fault.
    std::vector<std::string> faults(std::string_view value) {
        JsonDocument document;
        EXPECT_EQ(document.parse(value), JsonDocument::Defect::none) << value;
        last.clear();
        const bool good = validator_.check(compiled_, *root_, document.root(), last);
        EXPECT_EQ(good, last.none());
        std::vector<std::string> all;
        for (const Fault& fault : last.list) {
            all.push_back(fault.pointer + " " + std::string(fault.keyword));
        }
        return all;
    }

    std::vector<std::string> defects;
    Faults last;

  private:
    std::string text_;
    JsonDocument source_;
    Compiled compiled_;
    const Subschema* root_ = nullptr;
    Validator validator_;
};

using Strings = std::vector<std::string>;

TEST(Validator, TellsEveryFaultWithItsPlace) {
    Held schema(R"({"type": "object", "required": ["a", "b"], "additionalProperties": false,
                    "properties": {"a": {"type": "string", "minLength": 3, "pattern": "^x"},
                                   "list": {"items": {"type": "integer", "maximum": 5}},
                                   "x/y~z": {"type": "null"}}})");
    EXPECT_EQ(schema.faults(R"({"a": "n", "list": [1, 9, "s"], "x/y~z": 1, "new": 1})"),
              (Strings{"/b required", "/a minLength", "/a pattern", "/list/1 maximum",
                       "/list/2 type", "/new additionalProperties", "/x~1y~0z type"}));
    EXPECT_EQ(schema.last.list[1].detail, "must have at least 3 characters");
    EXPECT_EQ(schema.faults(R"({"a": "xyz", "b": null, "b2": 1})"),
              (Strings{"/b additionalProperties", "/b2 additionalProperties"}));
}

TEST(Validator, TellsNoMoreThanAPersonReads) {
    Held schema(R"({"items": {"type": "string"}})");
    std::string many = "[0";
    for (int i = 0; i < 1'000; ++i) {
        many += ",0";
    }
    EXPECT_EQ(schema.faults(many + "]").size(), Faults::kMax);
    EXPECT_TRUE(schema.last.more);
    EXPECT_EQ(schema.faults("[1]").size(), 1U);
    EXPECT_FALSE(schema.last.more);
}

TEST(Validator, AChoiceIsOneFault) {
    Held schema(R"({"properties": {"p": {"anyOf": [{"type": "string"}, {"minimum": 5}]},
                                   "q": {"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}]},
                                   "r": {"not": {"type": "null"}},
                                   "s": {"if": {"type": "string"}, "then": {"maxLength": 1},
                                         "else": {"type": "boolean"}}}})");
    EXPECT_EQ(schema.faults(R"({"p": 1, "q": 6, "r": null, "s": "ab"})"),
              (Strings{"/p anyOf", "/q oneOf", "/r not", "/s maxLength"}));
    EXPECT_EQ(schema.faults(R"({"p": 7, "q": 4, "r": 0, "s": 1})"), (Strings{"/s type"}));
}

TEST(Validator, NumbersAreCountedAsWritten) {
    Held schema(R"({"properties": {"p": {"multipleOf": 0.01, "exclusiveMinimum": 0},
                                   "big": {"const": 9007199254740993},
                                   "i": {"type": "integer"}, "l": {"format": "int64"}}})");
    EXPECT_EQ(schema.faults(R"({"p": 19.99, "big": 9007199254740993.0, "i": 1e3, "l": 1})"),
              Strings{});
    EXPECT_EQ(schema.faults(R"({"p": 19.995, "big": 9007199254740992, "i": 1.5,
                                "l": 9223372036854775808})"),
              (Strings{"/big const", "/i type", "/l format", "/p multipleOf"}));
    EXPECT_EQ(schema.faults(R"({"p": -0.0})"), (Strings{"/p exclusiveMinimum"}));
}

TEST(Validator, HostileValuesCostABoundedAmount) {
    // Two ways at every depth: 2^60 of them, if nobody counted.
    Held twice(R"({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]})");
    twice.faults(std::string(60, '[') + std::string(60, ']'));
    EXPECT_TRUE(twice.last.exhausted);
    // Sorted, not each with each.
    Held unique(R"({"uniqueItems": true})");
    std::string many = "[0";
    for (int i = 1; i < 50'000; ++i) {
        many += "," + std::to_string(i);
    }
    EXPECT_EQ(unique.faults(many + "]"), Strings{});
    EXPECT_EQ(unique.faults(many + ",1.0]"), (Strings{" uniqueItems"}));
}

TEST(Compiler, RefusesWhatItCouldNotHoldAnybodyTo) {
    const auto refused = [](std::string text) { return Held(std::move(text)).defects; };
    EXPECT_EQ(refused(R"({"minLenght": 3})"),
              (Strings{"/minLenght is no keyword of this dialect"}));
    EXPECT_EQ(refused(R"({"properties": {"a": {"type": "text"}}})"),
              (Strings{"/properties/a/type is no type"}));
    EXPECT_EQ(refused(R"({"$ref": "#/$defs/missing"})"),
              (Strings{"/$ref names no schema of this document"}));
    EXPECT_EQ(refused(R"({"$ref": "https://example.com/other.json"})"),
              (Strings{"/$ref names no schema of this document"}));
    EXPECT_EQ(refused(R"({"$schema": "http://json-schema.org/draft-07/schema#"})"),
              (Strings{"/$schema is another dialect than draft 2020-12"}));
    EXPECT_EQ(refused(R"({"format": "uuuid"})"),
              (Strings{"/format is not checked by anybody here"}));
    EXPECT_EQ(refused(R"({"items": [{}]})"), (Strings{"/items is no schema"}));
    EXPECT_EQ(refused(R"({"multipleOf": 0})"), (Strings{"/multipleOf is no divisor"}));
    EXPECT_EQ(refused(R"({"minItems": -1})"), (Strings{"/minItems is no count"}));
    EXPECT_EQ(refused(R"({"required": "a"})"), (Strings{"/required is no list of names"}));
    EXPECT_EQ(refused(R"({"enum": []})"), (Strings{"/enum is no list of values"}));
    EXPECT_EQ(refused(R"({"allOf": []})"), (Strings{"/allOf is no list of schemas"}));
    EXPECT_EQ(refused(R"x({"pattern": "(?=a)"})x"),
              (Strings{"/pattern is no regular expression that can be matched in linear time"}));
    const std::string circle =
        R"({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}})";
    EXPECT_EQ(refused(circle).size(), 1U);
    EXPECT_EQ(refused(R"({"x-note": 1, "title": "t", "$comment": "c", "deprecated": true})"),
              Strings{});
}

TEST(Compiler, ReadsTheDialectOfOpenApi30) {
    const CompilerOptions openapi{.dialect = Dialect::openapi30};
    Held schema(R"({"type": "object", "required": ["id", "n"],
                    "properties": {"id": {"type": "string", "readOnly": true},
                                   "n": {"type": "integer", "minimum": 0, "exclusiveMinimum": true},
                                   "s": {"type": "string", "nullable": true, "example": "x"}}})",
                openapi);
    EXPECT_EQ(schema.defects, Strings{});
    EXPECT_EQ(schema.faults(R"({"n": 0, "s": null})"), (Strings{"/n exclusiveMinimum"}));
    EXPECT_EQ(Held(R"({"const": 1})", openapi).defects.size(), 1U);
    EXPECT_EQ(Held(R"({"nullable": true})").defects.size(), 1U);
}

}  // namespace
}  // namespace gw::schema
