// The rules for single fields of a head, applied while they arrive, and what the head says with
// them about its body and its connection (RFC 9112, 6 and 9). Each rule has one reading: where the
// RFCs leave a choice, this refuses.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "http/h1_grammar.hpp"
#include "http/h1_parser.hpp"
#include "http/message.hpp"

namespace gw::http {

class FieldRules {
  public:
    enum class Side : std::uint8_t { request, response };

    FieldRules(Side side, std::uint8_t version_minor)
        : request_(side == Side::request), version_minor_(version_minor) {}

    // False: the field breaks a rule, `refusal` says which.
    bool accept(Known known, const FieldLine& line, H1Refusal& refusal) {
        // Most fields have no rules; they cost one test.
        constexpr std::uint64_t kRuled =
            1ULL << unsigned{std::to_underlying(Known::host)} |
            1ULL << unsigned{std::to_underlying(Known::connection)} |
            1ULL << unsigned{std::to_underlying(Known::content_length)} |
            1ULL << unsigned{std::to_underlying(Known::transfer_encoding)} |
            1ULL << unsigned{std::to_underlying(Known::authorization)} |
            1ULL << unsigned{std::to_underlying(Known::content_type)} |
            1ULL << unsigned{std::to_underlying(Known::expect)};
        if ((kRuled >> unsigned{std::to_underlying(known)} & 1) == 0 && !line.underscore)
            [[likely]] {
            return true;
        }
        return accept_ruled(known, line, refusal);
    }

    [[nodiscard]] Framing framing() const {
        return chunked_ ? Framing::chunked : has_length_ ? Framing::length : Framing::none;
    }
    [[nodiscard]] std::uint64_t content_length() const { return length_; }
    // RFC 9112, 9.3: "close" wins; HTTP/1.0 has to ask.
    [[nodiscard]] bool keep_alive(std::uint8_t version_minor) const {
        return !close_ && (version_minor > 0 || stay_);
    }
    [[nodiscard]] bool expects_continue() const { return expects_continue_; }

  private:
    bool accept_ruled(Known known, const FieldLine& line, H1Refusal& refusal);
    bool accept_length(std::string_view value, H1Refusal& refusal);
    bool accept_coding(std::string_view value, H1Refusal& refusal);
    bool accept_connection(std::string_view value, H1Refusal& refusal);

    bool request_;
    std::uint8_t version_minor_;
    bool has_length_ = false;
    bool chunked_ = false;
    bool close_ = false;
    bool stay_ = false;
    bool expects_continue_ = false;
    bool has_host_ = false;
    bool has_authorization_ = false;
    bool has_type_ = false;
    std::uint64_t length_ = 0;
    std::size_t connection_names_ = 0;
};

}  // namespace gw::http
