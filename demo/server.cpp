#include "server.hpp"

#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>

#include "faults.hpp"
#include "signature.hpp"

namespace demo {
namespace {

using httplib::Request;
using httplib::Response;

// The fields as they came: what serve_as_received() changes for the library is not for /echo.
thread_local httplib::Headers received;

// Before the library reads a body: it would decompress it, take multipart apart, and wait for the
// end of the connection where no length stands. /echo digests the bytes that were sent.
void serve_as_received(Request& request) {
    received = request.headers;
    if (request.path.ends_with("/echo")) {
        request.headers.erase("Content-Encoding");
        request.headers.erase("Content-Type");
    }
    if (!request.has_header("Content-Length") && !request.has_header("Transfer-Encoding")) {
        request.headers.emplace("Content-Length", "0");
    }
}

httplib::Server::HandlerResponse before_routing(const Request& request, Response& response) {
    if (const std::string flaw = signature_flaw(request); !flaw.empty()) {
        refuse(response, 401, "unsigned", flaw);
        return httplib::Server::HandlerResponse::Handled;
    }
    // The library's hook sees its own request, which is not constant, as a constant.
    Request& own = const_cast<Request&>(request);
    serve_as_received(own);
    if (begin_fault(request)) {
        own.path = kFaultPath;
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
    json::object fields;  // by lower-case name; a repeated field's values in one, as RFC 9110 joins
    for (const auto& [name, value] : received) {
        if (name.starts_with("REMOTE_") || name.starts_with("LOCAL_")) {
            continue;  // the library's own
        }
        std::string key = name;
        std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
        const std::string before = text_in(fields, key);
        fields[key] = fields.contains(key) ? before + ", " + value : value;
    }
    const std::size_t mark = request.target.find('?');
    answer(response, 200,
           json::object{{"method", request.method},
                        {"target", request.target},
                        {"path", request.target.substr(0, mark)},
                        {"query", mark == std::string::npos ? "" : request.target.substr(mark + 1)},
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
    server->new_task_queue = [] { return new httplib::ThreadPool(512); };
    server->set_keep_alive_max_count(1'000'000);
    server->set_keep_alive_timeout(5);  // as Node.js has it
    server->set_payload_max_length(std::size_t{8} << 30);
    server->set_tcp_nodelay(true);
    server->set_pre_routing_handler(before_routing);
    server->Get("/health", [name](const Request&, Response& response) {
        answer(response, 200, json::object{{"status", "ok"}, {"service", name}});
    });
    const std::string path = base + "/echo";
    const auto echo_head = [](const Request& request, Response& response) {
        Digest none;
        echo(request, response, none);
    };
    server->Get(path, echo_head);
    server->Options(path, echo_head);
    server->Post(path, echo_body);
    server->Put(path, echo_body);
    server->Patch(path, echo_body);
    server->Delete(path, echo_body);
    install_faults(*server);
    return server;
}

bool serve(httplib::Server& server, const std::string& host, int port) {
    int listening = -1;
    server.set_socket_options([&listening](int fd) {
        // Without the library's SO_REUSEPORT, which would let a second service share the port.
        const int yes = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        listening = fd;
    });
    if (!server.bind_to_port(host, port)) {
        return false;
    }
    ::listen(listening, SOMAXCONN);  // the library's queue holds five connections
    return server.listen_after_bind();
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

std::optional<json::object> body_of(const Request& request, Response& response) {
    if (!signed_body(request)) {
        refuse(response, 401, "unsigned", "this is not the body that was signed");
        return std::nullopt;
    }
    boost::system::error_code error;
    json::value value = json::parse(request.body, error);
    if (error || !value.is_object()) {
        refuse(response, 400, "bad_request", "the body is no JSON object");
        return std::nullopt;
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
    for (const std::size_t at : {8U, 13U, 18U, 23U}) {
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
