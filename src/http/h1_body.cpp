#include "http/h1_body.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/text.hpp"
#include "http/h1_grammar.hpp"
#include "http/protected_names.hpp"

namespace gw::http {

namespace {

constexpr std::uint8_t kDigitsMax = 16;  // more do not fit 64 bits
// No body is longer than a signed 64-bit integer counts, and the sum of two sizes does not
// overflow.
constexpr std::uint64_t kChunkMax = std::numeric_limits<std::int64_t>::max();

}  // namespace

H1Body::H1Body(Framing framing, std::uint64_t content_length) : remaining_(content_length) {
    switch (framing) {
        case Framing::none:
            break;
        case Framing::length:
            state_ = content_length > 0 ? State::data : State::done;
            break;
        case Framing::chunked:
            state_ = State::size;
            break;
        case Framing::until_close:
            state_ = State::open;
            break;
    }
}

H1Body::Step H1Body::next(std::string_view in) {
    Step step;
    // Framing before the data, the data, and the framing behind it: then the last data already says
    // that it is the last.
    step.consumed = take_framing(in);
    if (in_data() && step.consumed < in.size()) {
        std::size_t size = in.size() - step.consumed;
        if (state_ != State::open) {
            size = static_cast<std::size_t>(std::min<std::uint64_t>(size, remaining_));
            remaining_ -= size;
        }
        step.data = in.substr(step.consumed, size);
        step.consumed += size;
        data_bytes_ += size;
        if (state_ != State::open && remaining_ == 0) {
            state_ = state_ == State::chunk ? State::chunk_cr : State::done;
            step.consumed += take_framing(in.substr(step.consumed));
        }
    }
    if (state_ == State::refused && step.data.empty()) {
        step.refused = true;
        step.refusal = {400, detail_};
    }
    // Data before a mistake is handed over first; the mistake is what the next call finds.
    step.end = state_ == State::done;
    return step;
}

bool H1Body::finish_at_close() {
    if (state_ == State::open) {
        state_ = State::done;
    }
    return state_ == State::done;
}

bool H1Body::done() const {
    return state_ == State::done;
}

const Headers* H1Body::trailers() const {
    return done() && section_ != nullptr && section_->fields.size() > 0 ? &section_->fields
                                                                        : nullptr;
}

void H1Body::refuse(const char* detail) {
    state_ = State::refused;
    detail_ = detail;
}

// Refused bytes are not consumed: a caller that asks again with them gets the refusal.
std::size_t H1Body::take_framing(std::string_view in) {
    std::size_t at = 0;
    while (at < in.size()) {
        const char c = in[at];
        switch (state_) {
            case State::size:
                if (!take_size_byte(c)) {
                    return at;
                }
                break;
            case State::extension:
            case State::quoted:
            case State::escaped:
                if (!take_extension_byte(c)) {
                    return at;
                }
                break;
            case State::size_lf:
                if (c != '\n') {
                    refuse("a bare CR in a chunk size");
                    return at;
                }
                end_size_line();
                break;
            case State::chunk_cr:
            case State::chunk_lf:
                if (c != (state_ == State::chunk_cr ? '\r' : '\n')) {
                    refuse("a chunk is not followed by CRLF");
                    return at;
                }
                state_ = state_ == State::chunk_cr ? State::chunk_lf : State::size;
                break;
            case State::trailers:
                return at + take_trailers(in.substr(at));
            case State::data:
            case State::open:
            case State::chunk:
            case State::done:
            case State::refused:
                return at;
        }
        ++at;
    }
    return at;
}

// 1*HEXDIG, with no sign, prefix or space around it.
bool H1Body::take_size_byte(char c) {
    const int value = hex_value(c);
    if (value >= 0) {
        if (digits_ == kDigitsMax || remaining_ > kChunkMax >> 4) {
            refuse("a chunk size is too large");
            return false;
        }
        ++digits_;
        ++line_bytes_;
        remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(value);
        return true;
    }
    if (digits_ > 0 && (c == ';' || c == '\r')) {
        state_ = c == ';' ? State::extension : State::size_lf;
        return true;
    }
    refuse("a malformed chunk size");
    return false;
}

// Extensions are passed over (RFC 9112, 7.1.1), but read well enough to know where their line ends.
bool H1Body::take_extension_byte(char c) {
    ++line_bytes_;
    ++extension_bytes_;
    if (line_bytes_ > kChunkLineMax || extension_bytes_ > kChunkOverheadMax + data_bytes_) {
        refuse("chunk extensions are too long");
        return false;
    }
    if (c == '\r' && state_ == State::extension) {
        state_ = State::size_lf;
        return true;
    }
    const bool in_string = state_ != State::extension;
    if (!is_text_char(c) || (!in_string && static_cast<unsigned char>(c) >= 0x80)) {
        refuse("a malformed chunk extension");
        return false;
    }
    if (state_ == State::escaped) {
        state_ = State::quoted;
    } else if (c == '"') {
        state_ = in_string ? State::extension : State::quoted;
    } else if (c == '\\' && in_string) {
        state_ = State::escaped;
    }
    return true;
}

void H1Body::end_size_line() {
    state_ = remaining_ > 0 ? State::chunk : State::trailers;
    digits_ = 0;
    line_bytes_ = 0;
}

std::size_t H1Body::take_trailers(std::string_view in) {
    // The usual end: no trailers, and all of it here.
    if (section_ == nullptr && in.starts_with("\r\n")) {
        state_ = State::done;
        return 2;
    }
    if (section_ == nullptr) {
        section_ = std::make_unique<Section>();
        section_->bytes.reserve(kTrailersMax);
    }
    std::size_t taken = 0;
    while (taken < in.size() && state_ == State::trailers) {
        const std::size_t line = std::min(in.find('\n', taken), in.size() - 1) + 1 - taken;
        const std::size_t kept = std::min(line, kTrailersMax - section_->bytes.size());
        section_->bytes.append(in.substr(taken, kept));
        parse_trailers();
        if (kept < line && state_ == State::trailers) {
            refuse("the trailers are too long");
        }
        if (state_ != State::refused) {
            taken += kept;
        }
    }
    return taken;
}

// Reads the line that is arriving, if it is complete.
void H1Body::parse_trailers() {
    Section& section = *section_;
    Cursor in{section.bytes.data() + section.parsed, section.bytes.data() + section.bytes.size()};
    FieldLine line;
    H1Refusal refusal;
    const Progress progress = take_field_line(in, !section.any, line, refusal);
    if (progress == Progress::more) {
        return;
    }
    if (progress == Progress::refused) {
        return refuse(refusal.detail);
    }
    section.parsed = static_cast<std::size_t>(in.at - section.bytes.data());
    section.any = true;
    if (line.name.empty()) {
        state_ = State::done;
        return;
    }
    const Known known = recognise(line.name);
    if (!forbidden_in_trailers(line.name, known) &&
        !section.fields.add(line.name, line.value, known)) {
        refuse("too many trailers");
    }
}

H1Body::Step take_run(H1Body& body, std::string_view& pending) {
    H1Body::Step run;
    while (true) {
        const H1Body::Step step = body.next(pending);
        pending.remove_prefix(step.consumed);
        if (step.refused && !run.data.empty()) {
            return run;  // the data first; the refusal stays for the next call
        }
        if (run.data.empty()) {
            run.data = step.data;
        } else if (!step.data.empty()) {
            char* const end = const_cast<char*>(run.data.data()) + run.data.size();
            std::memmove(end, step.data.data(), step.data.size());
            run.data = {run.data.data(), run.data.size() + step.data.size()};
        }
        run.end = step.end;
        run.refused = step.refused;
        run.refusal = step.refusal;
        if (step.end || step.refused || step.consumed == 0) {
            return run;
        }
    }
}

}  // namespace gw::http
