#include "control/trace_export.hpp"

#include <algorithm>
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

}  // namespace

void TraceExport::offer(observe::TraceBatch batch) {
    const std::size_t count = batch.size();
    const std::size_t before = waiting_.fetch_add(count, std::memory_order_relaxed);
    const std::size_t most = most_.load(std::memory_order_relaxed);
    const std::size_t taken = before < most ? std::min(count, most - before) : 0;
    if (taken < count) {
        waiting_.fetch_sub(count - taken, std::memory_order_relaxed);
        dropped_.fetch_add(count - taken, std::memory_order_relaxed);
        batch.resize(taken);
    }
    if (batch.empty()) {
        return;
    }
    loop_.post([this, batch = std::move(batch)]() mutable {
        std::ranges::move(batch, std::back_inserter(queue_));
        if (queue_.size() >= kBatchMost && !failing_) {
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
    stopping_ = true;
    latest_ = loop_.now() + within;
    if (queue_.empty()) {
        resolver_.cancel();
    }
    pause_.wake();
}

net::Task<void> TraceExport::keep_sending() {
    Millis pause = kEvery;
    while (true) {
        bool good = true;
        while (good && !queue_.empty() && options_.endpoint.set() && loop_.now() < latest_) {
            good = co_await send_some();
        }
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
    const Result<int> status =
        co_await post(observe::otlp_request({queue_.data(), count}, resource_),
                      std::min(loop_.now() + kSendLimit, latest_));
    // What a collector may take later (OTLP/HTTP, "Retryable Response Codes") stays and waits, as
    // long as there is room; what it never will is dropped.
    const bool later =
        !status || *status == 429 || *status == 502 || *status == 503 || *status == 504;
    const bool good = status && *status >= 200 && *status < 300;
    if (!later) {
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
        waiting_.fetch_sub(count, std::memory_order_relaxed);
        if (good) {
            sent_ += count;
        } else {
            dropped_.fetch_add(count, std::memory_order_relaxed);
        }
    }
    told(good, status ? "its answer's status is not 2xx" : status.error().detail);
    co_return !later;
}

void TraceExport::told(bool good, const char* why) {
    if (good && failing_) {
        log_.info("traces can be sent again", {{"endpoint", options_.endpoint.to_string()}});
    } else if (!good && !failing_) {
        log_.warn("traces cannot be sent",
                  {{"endpoint", options_.endpoint.to_string()}, {"reason", why}});
    }
    failing_ = !good;
}

net::Task<Result<int>> TraceExport::post(std::string body, Instant deadline) {
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
    http::H1Client client(stream, pool_, limits, pace, false);
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
    int status = 0;
    while (status < 200) {
        const Result<const http::ResponseHead*> answer = co_await client.read_head(deadline);
        if (!answer) {
            co_return std::unexpected(answer.error());
        }
        status = (*answer)->status;
    }
    Result<http::BodyPart> part = client.body_at_hand();
    for (std::size_t read = 0; part && !part->last && read < kAnswerMost;) {
        read += part->bytes.size();
        const auto left = std::chrono::duration_cast<Millis>(deadline - loop_.now());
        part = co_await client.read_body(left);
    }
    co_return status;
}

}  // namespace gw::control
