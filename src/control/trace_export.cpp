#include "control/trace_export.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <charconv>
#include <iterator>

#include "base/ensure.hpp"
#include "http/h1_client.hpp"
#include "net/connector.hpp"
#include "net/stream.hpp"

namespace gw::control {
namespace {

constexpr Millis kEvery{1'000};
constexpr Millis kSendLimit{5'000};
constexpr Millis kRetryMost{30'000};
constexpr std::size_t kBatchMost = 512;
constexpr std::size_t kAnswerMost = 64UL * 1024;
constexpr Millis kQuiet{10'000};  // without a loss: it is over

// What a collector says to have refused of what it took otherwise (OTLP/HTTP, "Partial Success").
std::uint64_t refused_spans(std::string_view answer) {
    boost::system::error_code error;
    const boost::json::value root = boost::json::parse(answer, error);
    const boost::json::value* const found =
        error ? nullptr : root.find_pointer("/partialSuccess/rejectedSpans", error);
    if (found == nullptr) {
        return 0;
    }
    if (found->is_int64()) {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(0, found->as_int64()));
    }
    std::uint64_t count = 0;  // JSON of protobuf writes such numbers as text
    if (const auto* const text = found->if_string()) {
        std::from_chars(text->data(), text->data() + text->size(), count);
    }
    return count;
}

}  // namespace

void TraceExport::offer(observe::TraceBatch batch) {
    const std::size_t count = batch.size();
    const std::size_t before = waiting_.fetch_add(count, std::memory_order_relaxed);
    const std::size_t most = most_.load(std::memory_order_relaxed);
    const std::size_t taken = before < most ? std::min(count, most - before) : 0;
    if (taken < count) {
        waiting_.fetch_sub(count - taken, std::memory_order_relaxed);
        dropped_.fetch_add(count - taken, std::memory_order_relaxed);
        lost_.fetch_add(count - taken, std::memory_order_relaxed);
        batch.resize(taken);
    }
    if (batch.empty()) {
        return;
    }
    loop_.post([this, batch = std::move(batch)]() mutable {
        std::ranges::move(batch, std::back_inserter(queue_));
        // A queue that takes no batch leaves before it is full.
        const std::size_t enough = std::min<std::size_t>(kBatchMost, options_.queue_max / 2);
        if (queue_.size() >= enough && !failing_) {
            pause_.wake();
        }
    });
}

void TraceExport::configure(const TraceOptions& options, observe::TraceResource resource) {
    options_ = options;
    resource_ = std::move(resource);
    most_.store(options_.endpoint.set() ? options_.queue_max : 0, std::memory_order_relaxed);
}

void TraceExport::stop(Millis within) {
    latest_ = loop_.now() + within;
    // Behind what workers have handed over.
    loop_.post([this] {
        stopping_ = true;
        if (queue_.empty()) {
            resolver_.cancel();
        }
        pause_.wake();
    });
}

net::Task<void> TraceExport::keep_sending() {
    Millis pause = kEvery;
    while (true) {
        bool good = true;
        while (good && !queue_.empty() && options_.endpoint.set() && loop_.now() < latest_) {
            good = co_await send_some();
            tell_of_lost();
        }
        tell_of_lost();
        if (stopping_) {
            break;
        }
        pause = good ? kEvery : std::min(pause * 2, kRetryMost);
        co_await pause_.until(loop_.now() + pause);
    }
    dropped_.fetch_add(queue_.size(), std::memory_order_relaxed);
    queue_.clear();
}

net::Task<bool> TraceExport::send_some() {
    const std::size_t count = std::min(queue_.size(), kBatchMost);
    const Result<Answer> answer =
        co_await post(observe::otlp_request({queue_.data(), count}, resource_),
                      std::min(loop_.now() + kSendLimit, latest_));
    const int status = answer ? answer->status : 0;
    // What a collector may take later (OTLP/HTTP, "Retryable Response Codes") stays and waits, as
    // long as there is room; what it never will is dropped.
    const bool later = !answer || status == 429 || status == 502 || status == 503 || status == 504;
    const bool good = status >= 200 && status < 300;
    const std::uint64_t refused = good ? refused_spans(answer->body) : 0;
    if (!later) {
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
        waiting_.fetch_sub(count, std::memory_order_relaxed);
        // It does not say of which traces the spans were: of as many as there are, at the most.
        const std::uint64_t lost = good ? std::min<std::uint64_t>(refused, count) : count;
        sent_ += count - lost;
        dropped_.fetch_add(lost, std::memory_order_relaxed);
    }
    told(good && refused == 0, !answer ? std::string(answer.error().detail)
                               : good  ? "it refused " + std::to_string(refused) + " spans"
                                       : "its answer is " + std::to_string(status));
    co_return !later;
}

void TraceExport::tell_of_lost() {
    const std::uint64_t lost = lost_.load(std::memory_order_relaxed);
    if (lost != lost_seen_) {
        lost_at_ = loop_.now();
        if (!lost_before_ && options_.endpoint.set()) {
            lost_before_ = lost_seen_;
            log_.warn("traces are lost: they come faster than they can be sent",
                      {{"queueMax", std::int64_t{options_.queue_max}}});
        }
    } else if (lost_before_ && loop_.now() - lost_at_ >= kQuiet) {
        log_.info("traces are no longer lost",
                  {{"lost", static_cast<std::int64_t>(lost - *lost_before_)}});
        lost_before_.reset();
    }
    lost_seen_ = lost;
}

void TraceExport::told(bool good, const std::string& why) {
    if (good && failing_) {
        log_.info("traces can be sent again", {{"endpoint", options_.endpoint.to_string()}});
    } else if (!good && !failing_) {
        log_.warn("traces cannot be sent",
                  {{"endpoint", options_.endpoint.to_string()}, {"reason", why}});
    }
    failing_ = !good;
}

net::Task<Result<TraceExport::Answer>> TraceExport::post(std::string body, Instant deadline) {
    const OtlpEndpoint endpoint = options_.endpoint;
    const Result<net::Resolution> names = co_await resolver_.resolve(endpoint.host);
    if (!names) {
        co_return std::unexpected(names.error());
    }
    if (names->addresses.empty()) {
        co_return fail(Errc::unreachable, Fault::upstream, "the name has no address");
    }
    Result<net::Fd> made = co_await net::connect(
        loop_, net::Address{names->addresses.front(), endpoint.port}, deadline);
    if (!made) {
        co_return std::unexpected(made.error());
    }
    net::Stream stream(loop_, std::move(*made), Fault::upstream);
    const http::H1Limits limits;
    const net::PaceLimits pace;
    http::H1Client client(stream, pool_, limits, pace);
    const std::string authority = endpoint.host + ":" + std::to_string(endpoint.port);
    const std::string path = endpoint.path + "/v1/traces";
    http::RequestHead head;
    head.method = http::Method::post;
    head.method_text = "POST";
    head.path = path;
    head.framing = http::Framing::length;
    head.content_length = body.size();
    const bool added = head.headers.add(http::Known::host, authority) &&
                       head.headers.add(http::Known::content_type, "application/json") &&
                       head.headers.add(http::Known::connection, "close");
    ensure(added, "three fields fit");
    if (const Result<void> sent = co_await client.send(head, body, true, nullptr); !sent) {
        co_return std::unexpected(sent.error());
    }
    Answer answer;
    while (answer.status < 200) {
        const Result<const http::ResponseHead*> head_read = co_await client.read_head(deadline);
        if (!head_read) {
            co_return std::unexpected(head_read.error());
        }
        answer.status = (*head_read)->status;
    }
    Result<http::BodyPart> part = client.body_at_hand();
    while (part && answer.body.size() < kAnswerMost) {
        answer.body += part->bytes;
        if (part->last) {
            break;
        }
        const auto left = std::chrono::duration_cast<Millis>(deadline - loop_.now());
        part = co_await client.read_body(left);
    }
    co_return answer;
}

}  // namespace gw::control
