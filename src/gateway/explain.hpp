// What would become of a request: its stages are asked one after the other, as for a real one, on a
// shard of its own, whose counters, records and log nobody reads. No service is asked, nothing is
// counted, and nothing that is kept changes. Control thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/answer_cache.hpp"
#include "gateway/health.hpp"
#include "gateway/pressure.hpp"
#include "gateway/site.hpp"
#include "http/h1_pool.hpp"
#include "identity/key_set.hpp"
#include "observe/log.hpp"
#include "state/known_state.hpp"
#include "upstream/breaker_set.hpp"

namespace gw::gateway {

// What there is; all of it outlives the call.
struct ExplainParts {
    net::Loop& loop;
    http::H1Pool& h1;
    observe::LogSink& sink;
    upstream::BreakerSet& breakers;
    AnswerCache& answers;
    std::shared_ptr<const Site> site;
    std::shared_ptr<const state::Known> known;
    std::shared_ptr<const identity::KeySet> keys;
    std::shared_ptr<const HealthReport> health;
    Pressure pressure = Pressure::none;
};

struct ExplainRequest {
    std::string text;  // the head, as HTTP/1.1 has it
    IpAddress peer;    // whose connection it comes by
    bool secure = false;
};

struct StageFinding {
    // goes_on, and of no interest: `skipped`. waits: for a body or a store, which are not looked
    // at.
    enum class Is : std::uint8_t { goes_on, skipped, refuses, answers, waits };
    std::string stage;
    Is is = Is::goes_on;
    int status = 0;    // of what refuses or answers, where that is known
    std::string code;  // of what refuses
    std::string why;
};
std::string_view name_of(StageFinding::Is is);

// Under which keys the request would be counted, by the policies of its route in their order.
struct LimitToAsk {
    const limits::Policy* policy = nullptr;  // of the site
    const limits::Quota* quota = nullptr;    // of the policy, for this caller
    std::string key;
};

// Of an answer that is put together: one of those that are asked.
struct PartToAsk {
    std::string name;
    std::string service;
    bool required = true;            // whether the whole fails with it
    bool closed = false;             // its service is under maintenance
    std::vector<std::size_t> needs;  // parts, by their place among these
};

struct Explanation {
    std::vector<StageFinding> stages;  // up to the one that ends it
    std::vector<LimitToAsk> limits;    // before the stage `rate_limit` goes on
    std::string client;                // address
    std::string user, tenant, role;    // of a caller who is known
    std::string route, path;           // "": there is none
    std::string host;                  // that it asks for
    std::vector<PartToAsk> parts;      // where no stage before them ends it
    // Only of one that is sent on.
    std::string service;
    std::string upstream_path;
    Millis timeout{};
    std::vector<std::pair<std::string, std::string>> sent;  // the head's fields
    std::vector<std::string> dropped;                       // names of fields that only we may set
};

Explanation explain(const ExplainParts& parts, const ExplainRequest& request);

}  // namespace gw::gateway
