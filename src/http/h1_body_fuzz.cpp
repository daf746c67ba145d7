// Any body in any pieces: the same data, trailers and end. The first byte chooses the framing, the
// second how the rest is cut.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ensure.hpp"
#include "http/h1_body.hpp"
#include "http/protected_names.hpp"

namespace {

using namespace gw::http;

struct Outcome {
    std::string data;
    std::string trailers;
    std::string detail;
    std::size_t consumed = 0;  // of a body that ended
    bool done = false;
    bool refused = false;

    bool operator==(const Outcome&) const = default;
};

struct Framed {
    Framing framing;
    std::uint64_t length;
};

void conclude(const H1Body& body, Outcome& outcome) {
    if (!outcome.done) {
        outcome.consumed = 0;
    }
    if (body.trailers() == nullptr) {
        return;
    }
    for (const Field& field : *body.trailers()) {
        gw::ensure(!forbidden_in_trailers(field.name, field.known), "trailers are filtered");
        outcome.trailers += std::string(field.name) + ":" + std::string(field.value) + "\n";
    }
}

// Pieces of `piece` bytes; what is not consumed comes again in front of the next.
Outcome feed(std::string_view bytes, const Framed& framed, std::size_t piece) {
    H1Body body(framed.framing, framed.length);
    Outcome outcome;
    outcome.done = body.done();
    for (std::size_t end = 0; end < bytes.size() && !outcome.done && !outcome.refused;) {
        end = std::min(end + piece, bytes.size());
        while (!outcome.done && !outcome.refused) {
            const std::string part(bytes.substr(outcome.consumed, end - outcome.consumed));
            const H1Body::Step step = body.next(part);
            gw::ensure(step.consumed <= part.size(), "no more than there is");
            gw::ensure(step.end == body.done(), "the end is one");
            gw::ensure(!step.refused || *step.refusal.detail != '\0', "a refusal has a reason");
            outcome.data += step.data;
            outcome.consumed += step.consumed;
            outcome.done = step.end;
            outcome.refused = step.refused;
            outcome.detail = step.refusal.detail;
            if (step.consumed == 0) {
                break;
            }
        }
    }
    conclude(body, outcome);
    return outcome;
}

Outcome feed_runs(std::string bytes, const Framed& framed) {
    H1Body body(framed.framing, framed.length);
    Outcome outcome;
    outcome.done = body.done();
    std::string_view pending = bytes;
    while (!outcome.done && !outcome.refused) {
        const H1Body::Step run = take_run(body, pending);
        outcome.data += run.data;
        outcome.done = run.end;
        outcome.refused = run.refused;
        outcome.detail = run.refusal.detail;
        if (run.data.empty()) {
            break;
        }
    }
    outcome.consumed = bytes.size() - pending.size();
    conclude(body, outcome);
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) {
        return 0;
    }
    constexpr Framing kFramings[] = {Framing::chunked, Framing::length, Framing::until_close,
                                     Framing::none};
    const Framed framed{kFramings[data[0] % 4], data[0] / 4U};
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
    const Outcome whole = feed(bytes, framed, std::max<std::size_t>(bytes.size(), 1));
    gw::ensure(feed(bytes, framed, data[1] % 61 + 1U) == whole, "pieces give the same");
    gw::ensure(feed_runs(std::string(bytes), framed) == whole, "runs give the same");
    if (size < 4096) {
        gw::ensure(feed(bytes, framed, 1) == whole, "bytes give the same");
    }
    gw::ensure(whole.data.size() <= bytes.size(), "data is part of the input");
    return 0;
}
