#include "identity/strict_json.hpp"

#include <gtest/gtest.h>

namespace gw::identity {
namespace {

TEST(StrictJson, OnlyOneWholeStrictObjectIsRead) {
    for (const std::string& good :
         {std::string("{}"), std::string(R"( {"a" : 1} )"), std::string(R"({"a":{"a":[{"a":1}]}})"),
          std::string(R"({"a":"\ud83d\ude00"})"),
          R"({"a":)" + std::string(7, '[') + std::string(7, ']') + '}'}) {
        EXPECT_TRUE(JsonMembers::parse(good)) << good;
    }
    std::string many = "{\"m\":0";
    for (int i = 0; i < 256; ++i) {
        many += ",\"" + std::to_string(i) + "\":0";
    }
    for (const std::string& bad : {std::string(),
                                   std::string("null"),
                                   std::string("[]"),
                                   std::string("\"a\""),
                                   std::string("{"),
                                   std::string("{}{}"),
                                   std::string("{},"),
                                   std::string("{} x"),
                                   std::string(R"({"a":1,})"),
                                   std::string(R"({a:1})"),
                                   std::string(R"({'a':1})"),
                                   std::string(R"({"a":01})"),
                                   std::string(R"({"a":+1})"),
                                   std::string(R"({"a":NaN})"),
                                   std::string(R"({"a":Infinity})"),
                                   std::string(R"({"a":1/**/})"),
                                   std::string(R"({"a":1,"a":1})"),
                                   std::string(R"({"a":1,"\u0061":1})"),
                                   std::string(R"({"x":{"a":1,"a":1}})"),
                                   std::string(R"({"x":[{"a":1,"a":1}]})"),
                                   std::string("{\"a\":\"\xFF\"}"),
                                   std::string("{\"a\":\"\xED\xA0\x80\"}"),
                                   std::string("{\"a\":\"\n\"}"),
                                   std::string(R"({"a":"\ud83d"})"),
                                   std::string("{}\0", 3),
                                   std::string(1000, '{'),
                                   many + '}',
                                   R"({"a":)" + std::string(8, '[') + std::string(8, ']') + '}',
                                   "{\"" + std::string(257, 'a') + "\":1}"}) {
        EXPECT_FALSE(JsonMembers::parse(bad)) << bad.substr(0, 100);
    }
}

TEST(StrictJson, ValuesKeepTheirKind) {
    const auto found = JsonMembers::parse(
        R"({"t":"x\u0000y","i":-1,"d":1.5,"u":18446744073709551615,"b":true,"n":null,"o":{"t":"inner"},)"
        R"("l":["a","b"],"e":[],"m":["a",1],"k":[["a"]],"p":["a",{"q":["b"]}],"z":"end"})");
    ASSERT_TRUE(found);
    using Texts = std::vector<std::string>;
    EXPECT_EQ(*found->text("t"), std::string("x\0y", 3));
    EXPECT_EQ(*found->find("i"), JsonMember::Value(std::int64_t{-1}));
    EXPECT_EQ(*found->find("d"), JsonMember::Value(1.5));
    EXPECT_EQ(*found->find("u"), JsonMember::Value(18446744073709551615.0));
    EXPECT_EQ(*found->find("b"), JsonMember::Value(true));
    EXPECT_EQ(*found->find("l"), JsonMember::Value(Texts{"a", "b"}));
    EXPECT_EQ(*found->find("e"), JsonMember::Value(Texts{}));
    EXPECT_EQ(*found->find("n"), JsonMember::Value(JsonMember::Null{}));
    EXPECT_EQ(found->given("n"), nullptr);
    EXPECT_EQ(found->given("nowhere"), nullptr);
    EXPECT_NE(found->given("o"), nullptr);
    for (const char* name : {"o", "m", "k", "p"}) {
        EXPECT_EQ(*found->find(name), JsonMember::Value()) << name;
    }
    EXPECT_EQ(*found->text("z"), "end");
    EXPECT_FALSE(found->has("q"));
    EXPECT_EQ(found->text("i"), nullptr);
}

}  // namespace
}  // namespace gw::identity
