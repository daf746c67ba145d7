#include <httplib.h>

#include <map>
#include <mutex>

#include "server.hpp"
#include "services.hpp"

namespace demo {
namespace {

using httplib::Request;
using httplib::Response;

struct TicketType {
    std::string id;
    std::string event;
    std::string tenant;
    std::int64_t price_cents;
    std::int64_t left;
};

struct Sale {
    std::string body;  // of the request, to tell a repetition from another purchase
    json::object order;
};

class BoxOffice {
  public:
    BoxOffice() {
        types_[kAlphaTicketType] = {kAlphaTicketType, kAlphaEvent, kAlpha, 4'500, 1'000};
        types_[kBetaTicketType] = {kBetaTicketType, kBetaEvent, kBeta, 8'000, 100};
    }

    void list_types(const Request& request, Response& response) {
        const std::string event = request.get_param_value("eventId");
        json::array found;
        const std::lock_guard lock(mutex_);
        for (const auto& [id, type] : types_) {
            if ((event.empty() || type.event == event) && visible(type, request)) {
                found.push_back(json::object{{"id", id},
                                             {"eventId", type.event},
                                             {"priceCents", type.price_cents},
                                             {"available", type.left}});
            }
        }
        answer(response, 200, json::object{{"items", found}});
    }

    // All of it or nothing: stock is checked and taken under one lock, so nothing is ever sold
    // twice.
    void purchase(const Request& request, Response& response) {
        const auto parsed = body_of(request, response);
        std::map<std::string, std::int64_t> wanted;
        if (!parsed || !read_wanted(*parsed, wanted, response)) {
            return;
        }
        const json::object& body = *parsed;
        const std::string user = request.get_header_value("X-User-Id");
        const std::string given_key = request.get_header_value("Idempotency-Key");
        // A key is its user's own: nobody is shown the order of another.
        const std::string key = given_key.empty() ? "" : user + "/" + given_key;
        const std::lock_guard lock(mutex_);
        if (const auto sale = sales_.find(key); !key.empty() && sale != sales_.end()) {
            if (sale->second.body != request.body) {
                return refuse(response, 422, "validation_failed",
                              "the Idempotency-Key belongs to another purchase");
            }
            return answer(response, 201, sale->second.order);
        }
        std::int64_t total = 0;
        for (const auto& [id, quantity] : wanted) {
            const auto type = types_.find(id);
            if (type == types_.end() || type->second.event != text_in(body, "eventId") ||
                !visible(type->second, request)) {
                return refuse(response, 404, "not_found", "the event has no such ticket type");
            }
            if (type->second.left < quantity) {
                return refuse(response, 409, "sold_out", "not enough tickets are left");
            }
            total += quantity * type->second.price_cents;
        }
        json::array tickets;
        for (const auto& [id, quantity] : wanted) {
            types_[id].left -= quantity;
            for (std::int64_t i = 0; i < quantity; ++i) {
                tickets.push_back(json::object{{"id", new_uuid()}, {"ticketTypeId", id}});
            }
        }
        const json::object order{{"orderId", new_uuid()},
                                 {"eventId", text_in(body, "eventId")},
                                 {"userId", user},
                                 {"tickets", tickets},
                                 {"totalCents", total}};
        orders_.push_back(order);
        if (!key.empty()) {
            sales_[key] = {request.body, order};
        }
        answer(response, 201, order);
    }

    void mine(const Request& request, Response& response) {
        const std::string user = request.get_header_value("X-User-Id");
        json::array found;
        const std::lock_guard lock(mutex_);
        for (const json::object& order : orders_) {
            if (text_in(order, "userId") == user) {
                found.push_back(order);
            }
        }
        answer(response, 200, json::object{{"items", found}});
    }

    static void validate(const Request& request, Response& response) {
        const auto body = body_of(request, response);
        if (!body) {
            return;
        }
        if (text_in(*body, "qrCode").empty() || !is_uuid(text_in(*body, "eventId"))) {
            return refuse(response, 422, "validation_failed", "qrCode and eventId are needed");
        }
        answer(response, 200, json::object{{"valid", true}});
    }

  private:
    // To callers of its tenant, and where the gateway names none.
    static bool visible(const TicketType& type, const Request& request) {
        const std::string tenant = request.get_header_value("X-Tenant-Id");
        return tenant.empty() || tenant == type.tenant;
    }

    static bool read_wanted(const json::object& body, std::map<std::string, std::int64_t>& wanted,
                            Response& response) {
        const json::value* tickets = body.if_contains("tickets");
        bool good = is_uuid(text_in(body, "eventId")) && tickets != nullptr &&
                    tickets->is_array() && !tickets->get_array().empty() &&
                    tickets->get_array().size() <= 50;
        for (std::size_t i = 0; good && i < tickets->get_array().size(); ++i) {
            const json::value& item = tickets->get_array()[i];
            const json::value* quantity =
                item.is_object() ? item.get_object().if_contains("quantity") : nullptr;
            good = quantity != nullptr && quantity->is_int64() && quantity->get_int64() >= 1 &&
                   quantity->get_int64() <= 10 &&
                   is_uuid(text_in(item.get_object(), "ticketTypeId"));
            if (good) {
                wanted[text_in(item.get_object(), "ticketTypeId")] += quantity->get_int64();
            }
        }
        if (!good) {
            refuse(response, 422, "validation_failed",
                   "eventId (uuid), and 1 to 50 tickets of {ticketTypeId uuid, quantity 1 to 10}");
        }
        return good;
    }

    std::mutex mutex_;
    std::map<std::string, TicketType> types_;
    std::map<std::string, Sale> sales_;  // by Idempotency-Key
    std::vector<json::object> orders_;
};

}  // namespace

std::unique_ptr<httplib::Server> ticket_service() {
    auto office = std::make_shared<BoxOffice>();
    const std::string base = "/api/v1/tickets";
    auto server = make_server("ticket-service", base);
    server->Get(base + "/types",
                [office](const Request& q, Response& a) { office->list_types(q, a); });
    server->Get(base, [office](const Request& q, Response& a) { office->mine(q, a); });
    server->Post(base + "/purchase",
                 [office](const Request& q, Response& a) { office->purchase(q, a); });
    server->Post(base + "/validate", &BoxOffice::validate);
    return server;
}

}  // namespace demo
