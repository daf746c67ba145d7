#include "app/state_file.hpp"

#include "control/contain_steps.hpp"
#include "state/known_state.hpp"

namespace gw::app {
namespace {

void tell(observe::Log& log, const std::string& path, const state::SnapshotLoad& load) {
    if (*load.refused != '\0') {
        log.warn("the snapshot of the state is not used; bans and revocations in it are not known",
                 {{"file", path},
                  {"reason", load.refused},
                  {"offset", static_cast<std::int64_t>(load.offset)},
                  {"movedTo", load.moved_to}});
    } else if (load.full) {
        log.warn("the snapshot of the state has more than there is room for", {{"file", path}});
    }
    if (!load.kept) {
        return;
    }
    log.info("the state is kept in a file", {{"file", path},
                                             {"entries", static_cast<std::int64_t>(load.entries)},
                                             {"ended", static_cast<std::int64_t>(load.ended)}});
}

}  // namespace

std::unique_ptr<state::SnapshotKeeper> keep_snapshot(net::Loop& loop, observe::Log& log,
                                                     state::EmbeddedStore& store,
                                                     const std::string& path) {
    // Not only what is in force, but how it is undone.
    std::vector<std::string> lasting = state::KnownState::prefixes();
    lasting.emplace_back(control::kContainmentKeys);
    auto keeper = std::make_unique<state::SnapshotKeeper>(
        loop, store, path, std::move(lasting),
        state::SnapshotListener{
            .failed =
                [&log, path](const char* why) {
                    log.warn(
                        "the snapshot of the state cannot be written; bans and revocations "
                        "would not outlive a restart",
                        {{"file", path}, {"reason", why}});
                },
            .works_again =
                [&log, path] {
                    log.info("the snapshot of the state is written again", {{"file", path}});
                },
            .left_out =
                [&log, path] {
                    log.warn(
                        "what has changed in the state of this process is not kept: the one that "
                        "has taken over does not know it, and the file is its own",
                        {{"file", path}, {"remedy", "end this process, and change it there"}});
                }});
    tell(log, path, keeper->load());
    return keeper;
}

}  // namespace gw::app
