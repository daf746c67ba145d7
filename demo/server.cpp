#include "server.hpp"

#include <httplib.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

namespace demo {
namespace {

using httplib::Request;
using httplib::Response;

// A fault switch: the query parameter demo_<name>, or the field X-Demo-<Name>.
std::string fault(const Request& request, const std::string& name) {
    if (request.has_param(("demo_" + name).c_str())) {
        return request.get_param_value(("demo_" + name).c_str());
    }
    std::string field = "X-Demo-" + name;
    std::replace(field.begin(), field.end(), '_', '-');
    return request.get_header_value(field.c_str());
}

long number(const std::string& text) {
    return text.empty() ? 0 : std::strtol(text.c_str(), nullptr, 10);
}

// The library does not tell a handler its socket; it does tell the peer's port.
void cut_connection(int remote_port) {
    for (int fd = 3; fd < 4096; ++fd) {
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0) {
            continue;
        }
        const int port = peer.ss_family == AF_INET6
                             ? ntohs(reinterpret_cast<sockaddr_in6*>(&peer)->sin6_port)
                             : ntohs(reinterpret_cast<sockaddr_in*>(&peer)->sin_port);
        if (port == remote_port) {
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

httplib::Server::HandlerResponse apply_faults(const Request& request, Response& response) {
    if (const long ms = number(fault(request, "delay_ms")); ms > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(std::min(ms, 600'000L)));
    }
    const std::string close = fault(request, "close");
    if (close == "head") {
        cut_connection(request.remote_port);
        return httplib::Server::HandlerResponse::Handled;
    }
    const std::string bytes = fault(request, "body_bytes");
    if (close == "body" || !bytes.empty()) {
        give_bytes(response, bytes.empty() ? 10'000 : static_cast<std::size_t>(number(bytes)),
                   close == "body");
        return httplib::Server::HandlerResponse::Handled;
    }
    if (const long status = number(fault(request, "status")); status >= 200 && status <= 599) {
        refuse(response, static_cast<int>(status), "demo_fault", "asked for by a fault switch");
        return httplib::Server::HandlerResponse::Handled;
    }
    return httplib::Server::HandlerResponse::Unhandled;
}

class Digest {
  public:
    Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
        EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    }
    void add(const char* data, std::size_t size) {
        EVP_DigestUpdate(context_.get(), data, size);
        size_ += size;
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    std::string text() {
        unsigned char bytes[32];
        unsigned length = 0;
        EVP_DigestFinal_ex(context_.get(), bytes, &length);
        return hex({reinterpret_cast<char*>(bytes), length});
    }

  private:
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
    std::size_t size_ = 0;
};

void echo(const Request& request, Response& response, Digest& digest) {
    json::object fields;
    for (const auto& [name, value] : request.headers) {
        if (name != "REMOTE_ADDR" && name != "REMOTE_PORT" && name != "LOCAL_ADDR" &&
            name != "LOCAL_PORT") {
            fields[name] = value;
        }
    }
    answer(response, 200,
           json::object{{"method", request.method},
                        {"target", request.target},
                        {"headers", fields},
                        {"length", digest.size()},
                        {"sha256", digest.text()}});
}

void echo_body(const Request& request, Response& response, const httplib::ContentReader& reader) {
    Digest digest;
    reader([&](const char* data, std::size_t size) {
        digest.add(data, size);
        return true;
    });
    echo(request, response, digest);
}

}  // namespace

std::unique_ptr<httplib::Server> make_server(const std::string& name, const std::string& base) {
    auto server = std::make_unique<httplib::Server>();
    server->new_task_queue = [] { return new httplib::ThreadPool(128); };
    server->set_keep_alive_max_count(1'000'000);
    server->set_keep_alive_timeout(5);  // as Node.js has it
    server->set_payload_max_length(std::size_t{8} << 30);
    server->set_tcp_nodelay(true);
    server->set_pre_routing_handler(apply_faults);
    server->Get("/health", [name](const Request&, Response& response) {
        answer(response, 200, json::object{{"status", "ok"}, {"service", name}});
    });
    const std::string path = base + "/echo";
    server->Get(path, [](const Request& request, Response& response) {
        Digest none;
        echo(request, response, none);
    });
    server->Post(path, echo_body);
    server->Put(path, echo_body);
    server->Patch(path, echo_body);
    return server;
}

void answer(Response& response, int status, const json::value& body) {
    response.status = status;
    response.set_content(json::serialize(body), "application/json");
}

void refuse(Response& response, int status, std::string_view code, std::string_view detail) {
    response.status = status;
    response.set_content(
        json::serialize(json::object{{"status", status}, {"code", code}, {"detail", detail}}),
        "application/problem+json");
}

json::object body_of(const Request& request, Response& response) {
    boost::system::error_code error;
    json::value value = json::parse(request.body, error);
    if (error || !value.is_object()) {
        refuse(response, 400, "bad_request", "the body is no JSON object");
        return {};
    }
    return std::move(value.get_object());
}

std::string text_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
        text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

std::string new_uuid() {
    unsigned char bytes[16];
    RAND_bytes(bytes, sizeof bytes);
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
    std::string text = hex({reinterpret_cast<char*>(bytes), sizeof bytes});
    for (const std::size_t at : {8, 13, 18, 23}) {
        text.insert(at, "-");
    }
    return text;
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) {
            return false;
        }
    }
    return true;
}

}  // namespace demo
