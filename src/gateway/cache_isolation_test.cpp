// Whatever callers ask for in whatever order, nobody is given what is another's, what was purged or
// outdated, or what is too old: two gateways with memories of their own and one store that they
// share, on a clock of the test's. The store is a bad one: its places collide, and now and again a
// bit of it changes.
//
// CACHE_STEPS and CACHE_SEED say how much, and which schedule.
#include <gtest/gtest.h>

#include <cstdlib>

#include "gateway/cache_work.hpp"
#include "gateway/exchange_test_support.hpp"
#include "gateway/purge_log.hpp"
#include "gateway/shared_record.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

using std::chrono::seconds;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Caller {
    std::string tenant, role, user;  // all "": nobody
    std::string venue;               // "": none
};

// What a service has to say of a request, and to whom. Written into the answer's body.
struct Said {
    Caller caller;
    std::string path, query, language;
    bool of_user = false;  // private: of this user alone
    bool varies = false;   // by language
    Instant asked{};
    Instant good_until{};
};

// The store's side of control::AnswerLink, without its thread.
class BadStore final : public SharedAnswers {
  public:
    BadStore(const net::Loop& loop, Random& random) : loop_(loop), random_(random) {}

    [[nodiscard]] bool open(Instant) const override { return true; }
    void ask(SharedPlace, std::string, Told) override { FAIL() << "the test asks itself"; }
    void waited_in_vain(Instant) override {}
    void release(SharedPlace) override {}
    void take_out(SharedPlace, StoredPtr) override {}

    std::shared_ptr<StoredAnswer> find(const SharedPlace& place, const http::Headers& request) {
        const auto index = names_.find(place.uri + "\n\n" + place.who);
        StoredAnswer like;
        like.select_by(index == names_.end() ? "" : index->second, request);
        Entry& entry = at(place, selection_of(like.vary));
        if (random_.below(500) == 0 && !entry.text.empty()) {
            entry.text[random_.below(entry.text.size())] ^= 4;
        }
        auto record = read_shared(entry.text, place, "secret");
        const std::int64_t began =
            ms(entry.came) - (record ? record->fetched_in.count() : 0) - 1'000;
        if (!record || purges.covers(*record->answer, began, loop_.now())) {
            ++misses;
            return nullptr;
        }
        ++hits;
        record->answer->came = entry.came;
        return record->answer;
    }
    void keep(SharedPlace place, StoredPtr answer, Instant began) override {
        const auto outdated = outdated_.find(place.uri);
        if (outdated != outdated_.end() && outdated->second >= began - seconds(1)) {
            return;
        }
        std::string names;
        for (const auto& one : answer->vary) {
            names.append(names.empty() ? "" : ",").append(one.name);
        }
        names_[place.uri + "\n\n" + place.who] = names;
        at(place, selection_of(answer->vary)) = {
            write_shared(place, *answer, std::chrono::duration_cast<Millis>(answer->came - began),
                         "secret"),
            answer->came, place.uri};
    }
    void forget(std::string, std::string uri) override {
        outdated_[uri] = loop_.now();
        for (Entry& entry : entries_) {
            if (entry.uri == uri) {
                entry = {};
            }
        }
        for (AnswerCache* const memory : memories) {
            memory->forget(uri);
        }
    }
    [[nodiscard]] static std::int64_t ms(Instant at) {
        return std::chrono::duration_cast<Millis>(at.time_since_epoch()).count();
    }

    PurgeLog purges{std::chrono::hours{2}};
    std::vector<AnswerCache*> memories;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;

  private:
    struct Entry {
        std::string text;
        Instant came{};
        std::string uri;
    };
    Entry& at(const SharedPlace& place, const std::string& selection) {
        return entries_[std::hash<std::string>{}(place.uri + place.who + selection) %
                        entries_.size()];
    }

    const net::Loop& loop_;
    Random& random_;
    std::array<Entry, 97> entries_;
    std::unordered_map<std::string, std::string> names_;
    std::unordered_map<std::string, Instant> outdated_;
};

// One request on its way through one gateway.
struct Flight {
    Flight(std::string text, Shard& shard)
        : stream(std::move(text)), memory(shard.memory()), x(stream, shard, *memory) {}
    ScriptedStream stream;
    http::Borrowed<ExchangeMemory> memory;
    Exchange x;
    Said asks;
    std::vector<std::string> texts;  // of the answer's fields
};

class Isolation : public testing::Test {
  protected:
    // Nobody turns this loop: its clock stands where the test puts it.
    void pass(Instant::duration time) {
        Clock& clock = const_cast<Clock&>(fixture.loop.clock());
        clock.now += time;
        clock.wall += std::chrono::duration_cast<WallTime::duration>(time);
    }
    [[nodiscard]] Instant now() const { return fixture.loop.now(); }
    std::uint64_t any(std::uint64_t below) { return random.below(below); }

