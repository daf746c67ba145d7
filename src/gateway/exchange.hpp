// One request's state, from its head to its access line, the same for every protocol. serve() is
// its whole life.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/arena.hpp"
#include "base/ip_address.hpp"
#include "gateway/cache_work.hpp"
#include "gateway/held_claim.hpp"
#include "gateway/idempotency_work.hpp"
#include "gateway/path_pattern.hpp"
#include "gateway/rate_limit_options.hpp"
#include "gateway/stage.hpp"
#include "http/message.hpp"
#include "http/stream.hpp"
#include "limits/in_flight.hpp"
#include "limits/policy.hpp"
#include "observe/trace.hpp"
#include "observe/trace_record.hpp"
#include "upstream/bulkhead.hpp"

namespace gw::upstream {
class Service;
}
namespace gw::identity {
struct Identity;
}

namespace gw::gateway {

class ClientWatch;
class Compression;
class Shard;
struct Route;
struct Generation;
struct AggregateOptions;
struct LimitQuestion;
struct MirrorOptions;
struct TransformOptions;
struct WebSocketOptions;

// A response of our own that a stage made.
struct OwnAnswer {
    int status = 200;
    std::string_view content_type = "application/json";
    std::string_view body;
    std::string_view cache_control = "no-store";  // empty: nothing is said
};

// Storage that an exchange borrows from its shard: dear to make, wanted again at once.
struct ExchangeMemory {
    static constexpr std::size_t kBodyKept = 64UL * 1024;  // larger ones are given back

    Arena arena;
    http::RequestHead request;    // what goes to the service
    http::ResponseHead response;  // what goes to the client
    std::string path;             // the canonical path, when it differs from what came
    std::string text;             // bodies of our own
    std::string body;             // the request's, where it has to be held
    // Values of the route's parameters, as far as Route::parameters names them.
    std::array<std::string_view, PathPattern::kParametersMax> parameters;

    void release() {
        arena.clear();
        if (body.capacity() > kBodyKept) {
            body = {};
        }
        body.clear();
        request.headers.clear();
        response.headers.clear();
    }
};

// What the tightest of its limits said.
struct Limited {
    const limits::Policy* policy = nullptr;
    limits::Outcome outcome;
};
// Of a policy that counts failures only: goes back if the request succeeds.
struct HeldPermit {
    const limits::Policy* policy = nullptr;
    std::shared_ptr<LimitQuestion> question;  // to the store, if it was asked
    bool counted_here = false;                // in this gateway's own windows
    Instant at{};
    limits::InFlight::Pass in_flight;
};

// What an administrator was let through for: venues that are not his own, by comma.
struct Visit {
    std::string_view venues;    // empty: none
    std::string_view named_in;  // a literal
};

// Who decided where a request was to be forwarded and came to nothing.
inline constexpr std::string_view kForward = "forward";

// Why what lasts longer than the process is cut.
inline constexpr const char* kProcessEnds = "the process ends";
// What then has decided.
inline constexpr std::string_view kEnding = "draining";

// How a request ended, for its access line and its counters.
struct Outcome {
    int status = 0;
    std::string_view decided_by = "upstream";  // or the stage that refused
    std::string_view why;
};

struct Exchange {
    Exchange(http::Stream& stream, Shard& shard, ExchangeMemory& memory);
    // Of one that is made for another: it goes by the configuration of that one.
    Exchange(http::Stream& stream, Shard& shard, ExchangeMemory& memory, Generation& generation);
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange();

    // Ends the request and its connection, in the middle of a body if need be. why: a literal, for
    // the access line.
    void cut(const char* why);

    [[nodiscard]] const http::RequestHead& head() const { return head_; }
    [[nodiscard]] std::string_view query() const { return head_.query; }

    http::Stream& stream;
    Shard& shard;
    ExchangeMemory& memory;
    Generation& generation;  // the configuration that this request began with

