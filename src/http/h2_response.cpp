#include "http/h2_response.hpp"

#include <algorithm>

#include "http/h2_head.hpp"

namespace gw::http {

H2ResponseReader::H2ResponseReader(std::span<char> text, Method to, ResponseHead& head)
    : text_(text), to_(to), head_(head) {
    head_.status = 0;
    head_.reason = {};
    head_.version_minor = 1;
    head_.framing = Framing::none;
    head_.content_length = 0;
    head_.keep_alive = true;
    head_.headers.clear();
}

std::string_view H2ResponseReader::keep(std::string_view text) {
    if (text.size() > text_.size() - used_) {
        defect_ = "the response head is too large";
        return {};
    }
    char* const at = text_.data() + used_;
    std::ranges::copy(text, at);
    used_ += text.size();
    return {at, text.size()};
}

void H2ResponseReader::take(std::string_view name, std::string_view value) {
    decoded_ += name.size() + value.size();
    if (defect_ != nullptr) {
        return;
    }
    if (name.starts_with(':')) {
        const auto status = value.size() == 3 ? parse_decimal(value) : std::nullopt;
        if (name != ":status" || regular_ || head_.status != 0 || !status || *status < 100 ||
            *status > 599) {
            defect_ = "a pseudo-header that is none of an answer";
            return;
        }
        head_.status = static_cast<int>(*status);
        return;
    }
    regular_ = true;
    const Known known = recognise(name);
    defect_ = malformed_field(name, value, known);
    if (defect_ != nullptr) {
        return;
    }
    const FieldLine line{
        .name = keep(name), .value = keep(value), .underscore = name.contains('_')};
    H1Refusal broken;
    if (defect_ == nullptr && !rules_.accept(known, line, broken)) {
        defect_ = broken.detail;
    }
    if (defect_ == nullptr && !head_.headers.add(line.name, line.value, known)) {
        defect_ = "the service sent too many header fields";
    }
}

void H2ResponseReader::end(bool last) {
    if (defect_ == nullptr && (head_.status == 0 || head_.status == 101)) {
        defect_ = "an answer without a status of HTTP/2";
    }
    head_.content_length = rules_.content_length();
    const bool never_body =
        head_.status < 200 || head_.status == 204 || head_.status == 304 || to_ == Method::head;
    const bool has_length = rules_.framing() == Framing::length;
    if (!never_body && !last) {
        head_.framing = has_length ? Framing::length : Framing::chunked;
    }
    if (defect_ == nullptr && head_.status < 200 && last) {
        defect_ = "an interim answer that ends its stream";
    }
    if (defect_ == nullptr && last && !never_body && head_.content_length > 0) {
        defect_ = "a body shorter than its Content-Length";
    }
}

}  // namespace gw::http
