#include "control/trace_options.hpp"

#include "base/text.hpp"

namespace gw::control {
namespace {

std::unexpected<config::Flaw> flaw(std::string_view text, std::string remedy) {
    return std::unexpected(config::Flaw{"is \"" + std::string(text) + "\"", std::move(remedy)});
}

}  // namespace

std::expected<SampleShare, config::Flaw> SampleShare::parse(std::string_view text) {
    double share = 0;
    const auto [end, error] = std::from_chars(text.begin(), text.end(), share);
    if (error != std::errc{} || end != text.end() || !(share >= 0 && share <= 1)) {
        return flaw(text, "write a number from 0 to 1");
    }
    return SampleShare{static_cast<std::uint32_t>(share * 1e6 + 0.5)};
}

std::string SampleShare::to_string() const {
    std::string digits = std::to_string(millionths % 1'000'000);
    digits.insert(0, 6 - digits.size(), '0');
    digits.erase(digits.find_last_not_of('0') + 1);
    const std::string whole = std::to_string(millionths / 1'000'000);
    return digits.empty() ? whole : whole + "." + digits;
}

std::expected<OtlpEndpoint, config::Flaw> OtlpEndpoint::parse(std::string_view text) {
    const std::string remedy = "write http://host:port of a collector near by";
    // The address may carry a password by mistake: then nothing of it is shown.
    const auto refuse = [&] {
        return text.contains('@') ? std::unexpected(config::Flaw{"holds an '@'", remedy})
                                  : flaw(text, remedy);
    };
    constexpr std::string_view kScheme = "http://";
    OtlpEndpoint endpoint;
    if (text.empty()) {
        return endpoint;
    }
    if (!starts_with_ignore_case(text, kScheme)) {
        return refuse();
    }
    std::string_view rest = text.substr(kScheme.size());
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    endpoint.path = rest.substr(slash);
    while (endpoint.path.ends_with('/')) {
        endpoint.path.pop_back();
    }
    rest = rest.substr(0, slash);
    const std::size_t bracket = rest.starts_with('[') ? rest.find(']') : 0;
    const std::size_t colon =
        bracket == std::string_view::npos ? rest.size() : rest.find(':', bracket);
    if (colon != std::string_view::npos) {
        const auto port = parse_decimal(rest.substr(std::min(colon + 1, rest.size())));
        if (!port || *port == 0 || *port > 65'535) {
            return refuse();
        }
        endpoint.port = static_cast<std::uint16_t>(*port);
        rest = rest.substr(0, colon);
    }
    if (rest.starts_with('[') && rest.ends_with(']')) {
        rest = rest.substr(1, rest.size() - 2);
    }
    endpoint.host = rest;
    const bool fit = endpoint.path.find_first_of(" ?#\t\r\n\"") == std::string::npos &&
                     endpoint.host.find_first_of(" ?#@\t\r\n\"") == std::string::npos;
    return endpoint.host.empty() || !fit ? refuse()
                                         : std::expected<OtlpEndpoint, config::Flaw>(endpoint);
}

std::string OtlpEndpoint::to_string() const {
    if (!set()) {
        return "";
    }
    const bool v6 = host.contains(':');
    return "http://" + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + path;
}

}  // namespace gw::control
