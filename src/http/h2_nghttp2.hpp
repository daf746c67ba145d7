// What h2_session and h2_callbacks share of nghttp2. Nobody else includes it but h2_unpack.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <charconv>
#include <string_view>

#include "http/h2_session.hpp"

namespace gw::http {

// How we know the answer to our own PING.
inline constexpr std::array<std::uint8_t, 8> kEndPing{'g', 'w', '-', 'd', 'r', 'a', 'i', 'n'};

// One table for all connections, made at the first.
const nghttp2_session_callbacks* h2_callbacks();
const nghttp2_option* h2_nghttp2_options(H2Session::Side side);

// Where sessions take their memory: several small pieces a request, of few sizes.
nghttp2_mem* h2_memory();

// Asks the stream's listener what there is to send.
ssize_t h2_read_outgoing(nghttp2_session* session, std::int32_t id, std::uint8_t* into,
                         std::size_t room, std::uint32_t* flags, nghttp2_data_source* source,
                         void* user);

inline std::string_view h2_text(const std::uint8_t* at, std::size_t size) {
    return {reinterpret_cast<const char*>(at), size};
}

// Fields as the library takes them: views, which it copies, and makes the names lower case.
class H2Pairs {
  public:
    H2Pairs() = default;
    explicit H2Pairs(int status);
    void add(std::string_view name, std::string_view value);
    void add(const Headers& headers);
    // literals: where those go that come once.
    void add(const Headers& headers, std::string& literals);
    void add_length(std::uint64_t length);
    [[nodiscard]] const nghttp2_nv* data() const { return pairs_.data(); }
    [[nodiscard]] std::size_t size() const { return count_; }

  private:
    std::array<char, 3> status_text_{};
    std::array<char, 20> length_text_{};
    static constexpr std::size_t kPseudoMost = 2;  // :status and the length
    std::array<nghttp2_nv, Headers::kFieldsMax + kPseudoMost> pairs_;
    std::size_t count_ = 0;
};

}  // namespace gw::http
