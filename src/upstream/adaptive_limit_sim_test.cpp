// Limits that adapt at a simulated service, by seed: what is promised under five times the load
// holds for services of every size, shared by several workers, and when the service changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <queue>

#include "upstream/adaptive_limit.hpp"

namespace gw::upstream {
namespace {

using std::chrono::seconds;

constexpr Instant kBegin{std::chrono::hours(1'000)};

// What a crowd costs: each takes longer by the square of what is too much (less is done the more is
// asked), longer by what is too much, or waits until one of `slots` is free.
enum class Contention : std::uint8_t { squared, shared, queue };
// How long an answer takes without a crowd, about a mean of `base_s`.
enum class Spread : std::uint8_t { none, fifth, log_normal, exponential };

struct Service {
    double base_s = 0.005;
    std::uint32_t slots = 8;
    Contention contention = Contention::squared;
    Spread spread = Spread::fifth;
};

// Workers that each keep as many requests in flight as their limit allows: there is always more to
// do.
class Siege {
  public:
    Siege(std::uint64_t seed, std::uint32_t workers, Service of) : service(of), random_(seed) {
        const std::uint32_t most = std::max(8U, 8 * of.slots / workers);
        for (std::uint32_t i = 0; i < workers; ++i) {
            workers_.push_back(std::make_unique<Worker>(AdaptiveLimit({1, most}, seed + i)));
        }
    }

    void run(seconds time) {
        done_ = 0;
        spent_s_ = 0;
        lasted_s_ = static_cast<double>(time.count());
        fill();
        for (const Instant end = now_ + time; now_ < end; fill()) {
            const Request next = ends_.top();
            ends_.pop();
            now_ = next.end;
            Worker& worker = *workers_[next.worker];
            worker.limit.sample(next.end - next.began, false, worker.in_flight,
                                {.now = now_, .wall = WallTime(now_.time_since_epoch())});
            ASSERT_GE(worker.limit.value(), 1U);
            --worker.in_flight;
            --inside_;
            ++done_;
            spent_s_ += std::chrono::duration<double>(next.end - next.began).count();
        }
    }
    // Of what the service does at its best.
    [[nodiscard]] double goodput() const {
        return static_cast<double>(done_) * service.base_s / (lasted_s_ * service.slots);
    }
    // Times as long as without a crowd.
    [[nodiscard]] double longer() const {
        return spent_s_ / static_cast<double>(done_) / service.base_s;
    }

    Service service;

  private:
    struct Worker {
        explicit Worker(AdaptiveLimit begin) : limit(begin) {}
        AdaptiveLimit limit;
        std::uint32_t in_flight = 0;
    };
    struct Request {
        Instant end;
        Instant began;
        std::size_t worker;
        bool operator<(const Request& other) const { return end > other.end; }
    };

    void fill() {
        for (std::size_t i = 0; i < workers_.size(); ++i) {
            for (; workers_[i]->in_flight < workers_[i]->limit.value(); ++workers_[i]->in_flight) {
                ++inside_;
                ends_.push({.end = end_of_next(), .began = now_, .worker = i});
            }
        }
    }
    Instant end_of_next() {
        const double alone_s = service.base_s * factor();
        const double crowd = std::max(1.0, static_cast<double>(inside_) / service.slots);
        switch (service.contention) {
            case Contention::squared:
                return now_ + to_duration(alone_s * crowd * crowd);
            case Contention::shared:
                return now_ + to_duration(alone_s * crowd);
            case Contention::queue:
                break;
        }
        free_.resize(service.slots, now_);
        const auto slot = std::ranges::min_element(free_);
        *slot = std::max(now_, *slot) + to_duration(alone_s);
        return *slot;
    }
    double chance() { return (static_cast<double>(random_.next() >> 11U) + 0.5) * 0x1p-53; }
    double factor() {
        constexpr double kSigma = 0.4724;  // half of the mean is its standard deviation
        switch (service.spread) {
            case Spread::none:
                break;
            case Spread::fifth:
                return 0.8 + 0.4 * chance();
            case Spread::log_normal: {
                const double normal =
                    std::sqrt(-2 * std::log(chance())) * std::cos(2 * M_PI * chance());
                return std::exp(kSigma * normal - kSigma * kSigma / 2);
            }
            case Spread::exponential:
                return -std::log(chance());
        }
        return 1;
    }
    static Instant::duration to_duration(double s) {
        return std::chrono::duration_cast<Instant::duration>(std::chrono::duration<double>(s));
    }

    Random random_;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::priority_queue<Request> ends_;
    std::vector<Instant> free_;
    Instant now_ = kBegin;
    std::uint32_t inside_ = 0;
    std::uint64_t done_ = 0;
    double spent_s_ = 0;
    double lasted_s_ = 0;
};

// GW_SEEDS=2000 for more.
std::uint64_t seeds() {
    const char* const asked = std::getenv("GW_SEEDS");
    return asked != nullptr ? std::strtoull(asked, nullptr, 10) : 40;
}

// What is drawn: every contention and spread, 1, 2 or 4 workers, 1 to 64 slots. Each worker has at
// least one of its own: a limit below one there is not. Where answers' times scatter most (as much
// as they last), fewer than two a worker are more than can be told apart.
Service drawn(Random& random, std::uint32_t workers) {
    Service service{.base_s = std::array{0.002, 0.005, 0.02}[random.below(3)],
                    .contention = static_cast<Contention>(random.below(3)),
                    .spread = static_cast<Spread>(random.below(4))};
    const std::uint32_t least = service.spread == Spread::exponential ? 2 * workers : workers;
    service.slots = least + static_cast<std::uint32_t>(random.below(65 - least));
    return service;
}

TEST(AdaptiveLimitSim, UnderSiegeNineTenthsAreDoneAndEachIsAnsweredAsQuickly) {
    double goodput = 0;
    double longer = 0;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        Random random(seed);
        const std::uint32_t workers = 1U << random.below(3);
        Siege siege(seed, workers, drawn(random, workers));
        SCOPED_TRACE(testing::Message()
                     << "seed " << seed << ": " << workers << " workers, " << siege.service.slots
                     << " slots, contention " << int(siege.service.contention) << ", spread "
                     << int(siege.service.spread) << ", base " << siege.service.base_s);
        siege.run(seconds(30));
        siege.run(seconds(90));
        EXPECT_GE(siege.goodput(), 0.9);
        EXPECT_LE(siege.longer(), 1.2);
        goodput += siege.goodput();
        longer += siege.longer();
    }
    const auto count = static_cast<double>(seeds());
    RecordProperty("goodput", std::to_string(goodput / count));
    RecordProperty("longer", std::to_string(longer / count));
}

TEST(AdaptiveLimitSim, FollowsAServiceThatBearsLessOrMore) {
    for (std::uint64_t seed = 1; seed <= seeds() / 4; ++seed) {
        SCOPED_TRACE(seed);
        Siege siege(seed, 1U << (seed % 3), {.slots = 32, .contention = Contention(seed % 3)});
        siege.run(seconds(30));
        for (const std::uint32_t slots : {8U, 48U, 16U}) {
            siege.service.slots = slots;
            siege.run(seconds(30));
            siege.run(seconds(60));
            EXPECT_GE(siege.goodput(), 0.9) << slots;
            EXPECT_LE(siege.longer(), 1.2) << slots;
        }
    }
}

TEST(AdaptiveLimitSim, FollowsAnswersThatTakeLongerOrLess) {
    for (std::uint64_t seed = 1; seed <= seeds() / 4; ++seed) {
        SCOPED_TRACE(seed);
        Siege siege(seed, 1U << (seed % 3), {.slots = 16, .contention = Contention(seed % 2)});
        siege.run(seconds(30));
        for (const double base_s : {0.015, 0.004}) {  // at once
            siege.service.base_s = base_s;
            siege.run(seconds(30));
            siege.run(seconds(60));
            EXPECT_GE(siege.goodput(), 0.9) << base_s;
            EXPECT_LE(siege.longer(), 1.2) << base_s;
        }
        double goodput = 0;
        for (int i = 0; i < 100; ++i) {  // slowly, to more than twice as long
            siege.service.base_s *= 1.01;
            siege.run(seconds(3));
            goodput += siege.goodput();
            EXPECT_LE(siege.longer(), 1.6);
        }
        EXPECT_GE(goodput / 100, 0.85);
    }
}

}  // namespace
}  // namespace gw::upstream
