// Requests' heads and trailers from the decoded fields of HTTP/2 (RFC 9113, 8.2 and 8.3), by the
// same rules as those of HTTP/1.1: what would mean something else once it is written out as
// HTTP/1.1 never gets that far. Pure; one message at a time.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "http/h1_fields.hpp"
#include "http/h1_parser.hpp"
#include "http/headers.hpp"
#include "http/message.hpp"

namespace gw::http {

// Why a field is not one of HTTP/2, whatever it says: a literal, or null. RFC 9113, 8.2.1
// and 8.2.2.
const char* malformed_field(std::string_view name, std::string_view value, Known known);

class H2HeadReader {
  public:
    // text, cookies: where the values go; the head points there. Both must outlive it.
    H2HeadReader(const H1Limits& limits, std::span<char> text, std::string& cookies,
                 RequestHead& head);

    // The client has been told that it may ask for other protocols by CONNECT (RFC 8441).
    void allow_extended_connect() { extended_connect_ = true; }

    // Names and values as they were decoded, in their order.
    void take(std::string_view name, std::string_view value);
    // All fields were taken. last: no body follows.
    void end(bool last);

    // Null, or why it is no request that is served here.
    [[nodiscard]] const H1Refusal* defect() const {
        return refusal_.detail[0] != '\0' ? &refusal_ : nullptr;
    }
    // It breaks HTTP/2 itself: the stream is reset rather than answered (RFC 9113, 8.1.1).
    [[nodiscard]] bool malformed() const { return malformed_; }
    // Bytes that the fields would have in HTTP/1.1, those beyond the limit included.
    [[nodiscard]] std::size_t decoded_bytes() const { return decoded_; }

  private:
    void take_pseudo(std::string_view name, std::string_view value);
    void take_field(std::string_view name, std::string_view value);
    void take_method(std::string_view value);
    void take_target(std::string_view value);
    void take_protocol(std::string_view value);
    void check_pseudo();
    void check_connect();
    void join_cookie(std::string_view value);
    void settle_authority();
    void settle_framing(bool last);
    std::string_view keep(std::string_view text);
    void refuse(int status, const char* detail);
    void break_off(const char* detail);

    H1Limits limits_;
    std::span<char> text_;
    std::string& cookies_;
    RequestHead& head_;
    FieldRules rules_{FieldRules::Side::request, 1};
    H1Refusal refusal_{.status = 0, .detail = ""};
    std::string_view scheme_;
    std::string_view authority_;
    std::string_view protocol_;
    std::size_t used_ = 0;
    std::size_t decoded_ = 0;
    bool malformed_ = false;
    bool extended_connect_ = false;
    bool regular_ = false;  // a field that is no pseudo-header has come
};

// Trailers: the same rules, and none of the names that make no sense behind a body.
class H2Trailers {
  public:
    static constexpr std::size_t kMax = 4UL * 1024;  // as in HTTP/1.1

    H2Trailers();
    void take(std::string_view name, std::string_view value);
    // Null, or why the message is malformed.
    [[nodiscard]] const char* defect() const { return defect_; }
    [[nodiscard]] const Headers& fields() const { return fields_; }
    // As of H2HeadReader.
    [[nodiscard]] std::size_t decoded_bytes() const { return decoded_; }

  private:
    std::size_t decoded_ = 0;
    std::string text_;  // never grows: the fields point into it
    Headers fields_;
    const char* defect_ = nullptr;
};

}  // namespace gw::http
