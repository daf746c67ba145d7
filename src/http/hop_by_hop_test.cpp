#include "http/hop_by_hop.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gw::http {
namespace {

Headers with_connection(std::string_view value) {
    Headers headers;
    EXPECT_TRUE(headers.add("Connection", value));
    return headers;
}

bool lists(const Headers& headers, std::string_view name) {
    const auto names = ConnectionNames::of(headers);
    return names && names->list({.name = name, .value = "", .known = recognise(name)});
}

TEST(ConnectionNames, AreFoundInAnyCaseAndInAllFieldsOfThatName) {
    Headers headers = with_connection("keep-alive,, X-First ,x-second");
    EXPECT_TRUE(headers.add("connection", "X-Third"));
    for (const std::string_view name : {"x-first", "X-SECOND", "X-Third"}) {
        EXPECT_TRUE(lists(headers, name)) << name;
    }
    for (const std::string_view name : {"x-fir", "x-firsts", "y-first", "x-fourth", "first"}) {
        EXPECT_FALSE(lists(headers, name)) << name;
    }
}

TEST(ConnectionNames, CannotRemoveWhatHasMeaningEndToEnd) {
    EXPECT_FALSE(lists(with_connection("content-type, set-cookie"), "Content-Type"));
    EXPECT_FALSE(lists(with_connection("content-type, set-cookie"), "Set-Cookie"));
}

TEST(ConnectionNames, AreNoneWhereConnectionSaysTheUsual) {
    EXPECT_FALSE(ConnectionNames::of(Headers{}).has_value());
    EXPECT_FALSE(ConnectionNames::of(with_connection("Keep-Alive")).has_value());
    EXPECT_FALSE(ConnectionNames::of(with_connection("close")).has_value());
    EXPECT_TRUE(ConnectionNames::of(with_connection("close, x-a")).has_value());
}

TEST(ConnectionNames, AreNoMoreThanMayBe) {
    std::string value;
    for (std::size_t i = 0; i < ConnectionNames::kMax; ++i) {
        value += "x-" + std::to_string(i) + ",";
    }
    value += "x-beyond";
    const Headers headers = with_connection(value);
    EXPECT_TRUE(lists(headers, "x-0"));
    EXPECT_TRUE(lists(headers, "x-" + std::to_string(ConnectionNames::kMax - 1)));
    EXPECT_FALSE(lists(headers, "x-beyond"));
}

}  // namespace
}  // namespace gw::http
