// Keeps tenants apart, by the tenant of the token alone: a request that names another one, or a
// venue that its caller does not hold, goes no further, and an answer that a service marks as
// another tenant's does not go back.
#include <algorithm>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "gateway/owner_names.hpp"
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
          "parameters of the path and of the query that name a tenant, in any spelling");
    field("venue_names", o.venue_names,
          "parameters of the path and of the query that name a venue, in any spelling");
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

// What is named, where, and whether the caller may have it.
class Named {
  public:
    Named(Exchange& x, const Tenant& options) : x_(x), options_(options) {}

    // False: the request ends here; verdict() says how.
    bool look_at(std::string_view name, std::string_view value, std::string_view where) {
        if (value.empty()) {
            return true;
        }
        if (const Naming naming = named_by_parameter(options_.tenant_names, name);
            naming != Naming::nothing) {
            return tenants(naming, value, where);
        }
        return venues(named_by_parameter(options_.venue_names, name), value, where);
    }
    // False as above.
    bool tenants(Naming naming, std::string_view value, std::string_view where) {
        return all_of(naming, value, [&](std::string_view one) { return tenant(one, where); });
    }
    bool venues(Naming naming, std::string_view value, std::string_view where) {
        return all_of(naming, value, [&](std::string_view one) { return venue(one, where); });
    }
    [[nodiscard]] const Verdict& verdict() const { return verdict_; }

  private:
    template <class Look>
    static bool all_of(Naming naming, std::string_view value, Look look) {
        if (naming != Naming::several) {
            return naming == Naming::nothing || look(value);
        }
        CommaList list(value);
        for (std::string_view one; list.next(one);) {
            if (!look(one)) {
                return false;
            }
        }
        return true;
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

bool look_at_pair(Exchange& x, Named& named, std::string_view pair) {
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view value = pair.substr(std::min(equals + 1, pair.size()));
    return named.look_at(decoded(x, pair.substr(0, equals)), decoded(x, value), "query");
}

bool look_at_pairs(Exchange& x, Named& named, std::string_view pairs, char between) {
    while (!pairs.empty()) {
        const std::string_view one = pairs.substr(0, find_byte(pairs, between));
        pairs.remove_prefix(std::min(one.size() + 1, pairs.size()));
        if (!look_at_pair(x, named, one)) {
            return false;
        }
        // Some services read `;` as they do `&`.
        if (between == '&' && one.contains(';') &&
            !look_at_pairs(x, named, one.substr(one.find(';') + 1), ';')) {
            return false;
        }
    }
    return true;
}

bool look_at_query(Exchange& x, Named& named) {
    return look_at_pairs(x, named, x.query(), '&');
}

bool look_at_headers(const Exchange& x, Named& named) {
    for (const http::Field& field : x.head().headers) {
        if (field.known != http::Known::other || field.value.empty()) {
            continue;
        }
        if (!named.tenants(tenant_by_field(field.name), field.value, "header") ||
            !named.venues(venue_by_field(field.name), field.value, "header")) {
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
