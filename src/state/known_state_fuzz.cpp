// Any keys and values, as any client may write them: each line of the input is a key, a tab and a
// value. What is understood is told back as it came, and a version says what it was made of.
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ensure.hpp"
#include "state/known_state.hpp"

namespace {

using namespace gw::state;

void check_value(std::string_view value) {
    const BanNote note = read_ban(value);
    if (note.by_hand) {
        return;
    }
    const BanNote again = read_ban(write_ban(note));
    gw::ensure(!again.by_hand, "what the gateway writes it knows as its own");
    gw::ensure(again.since == note.since && again.until == note.until, "times are kept");
}

void check_block(std::string_view text) {
    if (const auto block = parse_banned_block(text)) {
        const auto again = parse_banned_block(to_text(*block));
        gw::ensure(again && again->base == block->base && again->bits == block->bits,
                   "the one spelling is read as the same block");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const gw::Clock clock{.now = {}, .wall = gw::WallTime(std::chrono::seconds(1'795'437'000))};
    KnownState state(clock, 7, {});
    std::map<std::string, std::vector<std::string>> told;
    while (!input.empty()) {
        const std::string_view line = input.substr(0, input.find('\n'));
        input.remove_prefix(std::min(line.size() + 1, input.size()));
        const std::string_view key = line.substr(0, line.find('\t'));
        const std::string_view value = line.substr(std::min(key.size() + 1, line.size()));
        check_value(value);
        check_block(key);
        (void)parse_revoked_until(value);
        gw::ensure(banner_text(value).size() <= kBannerMax, "a banner is short");
        state.known({std::string(key), std::string(value), {}});
        told[std::string(key)].emplace_back(value);
    }
    state.publish_if_changed();
    for (const KnownEntry& entry : state.everything()) {
        const auto found = told.find(entry.key);
        // Of a mode, what is none leaves the one before in force.
        const bool last = !entry.key.starts_with("maintenance:mode");
        gw::ensure(found != told.end() && (last ? found->second.back() == entry.value
                                                : std::ranges::find(found->second, entry.value) !=
                                                      found->second.end()),
                   "it is told as it came");
        const Known& known = *state.current();
        constexpr std::string_view kAddress = "banned:ip:";
        if (entry.key.starts_with(kAddress)) {
            const auto block =
                parse_banned_block(std::string_view(entry.key).substr(kAddress.size()));
            gw::ensure(block && known.bans.by_address(block->base, clock.wall),
                       "a block's first address is banned");
        }
    }
    state.listing_began();
    state.listing_ended();
    state.publish_if_changed();
    gw::ensure(state.everything().empty(), "an empty listing leaves nothing");
    gw::ensure(state.current()->bans.size() + state.current()->revocations.size() == 0,
               "nor does its version");
    return 0;
}
