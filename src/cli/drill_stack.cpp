#include "cli/drill_stack.hpp"

#include <unistd.h>

#include <csignal>
#include <ctime>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/encoding.hpp"
#include "cli/own_section.hpp"
#include "net/ask.hpp"

namespace gw::cli {
namespace {

constexpr std::size_t kAnswerMax = 16UL * 1024 * 1024;  // what a gateway with 2,000 routes exports
constexpr Millis kWithin{15'000};  // beyond what any route of the demo lets a service take

Millis since(std::chrono::steady_clock::time_point began) {
    return std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began);
}

// HTTP/1.0, so that the body is what follows the head.
DrillAnswer ask_at(const net::Address& address, const DrillRequest& request) {
    const auto began = std::chrono::steady_clock::now();
    std::string text =
        std::string(request.method) + " " + request.path + " HTTP/1.0\r\nHost: drill\r\n";
    if (!request.address.empty()) {
        text += "X-Forwarded-For: " + request.address + "\r\n";
    }
    if (!request.token.empty()) {
        text += "Authorization: Bearer " + request.token + "\r\n";
    }
    if (!request.body.empty()) {
        text += "Content-Type: application/json\r\nContent-Length: " +
                std::to_string(request.body.size()) + "\r\n";
    }
    const auto got = net::ask_and_wait(address, text + "\r\n" + request.body, kWithin, kAnswerMax);
    DrillAnswer answer;
    answer.took = since(began);
    const std::size_t end = got ? got->find("\r\n\r\n") : std::string::npos;
    if (end == std::string::npos || got->size() < 12) {
        return answer;
    }
    std::from_chars(got->data() + 9, got->data() + 12, answer.status);
    answer.head = got->substr(0, end);
    answer.body = got->substr(end + 4);
    return answer;
}

double sum_of(std::string_view text, std::string_view name,
              const std::vector<std::string>& labels) {
    double sum = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1);
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end + 1);
        if (!line.starts_with(name) || line.size() <= name.size() ||
            (line[name.size()] != '{' && line[name.size()] != ' ')) {
            continue;
        }
        bool wanted = true;
        for (const std::string& label : labels) {
            wanted = wanted && line.contains(label);
        }
        double value = 0;
        const std::size_t space = line.rfind(' ');
        if (wanted &&
            std::from_chars(line.data() + space + 1, line.data() + line.size(), value).ec ==
                std::errc()) {
            sum += value;
        }
    }
    return sum;
}

double metric_at(const net::Address& address, std::string_view name,
                 const std::vector<std::string>& labels) {
    const DrillAnswer answer = ask_at(address, {.path = "/metrics"});
    return answer.status == 200 ? sum_of(answer.body, name, labels) : -1;
}

sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

net::Address local(std::uint16_t port) {
    return {IpAddress::parse("127.0.0.1").value_or(IpAddress{}), port};
}

}  // namespace

