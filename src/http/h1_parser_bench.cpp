// What it costs to read and write heads: the parts of a request's time that no socket is to blame
// for.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>

#include "http/h1_parser.hpp"
#include "http/h1_writer.hpp"
#include "http/uri.hpp"

namespace gw::http {
namespace {

// 400 bytes: what a mobile client sends.
constexpr std::string_view kRequest =
    "GET /api/v1/venues/7f3c9a52-0d1e-4b6f/events?page=2&limit=50 HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "User-Agent: VenueApp/5.12.1 (iPhone; iOS 17.4; Scale/3.00)\r\n"
    "Accept: application/json\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Connection: keep-alive\r\n"
    "X-Request-Id: 01HV7Q3Z6M9N8R2T4W5Y0A1B2C\r\n"
    "Cache-Control: no-cache\r\n"
    "If-None-Match: \"33a64df551425fcc55e4d42a148795d9\"\r\n"
    "\r\n";

// The same with a token and cookies, as a browser sends it.
std::string long_request() {
    std::string text(kRequest.substr(0, kRequest.size() - 2));
    text += "Authorization: Bearer " + std::string(820, 'e') + "\r\n";
    text += "Cookie: session=" + std::string(400, 'c') + "\r\n\r\n";
    return text;
}

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 1024\r\n"
    "ETag: W/\"400-3c9f5e0a\"\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "Date: Mon, 23 Nov 2026 08:00:00 GMT\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

void parse_all(benchmark::State& state, std::string_view bytes) {
    RequestHead head;
    for (auto _ : state) {
        benchmark::DoNotOptimize(bytes);
        const H1Parse parse = parse_request(bytes, {}, head);
        if (parse.state != H1Parse::State::complete) {
            state.SkipWithError(parse.refusal.detail);
        }
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}

void ParseRequest(benchmark::State& state) {
    parse_all(state, kRequest);
}
BENCHMARK(ParseRequest);

void ParseLongRequest(benchmark::State& state) {
    parse_all(state, long_request());
}
BENCHMARK(ParseLongRequest);

void ParseShortestRequest(benchmark::State& state) {
    parse_all(state, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}
BENCHMARK(ParseShortestRequest);

void ParseResponse(benchmark::State& state) {
    ResponseHead head;
    for (auto _ : state) {
        benchmark::DoNotOptimize(parse_response(kResponse, {}, Method::get, head));
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(kResponse.size()) * state.iterations());
}
BENCHMARK(ParseResponse);

// The worst a slow client can do with one head: 16 KiB that come byte by byte.
void ParseByteByByte(benchmark::State& state) {
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(16'300, 'x');
    RequestHead head;
    for (auto _ : state) {
        for (std::size_t size = 1; size <= text.size(); ++size) {
            benchmark::DoNotOptimize(
                parse_request(std::string_view(text).substr(0, size), {}, head));
        }
    }
}
BENCHMARK(ParseByteByByte)->Unit(benchmark::kMillisecond);

void WriteRequest(benchmark::State& state) {
    RequestHead head;
    parse_request(kRequest, {}, head);
    std::array<char, 16 * 1024> memory;
    for (auto _ : state) {
        HeadBuffer out(memory);
        write_request_head(out, head);
        benchmark::DoNotOptimize(out.view());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(WriteRequest);

void WriteResponse(benchmark::State& state) {
    ResponseHead head;
    parse_response(kResponse, {}, Method::get, head);
    std::array<char, 16 * 1024> memory;
    for (auto _ : state) {
        HeadBuffer out(memory);
        write_response_head(out, head, {});
        benchmark::DoNotOptimize(out.view());
        benchmark::ClobberMemory();
    }
}
BENCHMARK(WriteResponse);

void normalise(benchmark::State& state, std::string_view path) {
    std::string out;
    PathRefusal refusal;
    for (auto _ : state) {
        benchmark::DoNotOptimize(path);
        benchmark::DoNotOptimize(normalise_path(path, out, refusal));
        benchmark::ClobberMemory();
    }
}

void NormaliseCanonicalPath(benchmark::State& state) {
    normalise(state, "/api/v1/venues/7f3c9a52-0d1e-4b6f/events");
}
BENCHMARK(NormaliseCanonicalPath);

void NormaliseEscapedPath(benchmark::State& state) {
    normalise(state, "/api/v1/venues/caf%c3%a9%20bar/../events");
}
BENCHMARK(NormaliseEscapedPath);

}  // namespace
}  // namespace gw::http
