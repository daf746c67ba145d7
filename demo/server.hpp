// What the demo's services share: an HTTP server with fault switches, JSON answers, ids.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace demo {

namespace json = boost::json;

// A server with /health, <base>/echo and the fault switches of demo/README.md on every path.
std::unique_ptr<httplib::Server> make_server(const std::string& name, const std::string& base);

// Serves on 127.0.0.1 until the process ends; false if the port is taken.
bool serve(httplib::Server& server, const std::string& host, int port);

void answer(httplib::Response& response, int status, const json::value& body);
void refuse(httplib::Response& response, int status, std::string_view code,
            std::string_view detail);

// The body as a JSON object; nothing, and a refusal in `response`, if it is none.
std::optional<json::object> body_of(const httplib::Request& request, httplib::Response& response);
// A text member, or "".
std::string text_in(const json::object& object, std::string_view name);

std::string new_uuid();
bool is_uuid(std::string_view text);
std::string hex(std::string_view bytes);

}  // namespace demo
