// Keeps tenants apart, by the tenant of the token alone: a request that names another one, or a
// venue that its caller does not hold, goes no further, and an answer that a service marks as
// another tenant's does not go back.
#include <algorithm>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "gateway/resource_tenant.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "identity/permission.hpp"

namespace gw::gateway {
namespace {

struct Tenant : StageOptions {
    std::vector<std::string> tenant_names{"tenantId", "tenant_id"};
    std::vector<std::string> venue_names{"venueId", "venue_id"};
};

template <class Visitor>
void fields(Visitor& field, Tenant& o) {
    field("tenant_names", o.tenant_names,
          "parameters of the path and of the query that name a tenant, in any case");
    field("venue_names", o.venue_names,
          "parameters of the path and of the query that name a venue, in any case");
}

// As a service reads it, decoded once.
std::string_view decoded(Exchange& x, std::string_view text) {
    if (text.find_first_of("%+") == std::string_view::npos) {
        return text;
    }
    std::string plain(text);
    std::ranges::replace(plain, '+', ' ');
    return x.memory.arena.copy(percent_decode_leniently(plain));
}

bool one_of(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::any_of(
        names, [&](const std::string& known) { return equal_ignore_case(known, name); });
}

// Services read `filter[tenantId][]=…` as a name within names: any of them may be one. Of
// `filter.tenantId=…` the last says what it is: `venueId.exists=true` names no venue.
bool holds_one_of(const std::vector<std::string>& names, std::string_view name) {
    while (!name.empty()) {
        const std::string_view part = name.substr(0, name.find_first_of("[]"));
        if (one_of(names, part) || one_of(names, part.substr(part.rfind('.') + 1))) {
            return true;
        }
        name.remove_prefix(std::min(part.size() + 1, name.size()));
    }
    return false;
}

// What is named, where, and whether the caller may have it.
class Named {
  public:
    Named(Exchange& x, const Tenant& options) : x_(x), options_(options) {}

    // False: the request ends here; verdict() says how.
    bool look_at(std::string_view name, std::string_view value, std::string_view where) {
        if (value.empty()) {
            return true;
        }
        if (holds_one_of(options_.tenant_names, name)) {
            return tenant(value, where);
        }
        return !holds_one_of(options_.venue_names, name) || venue(value, where);
    }
    bool tenant(std::string_view value, std::string_view where) {
        if (value == x_.identity->tenant) {
            return true;
        }
        x_.visit = {};
        report_cross_tenant(x_, {.tenant = value}, where, false, 403);
        verdict_ = refuse(Code::cross_tenant, "that belongs to another tenant");
        return false;
    }
    bool venue(std::string_view value, std::string_view where) {
        if (identity::holds_venue(*x_.identity, value)) {
            // An administrator's own venues are nobody else's.
            if (std::ranges::find(x_.identity->venues, value) == x_.identity->venues.end()) {
                note_visit(value, where);
            }
            return true;
        }
        // As if it did not exist: whether it does is not the caller's to know.
        x_.visit = {};
        report_cross_tenant(x_, {.venue = value}, where, false, 404);
        verdict_ = refuse(Code::not_found, "there is no such resource");
        return false;
    }
    [[nodiscard]] const Verdict& verdict() const { return verdict_; }

  private:
    // Told when it is known how it was answered.
    void note_visit(std::string_view venue, std::string_view where) {
        std::string_view& venues = x_.visit.venues;
        if (venues.empty()) {
            x_.visit = {.venues = venue, .named_in = where};
        } else if (venues != venue) {
            venues = x_.memory.arena.join(venues, ",", venue);
        }
    }

    Exchange& x_;
    const Tenant& options_;
    Verdict verdict_ = go_on();
};

bool look_at_path(Exchange& x, Named& named) {
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        if (!named.look_at(x.route->parameters[i], decoded(x, x.memory.parameters[i]), "path")) {
            return false;
        }
    }
    return true;
}

bool look_at_query(Exchange& x, Named& named) {
    std::string_view left = x.query();
    while (!left.empty()) {
        const std::string_view one = left.substr(0, left.find('&'));
        left.remove_prefix(std::min(one.size() + 1, left.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        const std::string_view value = one.substr(std::min(equals + 1, one.size()));
        if (!named.look_at(decoded(x, one.substr(0, equals)), decoded(x, value), "query")) {
            return false;
        }
    }
    return true;
}

// `X-Tenant-Id`, `Tenant-Id` and `X-TenantId` are one name to services. `what`: in lower case.
bool reads_as(std::string_view name, std::string_view what) {
    if (name.size() > 2 && lower(name[0]) == 'x' && name[1] == '-') {
        name.remove_prefix(2);
    }
    for (const char c : name) {
        if (c == '-' || c == '_') {
            continue;
        }
        if (what.empty() || lower(c) != what.front()) {
            return false;
        }
        what.remove_prefix(1);
    }
    return what.empty();
}

bool look_at_headers(const Exchange& x, Named& named) {
    for (const http::Field& field : x.head().headers) {
        if (field.known != http::Known::other || field.value.empty()) {
            continue;
        }
        if (reads_as(field.name, "tenantid") && !named.tenant(field.value, "header")) {
            return false;
        }
        if (reads_as(field.name, "venueid") && !named.venue(field.value, "header")) {
            return false;
        }
    }
    return true;
}

Verdict decide(Exchange& x, const Tenant& o) {
    if (x.identity == nullptr) {
        return go_on();
    }
    Named named(x, o);
    [[maybe_unused]] const bool clean =
        look_at_path(x, named) && look_at_query(x, named) && look_at_headers(x, named);
    return named.verdict();
}

Verdict judge_answer(Exchange& x, const http::ResponseHead& head, const StageOptions&) {
    const std::string_view owner = other_tenant_named(x, head.headers);
    if (owner.empty()) {
        return go_on();
    }
    report_cross_tenant(x, {.tenant = owner}, "answer", false, 404);
    return refuse(Code::not_found, "there is no such resource");
}

constexpr Stage row() {
    Stage stage = stage_of_every_route<Tenant, decide>("tenant");
    stage.judge = judge_answer;
    stage.on_response = [](Exchange& x, const StageOptions&) { report_visit(x, x.outcome.status); };
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage tenant = row();
}

}  // namespace gw::gateway
