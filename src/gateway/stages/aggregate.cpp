// Answers with several services' answers in one; see gateway/aggregate.hpp for how. Here is what
// configuration says of it.
#include <algorithm>

#include "gateway/aggregate_options.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x, const AggregateOptions& o) {
    x.aggregate = &o;
    return go_on();
}

// Who points into whom, in the order of their names.
void list_parts(AggregateOptions& options, config::Reader& parts) {
    for (const auto& [name, part] : options.parts) {
        options.list.push_back({.name = name, .options = part, .needs = {}});
    }
    for (AggregateOptions::Part& part : options.list) {
        for (const TextTemplate::Piece& piece : part.options.path.pieces()) {
            if (piece.of != TextTemplate::Of::part) {
                continue;
            }
            const auto other =
                std::ranges::find(options.list, piece.text, &AggregateOptions::Part::name);
            if (other == options.list.end()) {
                parts.section(part.name).blame("path",
                                               "aggregate.parts." + part.name +
                                                   ".path points into " +
                                                   config::quote(piece.text) + ", which is no part",
                                               "name one of `parts`");
                continue;
            }
            other->needed = true;
            part.needs.push_back(static_cast<std::size_t>(other - options.list.begin()));
        }
    }
}

// Parts that need each other would wait for ever: one after the other is crossed out that needs
// only what is.
bool can_begin(const std::vector<AggregateOptions::Part>& list) {
    std::vector<bool> ready(list.size(), false);
    for (bool more = true; std::exchange(more, false);) {
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (!ready[i] && std::ranges::all_of(list[i].needs,
                                                 [&](std::size_t other) { return ready[other]; })) {
                ready[i] = more = true;
            }
        }
    }
    return std::ranges::find(ready, false) == ready.end();
}

OptionsPtr read(config::Reader& reader) {
    auto options = std::make_shared<AggregateOptions>();
    config::read(reader, *options);
    config::Reader parts = reader.section("parts");
    list_parts(*options, parts);
    const auto blame = [&](std::string what, std::string remedy) {
        reader.blame("parts", "aggregate.parts " + std::move(what), std::move(remedy));
    };
    if (options->list.empty()) {
        blame("is empty", "describe at least one");
    }
    if (options->list.size() > AggregateOptions::kPartsMax) {
        blame("has more than 8 entries", "list fewer");
    }
    if (!can_begin(options->list)) {
        blame("point into each other in a circle", "let one of them do without the others");
    }
    return options;
}

constexpr Stage row() {
    Stage stage = gateway::stage<AggregateOptions, decide>("aggregate");
    stage.read = read;
    return stage;
}

}  // namespace

std::optional<config::Flaw> check_part_name(std::string_view name) {
    const auto small = [](char c) { return c >= 'a' && c <= 'z'; };
    const bool good = !name.empty() && name.size() <= 64 && small(name.front()) &&
                      std::ranges::all_of(
                          name, [&](char c) { return small(lower(c)) || is_digit(c) || c == '_'; });
    if (good && name != "errors") {
        return std::nullopt;
    }
    return config::Flaw{"is " + config::quote(name),
                        "use up to 64 letters, digits and '_', a small letter first, and not "
                        "`errors`"};
}

namespace stages {
extern constinit const Stage aggregate = row();
}

const AggregateOptions* aggregate_of(const StageOptionsList& options) {
    return static_cast<const AggregateOptions*>(find_options(options, stages::aggregate));
}

}  // namespace gw::gateway
