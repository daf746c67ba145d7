// What an ordinary request pays for being looked at.
#include <benchmark/benchmark.h>

#include "security/injection.hpp"
#include "security/request_values.hpp"

namespace gw::security {
namespace {

struct Looker : ValueVisitor {
    bool found = false;
    bool value(ValuePlace, std::string_view, std::string_view decoded) override {
        found = find_injection(decoded).has_value();
        return !found;
    }
};

void run(benchmark::State& state, std::string_view path, std::string_view query) {
    RequestValues walk;
    for (auto _ : state) {
        Looker looker;
        walk.path(path, looker);
        walk.query(query, looker);
        benchmark::DoNotOptimize(looker.found);
    }
}

void path_and_query(benchmark::State& state) {
    run(state, "/api/v1/venues/7f3c9a52-0d1e-4b6f/events", "page=2&limit=50&from=2026-11-23");
}
void query_of_prose(benchmark::State& state) {
    run(state, "/api/v1/events", "q=rock+and+roll+with+O%27Brien+or+friends");
}
void json_body(benchmark::State& state) {
    RequestValues walk;
    for (auto _ : state) {
        Looker looker;
        walk.json(R"({"event":"7f3c9a52-0d1e","seats":["A1","A2"],"email":"bob@example.com"})",
                  looker);
        benchmark::DoNotOptimize(looker.found);
    }
}

BENCHMARK(path_and_query);
BENCHMARK(query_of_prose);
BENCHMARK(json_body);

}  // namespace
}  // namespace gw::security