KeptSignals::KeptSignals() {
    const sigset_t set = ending_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

KeptSignals::~KeptSignals() {
    const sigset_t set = ending_signals();
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool DrillAnswer::has(std::string_view text) const {
    return body.contains(text);
}

std::expected<DrillStack, int> DrillStack::make(const DrillArguments& arguments,
                                                Terminal& terminal) {
    auto admin = AdminClient::make(arguments.admin, terminal);
    if (!admin) {
        return std::unexpected(admin.error());
    }
    const auto listen =
        OwnSection(arguments.admin.config, terminal).read<net::ListenOptions>("listen");
    if (!listen) {
        return std::unexpected(kFailed);
    }
    const auto host = IpAddress::parse(arguments.host.empty() ? "127.0.0.1" : arguments.host);
    if (!host) {
        terminal.err << "--host " << arguments.host << " is no IP address\n";
        return std::unexpected(kMisused);
    }
    return DrillStack(arguments, *std::move(admin),
                      {*host, arguments.port == 0 ? listen->port : arguments.port}, terminal);
}

DrillAnswer DrillStack::ask(const DrillRequest& request) const {
    return ask_at(clients_, request);
}

DrillAnswer DrillStack::ask_other(const DrillRequest& request) const {
    return ask_at(local(arguments_.other_port), request);
}

double DrillStack::metric(std::string_view name, const std::vector<std::string>& labels) const {
    return metric_at(admin_.address(), name, labels);
}

double DrillStack::metric_of_other(std::string_view name,
                                   const std::vector<std::string>& labels) const {
    return metric_at(local(arguments_.other_admin_port), name, labels);
}

void DrillStack::mark_log() {
    std::error_code error;
    const auto size = std::filesystem::file_size(arguments_.log, error);
    log_mark_ = error ? 0 : size;
}

bool DrillStack::logged(const std::vector<std::string>& texts) const {
    if (arguments_.log.empty()) {
        return true;
    }
    std::ifstream file(arguments_.log, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(log_mark_));
    for (std::string line; std::getline(file, line);) {
        bool all = true;
        for (const std::string& text : texts) {
            all = all && line.contains(text);
        }
        if (all) {
            return true;
        }
    }
    return false;
}

bool DrillStack::fires(std::string_view alert) const {
    const std::size_t colon = arguments_.prometheus.rfind(':');
    std::uint16_t port = 0;
    if (colon == std::string::npos) {
        return false;
    }
    std::from_chars(arguments_.prometheus.data() + colon + 1,
                    arguments_.prometheus.data() + arguments_.prometheus.size(), port);
    const auto host = IpAddress::parse(std::string_view(arguments_.prometheus).substr(0, colon));
    const DrillAnswer answer =
        ask_at(host ? net::Address{*host, port} : local(port), {.path = "/api/v1/alerts"});
    boost::system::error_code error;
    const boost::json::value found = boost::json::parse(answer.body, error);
    const auto* data =
        error || !found.is_object() ? nullptr : found.as_object().if_contains("data");
    const auto* alerts =
        data == nullptr || !data->is_object() ? nullptr : data->as_object().if_contains("alerts");
    if (alerts == nullptr || !alerts->is_array()) {
        return false;
    }
    for (const boost::json::value& entry : alerts->as_array()) {
        const std::string text = boost::json::serialize(entry);
        if (text.contains("\"alertname\":\"" + std::string(alert) + "\"") &&
            text.contains("\"state\":\"firing\"")) {
            return true;
        }
    }
    return false;
}

std::expected<boost::json::value, int> DrillStack::operate(std::string_view method,
                                                           const std::string& target,
                                                           const boost::json::value& body) {
    return admin_.ask(method, target, body, terminal_);
}

std::expected<boost::json::value, int> DrillStack::operate_other(std::string_view method,
                                                                 const std::string& target,
                                                                 const boost::json::value& body) {
    AdminArguments there = arguments_.admin;
    there.host = "127.0.0.1";
    there.port = arguments_.other_admin_port;
    auto client = AdminClient::make(there, terminal_);
    return client ? client->ask(method, target, body, terminal_) : std::unexpected(client.error());
}

std::string DrillStack::sign_in(const std::string& address, std::string& flaw) {
    // Each from an address of its own: one has five tries in a quarter of an hour.
    const std::string own = "203.0.113." + std::to_string(180 + (::getpid() + ++sign_ins_) % 70);
    const DrillAnswer answer =
        ask({.method = "POST",
             .path = "/api/v1/auth/login",
             .address = address.empty() ? own : address,
             .body = boost::json::serialize(boost::json::object{
                 {"email", arguments_.user}, {"password", arguments_.password}})});
    boost::system::error_code error;
    const boost::json::value found = boost::json::parse(answer.body, error);
    const auto* token =
        error || !found.is_object() ? nullptr : found.as_object().if_contains("accessToken");
    if (token == nullptr || !token->is_string()) {
        flaw = arguments_.user + " cannot sign in: " + std::to_string(answer.status);
        return {};
    }
    return std::string(token->as_string());
}

DrillStack::Claims DrillStack::claims(std::string_view token) {
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    Claims claims;
    if (first == std::string_view::npos || last <= first) {
        return claims;
    }
    const auto text = base64url_decode(token.substr(first + 1, last - first - 1));
    boost::system::error_code error;
    const boost::json::value found = boost::json::parse(text.value_or(""), error);
    if (error || !found.is_object()) {
        return claims;
    }
    const auto read = [&](std::string_view name) {
        const auto* value = found.as_object().if_contains(name);
        return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
    };
    return {.sub = read("sub"), .jti = read("jti")};
}

bool DrillStack::run(const std::string& command) {
    return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c): the operator's own command
}

bool DrillStack::pause(Millis time) {
    const sigset_t set = ending_signals();
    const timespec limit{.tv_sec = time.count() / 1'000,
                         .tv_nsec = (time.count() % 1'000) * 1'000'000};
    interrupted_ = interrupted_ || ::sigtimedwait(&set, nullptr, &limit) > 0;
    return !interrupted_;
}

}  // namespace gw::cli