    std::string_view request_id;
    std::string_view correlation_id;
    observe::TraceContext trace;
    // Where this request is traced; null where not.
    std::unique_ptr<observe::TraceRecord> traced;
    bool trace_continued = false;        // it is the one that the client has named
    std::array<char, 16> parent_span{};  // of the client's; all zero: there is none
    char* forwarded_span = nullptr;      // the id in the traceparent that goes to the service
    IpAddress client;                    // who asks, after trusted proxies
    std::string_view client_text;
    bool peer_trusted = false;

    // Who calls, once a token has said so. Shared with the cache of tokens, which may drop it while
    // this request waits.
    std::shared_ptr<const identity::Identity> identity;

    // SecurityRecord::hash of the account that a sign-in names; 0: none.
    std::uint64_t account = 0;

    const Route* route = nullptr;
    std::size_t service_index = kNoService;  // whom it is forwarded to, in Site::services
    std::string_view path;                   // canonical
    std::string_view rest;                   // of it, below a prefix route's own path: "" or "/…"
    std::string_view upstream_path;
    std::string_view allow;          // of a 405
    std::string_view location;       // of a redirection
    std::int64_t retry_after_s = 0;  // instead of the one that the refusal's kind has
    std::uint64_t body_max = 0;
    Instant deadline{};  // for the answer's head

    std::size_t stages_passed = 0;
    std::size_t policies_passed = 0;
    bool waits_for_lease = false;
    std::uint8_t permits_held = 0;
    std::array<HeldPermit, kFailurePoliciesMax> permits;
    Limited limited;
    std::array<std::string_view, 2> body_parameters;  // Route::body_parameters
    const WebSocketOptions* websocket = nullptr;      // a WebSocket is asked for, in due form
    const TransformOptions* transform = nullptr;      // what is changed on the way
    const AggregateOptions* aggregate = nullptr;      // its answer is put together of several
    std::string_view version_field;                   // tells clients which service answered
    std::string_view websocket_key;
    OwnAnswer own;
    std::optional<http::BodyPart> held;  // of the request's body, see held_body.hpp
    std::size_t held_bytes = 0;          // of it, those beyond what came with the head
    std::optional<Error> broken_body;    // why the client's was not read to its end
    std::string_view body_hash;          // of the signature; empty: no body
    std::optional<Verdict> withheld;     // instead of the service's answer
    Outcome outcome;
    std::optional<CacheWork> cache;              // on routes that keep answers
    std::optional<IdempotencyWork> idempotency;  // of a request that has a key, where it counts
    std::unique_ptr<HeldClaim> webhook;          // of one that is signed for a moment
    std::unique_ptr<Compression> compression;    // of an answer that goes out in a content coding

    upstream::Service* service = nullptr;
    upstream::Permit permit;  // to be at the service, while it works on this request
    std::optional<Instant> upstream_began;
    Instant attempt_began{};   // of the latest attempt
    Instant upstream_ended{};  // when its answer was there; Instant{}: there is none
    bool client_gone = false;
    bool dropped_fields_told = false;       // see claimed_fields.hpp
    bool tunnelled = false;                 // what follows, and its access line, is a Tunnel's
    bool behind = false;                    // nobody waits for its answer, see refresh.hpp
    bool part = false;                      // its answer goes into another's, see aggregate.hpp
    const MirrorOptions* copied = nullptr;  // it is a copy, see request_copy.hpp
    Visit visit;                            // an administrator's, until it is told of
    std::string_view parts;  // of an answer that was put together, for the access line
    const char* cut_why = nullptr;
    ClientWatch* watch = nullptr;  // while somebody watches whether the client is there

    // The shard's list of requests in flight.
    Exchange* previous = nullptr;
    Exchange* next = nullptr;

  private:
    const http::RequestHead& head_;  // the stream's, asked for once
};

// The life of one request.
net::Task<void> serve(http::Stream& stream, Shard& shard);

}  // namespace gw::gateway
