#include "http/content_coder.hpp"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <optional>
#include <random>
#include <string>

namespace gw::http {
namespace {

using Push = ContentCoder::Push;

// What a decoder of another hand makes of it so far; nothing: it is broken.
std::optional<std::string> decoded(Coding coding, std::string_view bytes, bool& ended) {
    std::string out;
    std::array<std::uint8_t, 4096> room{};
    if (coding == Coding::br) {
        BrotliDecoderState* const state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
        std::size_t left = bytes.size();
        const auto* next = reinterpret_cast<const std::uint8_t*>(bytes.data());
        BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
        while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) {
            std::size_t free = room.size();
            std::uint8_t* to = room.data();
            result = BrotliDecoderDecompressStream(state, &left, &next, &free, &to, nullptr);
            out.append(reinterpret_cast<char*>(room.data()), room.size() - free);
        }
        BrotliDecoderDestroyInstance(state);
        ended = result == BROTLI_DECODER_RESULT_SUCCESS;
        return result == BROTLI_DECODER_RESULT_ERROR ? std::nullopt : std::optional(out);
    }
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    int result = Z_OK;
    do {
        stream.next_out = room.data();
        stream.avail_out = room.size();
        result = inflate(&stream, Z_SYNC_FLUSH);
        out.append(reinterpret_cast<char*>(room.data()), room.size() - stream.avail_out);
    } while (result == Z_OK && stream.avail_out == 0);
    inflateEnd(&stream);
    ended = result == Z_STREAM_END;
    return result == Z_DATA_ERROR ? std::nullopt : std::optional(out);
}

void feed(ContentCoder& coder, std::string_view in, Push push, std::size_t room_bytes,
          std::string& out) {
    coder.feed(in, push);
    std::string room(room_bytes, '\0');
    for (ContentCoder::Taken taken; !taken.all;) {
        taken = coder.take(room);
        out.append(room, 0, taken.bytes);
    }
}

std::string text_of(std::size_t bytes) {
    std::mt19937 random(7);
    std::string text;
    while (text.size() < bytes) {
        text += R"({"id":)" + std::to_string(random()) + R"(,"name":"an event","open":true},)";
    }
    text.resize(bytes);
    return text;
}

class ContentCoderOf : public testing::TestWithParam<Coding> {};
INSTANTIATE_TEST_SUITE_P(Codings, ContentCoderOf, testing::Values(Coding::gzip, Coding::br),
                         [](const auto& with) { return std::string(coding_name(with.param)); });

TEST_P(ContentCoderOf, WhatComesOutIsWhatWentInHoweverItIsCut) {
    const std::string text = text_of(200'000);
    for (const std::size_t part : {1'000UL, 16'384UL, 200'000UL}) {
        for (const std::size_t room : {7UL, 4'096UL, 16'384UL}) {
            CoderMemory memory;
            const auto coder = make_coder(GetParam(), {}, memory);
            std::string out;
            for (std::size_t at = 0; at < text.size(); at += part) {
                feed(*coder, std::string_view(text).substr(at, part),
                     at + part >= text.size() ? Push::last : Push::flush, room, out);
            }
            bool ended = false;
            ASSERT_EQ(decoded(GetParam(), out, ended), text) << part << " " << room;
            EXPECT_TRUE(ended);
            EXPECT_LT(out.size(), text.size() / 2);
        }
    }
}

TEST_P(ContentCoderOf, EveryPartCanBeReadBeforeTheNextIsThere) {
    CoderMemory memory;
    const auto coder = make_coder(GetParam(), {}, memory);
    std::string in;
    std::string out;
    for (const std::string_view part : {"one", "two", "a longer part than the others"}) {
        in += part;
        feed(*coder, part, Push::flush, 4'096, out);
        bool ended = true;
        EXPECT_EQ(decoded(GetParam(), out, ended), in);
        EXPECT_FALSE(ended) << "what is cut short must be seen to be";
    }
}

TEST_P(ContentCoderOf, NothingIsAnAnswerToo) {
    CoderMemory memory;
    const auto coder = make_coder(GetParam(), {}, memory);
    std::string out;
    feed(*coder, "", Push::last, 4'096, out);
    bool ended = false;
    EXPECT_EQ(decoded(GetParam(), out, ended), "");
    EXPECT_TRUE(ended);
}

TEST_P(ContentCoderOf, MemoryIsKeptForTheNextAndBounded) {
    CoderMemory memory;
    std::string out;
    std::size_t first = 0;
    for (int i = 0; i < 3; ++i) {
        const auto coder = make_coder(GetParam(), {}, memory);
        feed(*coder, text_of(100'000), Push::last, 4'096, out);
        first = first == 0 ? memory.lent_bytes() : first;
        EXPECT_EQ(memory.lent_bytes(), first);
    }
    EXPECT_EQ(memory.lent_bytes(), 0U);
    EXPECT_GT(memory.kept_bytes(), 0U);
    EXPECT_LE(memory.kept_bytes(), CoderMemory::kKeptMax);
    EXPECT_LT(first, 4UL * 1024 * 1024);
    RecordProperty("bytes", static_cast<int>(first));
}

TEST_P(ContentCoderOf, WithoutMemoryThereIsNone) {
    CoderMemory memory;
    std::vector<std::unique_ptr<ContentCoder>> coders;
    std::string out;
    while (auto coder = make_coder(GetParam(), {}, memory)) {
        feed(*coder, "some bytes", Push::flush, 4'096, out);
        coders.push_back(std::move(coder));
        ASSERT_LT(coders.size(), 2'000U);
    }
    EXPECT_GT(coders.size(), 10U);
    coders.pop_back();
    EXPECT_NE(make_coder(GetParam(), {}, memory), nullptr);
}

}  // namespace
}  // namespace gw::http
