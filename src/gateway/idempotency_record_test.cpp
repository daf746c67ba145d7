#include "gateway/idempotency_record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

using Is = IdempotencyRecord::Is;

StoredAnswer answer_of(int status, std::string body) {
    StoredAnswer answer;
    answer.status = status;
    answer.add("Content-Type", "application/json", http::Known::content_type);
    answer.add("Location", "/orders/1", http::Known::location);
    answer.body = std::make_shared<const std::string>(std::move(body));
    return answer;
}

TEST(IdempotencyRecord, IsReadAsItWasWritten) {
    EXPECT_EQ(read_idempotency(write_running("abc", "1f"))->is, Is::running);
    EXPECT_EQ(read_idempotency(write_running("abc", "1f"))->request, "abc");
    EXPECT_EQ(read_idempotency(write_too_large("abc"))->is, Is::too_large);
    EXPECT_EQ(read_idempotency(write_withheld("abc"))->is, Is::withheld);
    const std::string body("a \r\n\0 body", 10);
    const std::string text = write_answered("abc", answer_of(201, body));
    const auto record = read_idempotency(text);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->is, Is::answered);
    EXPECT_EQ(record->request, "abc");
    EXPECT_EQ(record->answer.status, 201);
    EXPECT_EQ(record->answer.value("location"), "/orders/1");
    EXPECT_EQ(record->answer.fields[0].known, http::Known::content_type);
    EXPECT_EQ(*record->answer.body, body);
}

TEST(IdempotencyRecord, WithoutABodyOrFieldsIsOneToo) {
    StoredAnswer answer;
    answer.status = 204;
    const std::string text = write_answered("abc", answer);
    const auto record = read_idempotency(text);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->answer.status, 204);
    EXPECT_EQ(*record->answer.body, "");
}

TEST(IdempotencyRecord, WhatNobodyWroteIsNone) {
    for (const char* text :
         {"", "1", "running", "running ", "running abc 1f more", "answered abc", "answered abc 200",
          "answered abc 200 99 X: y\r\n", "answered abc 99 0 ", "answered abc 600 0 ",
          "answered abc 2x0 0 ", "answered abc 200 -1 ", "answered abc 200 4 X: y\r\n",
          "answered abc 200 3 X:y", "answered abc 200 5 : y\r\n",
          "answered abc 200 7 X: y\rz\r\n"}) {
        EXPECT_FALSE(read_idempotency(text)) << text;
    }
}

}  // namespace
}  // namespace gw::gateway
