#include "faults.hpp"

#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "server.hpp"

namespace demo {
namespace {

using httplib::Request;
using httplib::Response;

// A fault switch: the query parameter demo_<name>, or the field X-Demo-<Name>.
std::string fault(const Request& request, const std::string& name) {
    if (request.has_param("demo_" + name)) {
        return request.get_param_value("demo_" + name);
    }
    std::string field = "X-Demo-" + name;
    std::ranges::replace(field, '_', '-');
    return request.get_header_value(field);
}

long number(const std::string& text) {
    return std::max(0L, std::strtol(text.c_str(), nullptr, 10));
}

// 0 where none is asked for.
int status_in(const Request& request) {
    const long asked = number(fault(request, "status"));
    return asked >= 200 && asked <= 599 ? static_cast<int>(asked) : 0;
}

// The library does not tell a handler its socket; it does tell the peer's port.
void cut_connection(int remote_port) {
    for (int fd = 3; fd < 4096; ++fd) {
        sockaddr_in peer{};
        socklen_t length = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 &&
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == remote_port) {
            ::shutdown(fd, SHUT_RDWR);
        }
    }
}

void give_bytes(Response& response, std::size_t size, bool cut) {
    response.set_content_provider(
        size, "application/octet-stream",
        [size, cut](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
            if (cut && offset >= size / 2) {
                return false;
            }
            std::string part(
                std::min<std::size_t>({length, 65536, cut ? size / 2 - offset : length}), '\0');
            for (std::size_t i = 0; i < part.size(); ++i) {
                part[i] = static_cast<char>('a' + (offset + i) % 26);
            }
            return sink.write(part.data(), part.size());
        });
}

void answer_fault(const Request& request, Response& response) {
    const int status = status_in(request) == 0 ? 200 : status_in(request);
    const bool cut = fault(request, "close") == "body";
    const std::string bytes = fault(request, "body_bytes");
    if (cut || !bytes.empty()) {
        response.status = status;
        give_bytes(response, bytes.empty() ? 10'000 : static_cast<std::size_t>(number(bytes)), cut);
    } else if (status == 204 || status == 304) {
        response.status = status;
    } else {
        refuse(response, status, "demo_fault", "asked for by a fault switch");
    }
}

// The body is read to its end first, or its rest would be taken for the next request.
void answer_fault_after_body(const Request& request, Response& response,
                             const httplib::ContentReader& reader) {
    reader([](const char*, std::size_t) { return true; });
    answer_fault(request, response);
}

}  // namespace

bool begin_fault(const Request& request) {
    if (const long ms = number(fault(request, "delay_ms")); ms > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(ms, 600'000L)));
    }
    const std::string close = fault(request, "close");
    if (close == "head") {
        cut_connection(request.remote_port);
    }
    return close == "head" || close == "body" || !fault(request, "body_bytes").empty() ||
           status_in(request) != 0;
}

void install_faults(httplib::Server& server) {
    server.Get(kFaultPath, answer_fault);
    server.Options(kFaultPath, answer_fault);
    server.Post(kFaultPath, answer_fault_after_body);
    server.Put(kFaultPath, answer_fault_after_body);
    server.Patch(kFaultPath, answer_fault_after_body);
    server.Delete(kFaultPath, answer_fault_after_body);
}

}  // namespace demo
