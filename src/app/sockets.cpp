#include "app/sockets.hpp"

#include "app/site_builder.hpp"
#include "net/activation.hpp"
#include "net/sockaddr.hpp"

namespace gw::app {
namespace {

constexpr std::string_view kPublic = "public";
constexpr std::string_view kTls = "tls";
constexpr std::string_view kAdminName = "admin";
constexpr std::string_view kResp = "resp";

net::Address address_of(const std::string& host, std::uint16_t port) {
    return {IpAddress::parse(host).value_or(IpAddress{}), port};
}

class Opening {
  public:
    Opening(const Settings& settings, observe::Log& log) : settings_(settings), log_(log) {}

    bool inherit(const config::Environment& environment);
    bool open_public();
    bool open_tls();
    bool open_admin();
    void open_resp();
    OpenSockets opened() { return std::move(open_); }

  private:
    bool open_group(std::string_view name, const net::Address& address, std::size_t wanted,
                    std::vector<net::Fd>& out);
    void share_out(std::string_view name, std::vector<net::Fd> sockets,
                   std::vector<std::vector<net::Fd>>& among);

    const Settings& settings_;
    observe::Log& log_;
    const std::size_t workers_ = worker_count(settings_);
    std::vector<net::NamedSocket> inherited_;
    bool passed_by_manager_ = false;
    OpenSockets open_;
};

bool Opening::inherit(const config::Environment& environment) {
    Result<std::vector<net::NamedSocket>> passed = net::passed_sockets(environment);
    if (!passed) {
        log_.error("cannot listen on what the service manager has passed",
                   {{"reason", passed.error().detail}});
        return false;
    }
    inherited_ = *std::move(passed);
    passed_by_manager_ = !inherited_.empty();
    if (!passed_by_manager_ && settings_.listen.port != 0) {
        inherited_ = net::take_over(settings_.listen.port);
    }
    return true;
}

bool Opening::open_public() {
    std::vector<net::Fd> sockets;
    if (!open_group(kPublic, address_of(settings_.listen.host, settings_.listen.port), workers_,
                    sockets)) {
        return false;
    }
    open_.port = net::local_address(sockets.front().get()).port;
    share_out(kPublic, std::move(sockets), open_.workers);
    return true;
}

bool Opening::open_tls() {
    open_.workers_tls.resize(workers_);
    if (settings_.tls_contexts == nullptr) {
        return true;
    }
    std::vector<net::Fd> sockets;
    if (!open_group(kTls, address_of(settings_.listen.host, settings_.tls.port), workers_,
                    sockets)) {
        return false;
    }
    open_.tls_port = net::local_address(sockets.front().get()).port;
    share_out(kTls, std::move(sockets), open_.workers_tls);
    return true;
}

bool Opening::open_admin() {
    if (!open_group(kAdminName, address_of(settings_.admin.host, settings_.admin.port), 1,
                    open_.admin)) {
        return false;
    }
    open_.admin_port = net::local_address(open_.admin.front().get()).port;
    for (const net::Fd& socket : open_.admin) {
        open_.offers.push_back({std::string(kAdminName), socket.get()});
    }
    return true;
}

// A gateway without it serves all the same: the port may well belong to a Redis on this host.
void Opening::open_resp() {
    const std::uint16_t port = settings_.state.resp_port;
    if (port == 0) {
        return;
    }
    for (net::NamedSocket& socket : inherited_) {
        if (socket.name == kResp && net::local_address(socket.socket.get()).port == port) {
            open_.resp = std::move(socket.socket);
        }
    }
    if (!open_.resp.valid()) {
        Result<net::Fd> socket = net::listen_alone(address_of("127.0.0.1", port));
        if (!socket) {
            log_.warn("the port for redis-cli is taken; the gateway goes on without it",
                      {{"port", static_cast<std::int64_t>(port)}});
            return;
        }
        open_.resp = std::move(*socket);
    }
    open_.offers.push_back({std::string(kResp), open_.resp.get()});
}

bool Opening::open_group(std::string_view name, const net::Address& address, std::size_t wanted,
                         std::vector<net::Fd>& out) {
    for (net::NamedSocket& socket : inherited_) {
        if (socket.name == name) {
            out.push_back(std::move(socket.socket));
        }
    }
    if (!out.empty()) {
        log_.info("took over listening sockets",
                  {{"listener", name}, {"sockets", static_cast<std::int64_t>(out.size())}});
    }
    // Nobody but the manager may open more of its sockets: workers share those that there are.
    for (std::size_t i = 0; passed_by_manager_ && !out.empty() && out.size() < wanted; ++i) {
        out.push_back(net::same_socket(out[i]));
    }
    while (out.size() < wanted) {
        // Port 0 is any free one, but the same for all of the group.
        const net::Address at{
            address.ip, out.empty() ? address.port : net::local_address(out.front().get()).port};
        Result<net::Fd> socket = net::listen_on(at);
        if (!socket) {
            log_.error("cannot listen", {{"listener", name},
                                         {"address", address.ip.to_string()},
                                         {"port", static_cast<std::int64_t>(address.port)},
                                         {"reason", socket.error().detail}});
            return false;
        }
        out.push_back(std::move(*socket));
    }
    return true;
}

// There may be more sockets than workers: who hands them on may have had more.
void Opening::share_out(std::string_view name, std::vector<net::Fd> sockets,
                        std::vector<std::vector<net::Fd>>& among) {
    among.resize(workers_);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        open_.offers.push_back({std::string(name), sockets[i].get()});
        among[i % workers_].push_back(std::move(sockets[i]));
    }
}

}  // namespace

std::optional<OpenSockets> open_sockets(const Settings& settings,
                                        const config::Environment& environment, observe::Log& log) {
    Opening opening(settings, log);
    if (!opening.inherit(environment) || !opening.open_public() || !opening.open_admin() ||
        !opening.open_tls()) {
        return std::nullopt;
    }
    opening.open_resp();
    return opening.opened();
}

}  // namespace gw::app
