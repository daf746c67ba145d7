// Bodies as bench/origin.cpp needs them: bytes that can be made anywhere and checked anywhere, a
// reader of request bodies, and a running SHA-256.
//
// The pattern is made of blocks of 64 KiB. All blocks share one text, SHA-256("pattern 0")
// SHA-256("pattern 1") …; the first eight bytes of each are its number, little-endian, so that a
// block lost, doubled or out of order shows. bench/large_body.py makes the same bytes.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

class Sha256 {
  public:
    Sha256() : context_(::EVP_MD_CTX_new()) { restart(); }
    void restart() { ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr); }
    void add(std::string_view bytes) {
        ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
    }
    std::array<unsigned char, 32> finish() {
        std::array<unsigned char, 32> digest{};
        ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
        return digest;
    }
    std::string finish_hex() {
        std::string text;
        for (const unsigned byte : finish()) {
            text += "0123456789abcdef"[byte >> 4U];
            text += "0123456789abcdef"[byte & 15U];
        }
        return text;
    }

  private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_;
};

class Pattern {
  public:
    static constexpr std::size_t kBlock = 65536;

    Pattern() {
        Sha256 hash;
        for (int i = 0; block_.size() < kBlock; ++i) {
            hash.restart();
            hash.add("pattern " + std::to_string(i));
            const auto digest = hash.finish();
            block_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
        }
    }

    std::string_view block(std::uint64_t number) {
        std::memcpy(block_.data(), &number, sizeof number);
        return block_;
    }

  private:
    std::string block_;
};

// What a service answers to a WebSocket's key (RFC 6455, 4.2.2).
inline std::string websocket_accept(std::string_view key) {
    const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, 20> digest{};
    ::EVP_Digest(text.data(), text.size(), digest.data(), nullptr, ::EVP_sha1(), nullptr);
    std::array<unsigned char, 29> base64{};
    const int size = ::EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
    return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

// Takes the framing off a request body, by Content-Length or chunked. It trusts its client, which
// is a proxy.
class BodyReader {
  public:
    void expect_length(std::uint64_t length) {
        left_ = length;
        step_ = length == 0 ? Step::done : Step::counted;
    }
    void expect_chunks() { step_ = Step::size; }
    [[nodiscard]] bool done() const { return step_ == Step::done; }

    // Reads on from the front of `bytes`, says how many it used (0: it needs more to go on), and
    // what of them was body.
    std::size_t read(std::string_view bytes, std::string_view& body) {
        body = {};
        if (step_ == Step::counted || step_ == Step::chunk) {
            body = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
            left_ -= body.size();
            if (left_ == 0) {
                step_ = step_ == Step::counted ? Step::done : Step::chunk_end;
            }
            return body.size();
        }
        const std::size_t end = bytes.find("\r\n");
        if (end == std::string_view::npos) {
            return 0;
        }
        line(bytes.substr(0, end));
        return end + 2;
    }

  private:
    enum class Step { done, counted, size, chunk, chunk_end, trailer };

    void line(std::string_view text) {
        switch (step_) {
            case Step::size:
                left_ = 0;
                std::from_chars(text.data(), text.data() + text.size(), left_, 16);
                step_ = left_ == 0 ? Step::trailer : Step::chunk;
                break;
            case Step::trailer:
                step_ = text.empty() ? Step::done : Step::trailer;
                break;
            default:
                step_ = Step::size;
        }
    }

    Step step_ = Step::done;
    std::uint64_t left_ = 0;
};

}  // namespace bench
