#include "schema/contract.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gw::schema {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kApi = R"(
openapi: 3.1.0
info: {title: t, version: "1"}
servers: [{url: "https://api.example.com/api/v1/"}]
paths:
  /tickets/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string, format: uuid}}
    get:
      operationId: readTicket
      parameters:
        - {name: page, in: query, schema: {type: integer, minimum: 1}}
        - {$ref: "#/components/parameters/Tags"}
        - {name: X-Device, in: header, required: true, schema: {$ref: "#/components/schemas/Device"}}
  /tickets/mine:
    get: {operationId: mine}
    post:
      operationId: buy
      requestBody: {$ref: "#/components/requestBodies/Buy"}
components:
  parameters:
    Tags: {name: tags, in: query, explode: false, schema: {type: array, items: {type: boolean}}}
  requestBodies:
    Buy:
      required: true
      content:
        application/json: {schema: {type: object, required: [n]}}
        text/*: {}
  schemas:
    Device: {type: [string, number]}
)";

struct Made {
    std::shared_ptr<const Contract> contract;
    std::vector<std::string> mistakes;
};

Made make(const std::string& text, std::string_view operation = "",
          const std::string& name = "api.yaml") {
    std::vector<config::Mistake> mistakes;
    Made made;
    made.contract = Contract::of_api(Source::of(name, text, mistakes), operation, mistakes);
    for (const config::Mistake& mistake : mistakes) {
        made.mistakes.push_back(mistake.to_string());
    }
    return made;
}

TEST(Contract, FindsTheOperationByMethodAndPathLiteralsFirst) {
    const Made made = make(kApi);
    ASSERT_THAT(made.mistakes, ElementsAre());
    std::array<std::string_view, Contract::kPathParametersMax> values;
    EXPECT_EQ(made.contract->find("GET", "/api/v1/tickets/mine", values)->id, "mine");
    EXPECT_EQ(made.contract->find("GET", "/api/v1/tickets/7", values)->id, "readTicket");
    EXPECT_EQ(values[0], "7");
    for (const auto* const path :
         {"/tickets/mine", "/api/v1/tickets", "/api/v1/tickets/", "/api/v1/tickets/7/x", "/"}) {
        EXPECT_EQ(made.contract->find("GET", path, values), nullptr) << path;
    }
    EXPECT_EQ(made.contract->find("PUT", "/api/v1/tickets/7", values), nullptr);
    EXPECT_EQ(made.contract->methods_of("/api/v1/tickets/7"), "GET, HEAD");
    EXPECT_EQ(made.contract->methods_of("/api/v1/tickets/mine"), "GET, HEAD, POST");
    EXPECT_EQ(made.contract->methods_of("/api/v1/tickets"), "");
    EXPECT_EQ(make(kApi, "buy").contract->operations().size(), 1U);
}

TEST(Contract, KnowsWhatParametersAre) {
    const Made made = make(kApi, "readTicket");
    ASSERT_NE(made.contract, nullptr);
    const std::vector<Parameter>& all = made.contract->operations().front().parameters;
    ASSERT_EQ(all.size(), 4U);
    EXPECT_TRUE(all[0].required);
    EXPECT_EQ(all[1].types, kInteger);
    EXPECT_TRUE(all[2].list && !all[2].repeated && all[2].types == kBoolean);
    EXPECT_EQ(all[3].name, "x-device");
    EXPECT_EQ(all[3].types, kString | kNumber);
}

// A description of one operation with one parameter of this schema.
std::string with_parameter(const std::string& schema) {
    return "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      parameters:\n        - {name: p, in: "
           "query, "
           "schema: " +
           schema + "}\n";
}

TEST(Contract, TakesATextForWhatEnumAndConstHold) {
    const auto types = [](const std::string& schema) {
        const Made made = make(with_parameter(schema));
        EXPECT_THAT(made.mistakes, ElementsAre()) << schema;
        return made.contract == nullptr
                   ? 0
                   : int{made.contract->operations().front().parameters.front().types};
    };
    EXPECT_EQ(types("{enum: [1, 2.5]}"), kNumber);
    EXPECT_EQ(types("{enum: [1, all]}"), kNumber | kString);
    EXPECT_EQ(types("{const: true}"), kBoolean);
    EXPECT_EQ(types("{allOf: [{enum: [1]}]}"), kNumber);
    EXPECT_EQ(types("{type: string, enum: ['1']}"), kString);
    EXPECT_EQ(types("{items: {enum: [1]}}"), kNumber);
}

TEST(Contract, RefusesParametersThatNoTextCanBe) {
    for (const char* schema :
         {"{type: object}", "{type: [string, object]}", "{properties: {a: {}}}",
          "{anyOf: [{type: string}, {type: object}]}", "{type: array, items: {type: object}}",
          "{type: array, items: {type: array}}"}) {
        EXPECT_THAT(make(with_parameter(schema)).mistakes,
                    ElementsAre(testing::AllOf(HasSubstr("api.yaml:6"),
                                               HasSubstr("/paths/~1a/get/parameters/0/schema"),
                                               HasSubstr("type: string"))))
            << schema;
    }
    // Of all methods of a path it is one mistake.
    EXPECT_THAT(
        make("openapi: 3.1.0\npaths:\n  /a:\n    parameters: [{name: p, in: query, schema: {type: "
             "object}}]\n    get: {}\n    put: {}\n")
            .mistakes,
        testing::SizeIs(1));
}

TEST(Contract, OnlyAParameterOfTheQueryMayBeEmpty) {
    const auto described = [](const std::string& in) {
        return make(
            "openapi: 3.1.0\npaths:\n  /a:\n    get:\n      parameters:\n        - {name: p, in: " +
            in + ", allowEmptyValue: true, schema: {type: boolean}}\n");
    };
    EXPECT_TRUE(described("query").contract->operations().front().parameters.front().may_be_empty);
    EXPECT_THAT(described("header").mistakes, ElementsAre(HasSubstr("allowEmptyValue")));
}

TEST(Contract, KnowsWhichBodiesItTakes) {
    const Made made = make(kApi, "buy");
    const Operation& buy = made.contract->operations().front();
    EXPECT_NE(media_type(buy, "application/json; charset=utf-8")->schema, nullptr);
    EXPECT_EQ(media_type(buy, "TEXT/plain")->schema, nullptr);
    EXPECT_EQ(media_type(buy, "application/xml"), nullptr);
    EXPECT_EQ(media_type(buy, ""), nullptr);
}

TEST(Contract, MistakesAreToldWithFileLineAndRemedyAllAtOnce) {
    const Made made = make(R"(openapi: 3.0.3
paths:
  /a/{id}:
    get: {operationId: a}
  /b:
    post:
      parameters:
        - {name: c, in: cookie, schema: {}}
      requestBody:
        content:
          application/json:
            schema:
              type: object
              minLenght: 3
              properties: {x: {$ref: "#/components/schemas/Gone"}}
)");
    EXPECT_EQ(made.contract, nullptr);
    EXPECT_THAT(made.mistakes,
                testing::UnorderedElementsAre(
                    HasSubstr("api.yaml:4"), HasSubstr("api.yaml:8"),
                    testing::AllOf(HasSubstr("api.yaml:14"), HasSubstr("minLenght"),
                                   HasSubstr("take it out")),
                    testing::AllOf(HasSubstr("api.yaml:15"), HasSubstr("/properties/x/$ref"),
                                   HasSubstr("names no schema"))));
    EXPECT_THAT(make("openapi: 2.0").mistakes, ElementsAre(HasSubstr("openapi: 3.1.0")));
    EXPECT_THAT(make("[").mistakes.size(), 1U);
    EXPECT_THAT(make(kApi, "gone").mistakes, ElementsAre(HasSubstr("gone")));
    EXPECT_THAT(make("{\"openapi\":\n\"3.1.0\",}", "", "api.json").mistakes,
                ElementsAre(HasSubstr("api.json:2")));
}

TEST(Contract, AFileThatIsNotThereIsAMistake) {
    std::vector<config::Mistake> mistakes;
    EXPECT_EQ(Contract::of_body("/nowhere/x.json", mistakes), nullptr);
    ASSERT_EQ(mistakes.size(), 1U);
    EXPECT_THAT(mistakes[0].to_string(), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace gw::schema
