// A stage looks at a request and lets it go on, refuses it or answers it. It is a row of plain
// functions; the order of all stages is stages.def. A new one is one file in stages/ and one line
// there; who knows all of them includes gateway/stages.hpp.
//
// Stages run on workers. decide() must not wait; one that may have to (a store, an unknown key)
// returns wait() and goes on in its `wait` coroutine. Options are read from the route's section of
// that name, checked once, and shared read-only by all workers.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "config/outline.hpp"
#include "config/reader.hpp"
#include "gateway/refusal.hpp"
#include "http/message.hpp"
#include "net/task.hpp"

namespace gw::gateway {

struct Exchange;

// Instead of a service's place in Site::services: of a route that asks none itself.
inline constexpr std::size_t kNoService = static_cast<std::size_t>(-1);

struct StageOptions {
    StageOptions() = default;
    virtual ~StageOptions() = default;

  protected:
    StageOptions(const StageOptions&) = default;
    StageOptions& operator=(const StageOptions&) = default;
};
using OptionsPtr =
    std::shared_ptr<const StageOptions>;  // shared by a route and its settings; never per request

// What a stage decided. A value of two words; the texts are literals.
class [[nodiscard]] Verdict {
  public:
    enum class Kind : std::uint8_t { go_on, refuse, answer, wait };

    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] bool goes_on() const { return kind_ == Kind::go_on; }
    [[nodiscard]] Code code() const { return code_; }
    [[nodiscard]] std::string_view detail() const { return detail_; }

  private:
    friend Verdict go_on();
    friend Verdict refuse(Code code, const char* why);
    friend Verdict answer();
    friend Verdict wait();
    Kind kind_ = Kind::go_on;
    Code code_{};
    const char* detail_ = "";
};

inline Verdict go_on() {
    return {};
}
// why: a literal, shown to the client and in the access line.
inline Verdict refuse(Code code, const char* why) {
    Verdict verdict;
    verdict.kind_ = Verdict::Kind::refuse;
    verdict.code_ = code;
    verdict.detail_ = why;
    return verdict;
}
// The stage has put a whole response into the exchange.
inline Verdict answer() {
    Verdict verdict;
    verdict.kind_ = Verdict::Kind::answer;
    return verdict;
}
inline Verdict wait() {
    Verdict verdict;
    verdict.kind_ = Verdict::Kind::wait;
    return verdict;
}

struct Stage {
    std::string_view name;  // its key in YAML, its name in the access line's outcome
    Verdict (*decide)(Exchange&, const StageOptions&);
    net::Task<Verdict> (*wait)(Exchange&, const StageOptions*) = nullptr;
    // The service's answer has begun: may it go to the client? What is refused is withheld, body
    // and all. In reverse order, as on_response. Interim heads (1xx) are looked at as well: what
    // one of them forbids is withheld with the answer behind it.
    Verdict (*judge)(Exchange&, const http::ResponseHead&, const StageOptions&) = nullptr;
    // On the way back, for stages that the request has passed, in reverse order.
    void (*on_response)(Exchange&, const StageOptions&) = nullptr;
    // Null for stages without options: those run for every request. The others run on routes that
    // have their key, or, with `everywhere`, on every route, with their defaults where it has not.
    OptionsPtr (*read)(config::Reader&) = nullptr;
    void (*describe)(config::Outline&) = nullptr;
    bool everywhere = false;
};

// Builds the row of a stage with options: struct, function, name.
template <class Options, Verdict (*decide)(Exchange&, const Options&)>
constexpr Stage stage(std::string_view name) {
    return Stage{.name = name,
                 .decide =
                     [](Exchange& x, const StageOptions& options) {
                         return decide(x, static_cast<const Options&>(options));
                     },
                 .read = [](config::Reader& reader) -> OptionsPtr {
                     auto options = std::make_shared<Options>();
                     config::read(reader, *options);
                     return options;
                 },
                 .describe =
                     [](config::Outline& outline) {
                         Options options;
                         fields(outline, options);
                     }};
}

// The same for a stage that protects every route, whether the route mentions it or not.
template <class Options, Verdict (*decide)(Exchange&, const Options&)>
constexpr Stage stage_of_every_route(std::string_view name) {
    Stage row = stage<Options, decide>(name);
    row.everywhere = true;
    return row;
}

// Builds the row of a stage without options.
template <Verdict (*decide)(Exchange&)>
constexpr Stage stage(std::string_view name) {
    return Stage{.name = name,
                 .decide = [](Exchange& x, const StageOptions&) { return decide(x); }};
}

// By the stages' places in stages.def; null, or beyond the end: the stage does not run there.
using StageOptionsList = std::vector<OptionsPtr>;
// Those of one stage, or null.
const StageOptions* find_options(const StageOptionsList& options, const Stage& stage);

// A stage that runs on a route, with what it needs to.
struct StageStep {
    Verdict (*decide)(Exchange&, const StageOptions&);
    const StageOptions* options;
    std::size_t stage;  // its place in stages.def
};
// In their order. The options must outlive the steps.
std::vector<StageStep> steps_of(const StageOptionsList& options);

// Reads the stages' sections of a route; mistakes go to the reader.
StageOptionsList read_stage_options(config::Reader& route);

}  // namespace gw::gateway
