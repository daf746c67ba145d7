// Venues and events of two tenants: the same service twice, with other data.
#include <httplib.h>

#include <map>
#include <mutex>

#include "server.hpp"
#include "services.hpp"

namespace demo {
namespace {

using httplib::Request;
using httplib::Response;

class Catalogue {
  public:
    explicit Catalogue(std::vector<json::object> items) {
        for (json::object& item : items) {
            items_.emplace(text_in(item, "id"), std::move(item));
        }
    }

    // All, or those of the tenant that the gateway names.
    void list(const Request& request, Response& response) {
        const std::string tenant = request.get_header_value("X-Tenant-Id");
        json::array found;
        const std::lock_guard lock(mutex_);
        for (const auto& [id, item] : items_) {
            if (tenant.empty() || text_in(item, "tenantId") == tenant) {
                found.push_back(item);
            }
        }
        answer(response, 200, json::object{{"items", found}, {"total", found.size()}});
    }

    void one(const Request& request, Response& response) {
        const std::lock_guard lock(mutex_);
        const auto item = items_.find(request.matches[1]);
        if (item == items_.end()) {
            return refuse(response, 404, "not_found", "there is none of that id");
        }
        response.set_header("X-Resource-Tenant", text_in(item->second, "tenantId"));
        answer(response, 200, item->second);
    }

    void add(const Request& request, Response& response) {
        std::optional<json::object> body = body_of(request, response);
        if (!body) {
            return;
        }
        json::object& item = *body;
        const std::string tenant = request.get_header_value("X-Tenant-Id");
        if (text_in(item, "name").empty()) {
            return refuse(response, 422, "validation_failed", "a name is needed");
        }
        const std::string id = new_uuid();
        item["id"] = id;
        item["tenantId"] = tenant.empty() ? std::string(kAlpha) : tenant;
        const std::lock_guard lock(mutex_);
        response.set_header("Location", request.path + "/" + id);
        answer(response, 201, items_.emplace(id, std::move(item)).first->second);
    }

  private:
    std::mutex mutex_;
    std::map<std::string, json::object> items_;
};

std::unique_ptr<httplib::Server> serve(const std::string& name, const std::string& base,
                                       std::vector<json::object> items) {
    auto catalogue = std::make_shared<Catalogue>(std::move(items));
    auto server = make_server(name, base);
    server->Get(base, [catalogue](const Request& q, Response& a) { catalogue->list(q, a); });
    server->Get(base + R"(/([0-9a-f-]{36}))",
                [catalogue](const Request& q, Response& a) { catalogue->one(q, a); });
    server->Post(base, [catalogue](const Request& q, Response& a) { catalogue->add(q, a); });
    return server;
}

}  // namespace

std::unique_ptr<httplib::Server> venue_service() {
    return serve(
        "venue-service", "/api/v1/venues",
        {{{"id", kAlphaVenue}, {"tenantId", kAlpha}, {"name", "Alpha Hall"}, {"capacity", 1200}},
         {{"id", kBetaVenue}, {"tenantId", kBeta}, {"name", "Beta Arena"}, {"capacity", 9000}}});
}

std::unique_ptr<httplib::Server> event_service() {
    auto server = serve("event-service", "/api/v1/events",
                        {{{"id", kAlphaEvent},
                          {"tenantId", kAlpha},
                          {"venueId", kAlphaVenue},
                          {"name", "Opening Night"},
                          {"startsAt", "2027-03-01T19:00:00Z"}},
                         {{"id", kBetaEvent},
                          {"tenantId", kBeta},
                          {"venueId", kBetaVenue},
                          {"name", "Cup Final"},
                          {"startsAt", "2027-05-01T18:00:00Z"}}});
    // Numbers that nobody counts: enough for what is put together of several services.
    server->Get(R"(/api/v1/events/([0-9a-f-]{36})/availability)", [](const Request& request,
                                                                     Response& response) {
        answer(response, 200, json::object{{"eventId", request.matches[1].str()}, {"left", 120}});
    });
    return server;
}

}  // namespace demo