    void begin_one();
    void answer_one();
    void write_one();
    void purge_one();
    void check_served(const Flight& flight, const StoredAnswer& stored);

    Random random{from_environment("CACHE_SEED", 1)};
    std::unique_ptr<Route> route = prefix_route("/**");
    ShardFixture fixture{{}};
    AnswerCache here{3'000'000};
    AnswerCache there{300'000};
    BadStore store{fixture.loop, random};
    std::array<CacheOptions, 3> options;  // shared by a tenant, of a user, with a time of our own
    std::vector<std::unique_ptr<Flight>> flights;
    std::vector<Said> said;  // by the number that stands in the answer's body
    std::unordered_map<std::string, Instant> purged;   // by what
    std::unordered_map<std::string, Instant> written;  // by path and query
    std::uint64_t given = 0;
};

void Isolation::check_served(const Flight& flight, const StoredAnswer& stored) {
    ++given;
    const Said& kept = said.at(std::stoull(*stored.body));
    const Said& asks = flight.asks;
    ASSERT_EQ(kept.caller.tenant, asks.caller.tenant);
    ASSERT_EQ(kept.caller.role, asks.caller.role);
    ASSERT_EQ(kept.caller.venue, asks.caller.venue);
    ASSERT_EQ(kept.path, asks.path);
    ASSERT_EQ(kept.query, asks.query);
    ASSERT_TRUE(!kept.of_user || kept.caller.user == asks.caller.user);
    ASSERT_TRUE(!kept.varies || kept.language == asks.language);
    ASSERT_LT(now(), kept.good_until + seconds(1));
    for (const std::string& what :
         {std::string("all"), "tenant:" + asks.caller.tenant, "path:" + asks.path,
          std::string("path:/a/**"), "tag:" + asks.path.substr(1, 1)}) {
        const auto at = purged.find(what);
        const bool covers = what != "path:/a/**" || asks.path.starts_with("/a");
        ASSERT_TRUE(at == purged.end() || !covers || kept.asked >= at->second) << what;
    }
    const auto at = written.find(asks.path + "?" + asks.query);
    ASSERT_TRUE(at == written.end() || kept.asked >= at->second);
}

void Isolation::begin_one() {
    constexpr std::array<std::string_view, 4> kPaths{"/a", "/a/1", "/b", "/b/1"};
    constexpr std::array<std::string_view, 3> kLanguages{"", "de", "en"};
    Said asks;
    if (any(5) != 0) {
        asks.caller = {"t" + std::to_string(any(3)), any(2) == 0 ? "admin" : "customer",
                       "u" + std::to_string(any(3)),
                       any(4) == 0 ? "v" + std::to_string(any(2)) : ""};
    }
    asks.path = kPaths[any(kPaths.size())];
    asks.query = any(2) == 0 ? "" : "q=" + std::to_string(any(3));
    asks.language = kLanguages[any(kLanguages.size())];
    std::string text = "GET " + asks.path + (asks.query.empty() ? "" : "?" + asks.query) +
                       " HTTP/1.1\r\nHost: h\r\n";
    text += asks.language.empty() ? "" : "Accept-Language: " + asks.language + "\r\n";
    text += asks.caller.tenant.empty() ? "" : "Authorization: Bearer x\r\n";
    auto flight = std::make_unique<Flight>(text + "\r\n", fixture.shard);
    flight->asks = asks;
    Exchange& x = flight->x;
    x.route = route.get();
    x.service_index = 0;
    x.path = x.head().path;
    if (!asks.caller.tenant.empty()) {
        auto identity = std::make_shared<identity::Identity>();
        identity->tenant = asks.caller.tenant;
        identity->role = asks.caller.role;
        identity->subject = asks.caller.user;
        if (!asks.caller.venue.empty()) {
            identity->venues = {asks.caller.venue};
        }
        identity->holdings = identity::holdings_of(*identity);
        x.identity = std::move(identity);
    }
    // Routes differ in what they share, and a path belongs to one of them.
    const CacheOptions& o = options[asks.path.starts_with("/b") ? 1 : any(4) == 0 ? 2 : 0];
    x.cache.emplace(any(2) == 0 ? here : there, o, &store);
    ASSERT_TRUE(x.cache->begin(x));
    const auto served = [&] {
        const CacheWork::Found found = x.cache->look_up(x);
        if (found == CacheWork::Found::serve || found == CacheWork::Found::serve_and_refresh) {
            check_served(*flight, *x.cache->serves());
            return true;
        }
        return false;
    };
    if (served() || x.cache->take_role(x, nullptr) == CacheWork::Role::waits) {
        return;
    }
    if (x.cache->asks_shared(x)) {
        if (auto answer = store.find(x.cache->shared_place(), x.head().headers);
            answer != nullptr && x.cache->adopt(x, std::move(answer))) {
            if (served()) {
                return;
            }
            [[maybe_unused]] const auto role = x.cache->take_role(x, nullptr);
        }
    }
    flight->asks.asked = now();
    flights.push_back(std::move(flight));
}

void Isolation::answer_one() {
    if (flights.empty()) {
        return;
    }
    const std::size_t which = any(flights.size());
    const std::unique_ptr<Flight> flight = std::move(flights[which]);
    flights.erase(flights.begin() + static_cast<std::ptrdiff_t>(which));
    if (any(10) == 0) {
        return;  // it broke off
    }
    Exchange& x = flight->x;
    Said kept = flight->asks;
    const auto lifetime = static_cast<std::int64_t>(any(30));
    const auto stale = static_cast<std::int64_t>(any(3) == 0 ? any(20) : 0);
    kept.of_user = any(3) == 0;
    kept.varies = any(3) == 0;
    const auto else_stale = static_cast<std::int64_t>(x.cache->options().stale_while_revalidate_s);
    kept.good_until = now() + seconds(lifetime + (stale > 0 ? stale : else_stale));
    std::string control = kept.of_user ? "private" : any(3) == 0 ? "public" : "";
    control += (control.empty() ? "" : ", ") + std::string("max-age=") + std::to_string(lifetime);
    control += stale > 0 ? ", stale-while-revalidate=" + std::to_string(stale) : "";
    control += any(4) == 0 ? ", must-revalidate" : "";
    control += any(20) == 0 ? ", no-store" : "";
    http::ResponseHead head;
    head.status = 200;
    head.framing = http::Framing::length;
    const std::string body = std::to_string(said.size());
    said.push_back(kept);
    head.content_length = body.size();
    ASSERT_TRUE(head.headers.add("Cache-Control", control));
    const std::string tag = kept.path.substr(1, 1);
    ASSERT_TRUE(head.headers.add("Cache-Tag", tag));
    ASSERT_TRUE(!kept.varies || head.headers.add("Vary", "Accept-Language"));
    x.cache->take_head(x, head);
    x.cache->take_body(x, {body, true});
}

// A write that succeeds, seen by one gateway.
void Isolation::write_one() {
    const std::string path = any(2) == 0 ? "/a" : "/b/1";
    Flight flight("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
                  fixture.shard);
    Exchange& x = flight.x;
    x.route = route.get();
    x.service_index = 0;
    x.path = x.head().path;
    x.cache.emplace(here, options[0], &store);
    ASSERT_TRUE(x.cache->begin(x));
    http::ResponseHead head;
    head.status = 204;
    written[path + "?"] = now();
    x.cache->take_head(x, head);
}

void Isolation::purge_one() {
    constexpr std::array<std::string_view, 7> kWhat{
        "tenant:t0", "tenant:t1", "path:/a/**", "path:/b", "tag:a", "tag:b", "all"};
    const std::string what(kWhat[any(kWhat.size())]);
    const Purge purge = parse_purge(what).value();
    purged[what] = now();
    here.purge(purge);
    there.purge(purge);
    store.purges.note(purge, PurgeLog::kNotKnown, now());
    store.purges.note(purge, BadStore::ms(now()), now());
}

TEST_F(Isolation, NobodyIsGivenWhatIsAnothersPurgedOutdatedOrTooOld) {
    route->service = "event-service";
    options[1].share = Share::user;
    options[2].ttl_s = 20;
    options[2].stale_while_revalidate_s = 5;
    store.memories = {&here, &there};
    pass(std::chrono::hours(1'000));
    const std::uint64_t steps = from_environment("CACHE_STEPS", 300'000);
    for (std::uint64_t step = 0; step < steps && !HasFatalFailure(); ++step) {
        const std::uint64_t what = any(1'000);
        if (what < 600) {
            begin_one();
        } else if (what < 960 || flights.size() > 32) {
            answer_one();
        } else if (what < 970) {
            write_one();
        } else if (what < 975) {
            purge_one();
        } else {
            pass(Millis{static_cast<std::int64_t>(any(4'000))});
        }
    }
    EXPECT_FALSE(HasFatalFailure()) << "CACHE_SEED=" << from_environment("CACHE_SEED", 1);
    // What shows nothing proves nothing.
    EXPECT_GT(given, steps / 20);
    EXPECT_GT(store.hits, steps / 100);
    RecordProperty("given", static_cast<int>(given));
    std::printf("%llu steps, %llu given from memory, %llu of %llu questions to the store good\n",
                static_cast<unsigned long long>(steps), static_cast<unsigned long long>(given),
                static_cast<unsigned long long>(store.hits),
                static_cast<unsigned long long>(store.hits + store.misses));
}

}  // namespace
}  // namespace gw::gateway
