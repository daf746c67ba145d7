// Any bytes: a command is complete, incomplete or refused, within bounds; what is complete stays so
// whatever follows it, is incomplete while it is cut, and is read again as itself when written.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ensure.hpp"
#include "state/resp.hpp"
#include "state/resp_session.hpp"

namespace {

using gw::state::RespCommand;
using State = RespCommand::State;

void check(std::string_view bytes, const RespCommand& command) {
    gw::ensure(command.consumed > 0 && command.consumed <= bytes.size(), "it goes on");
    gw::ensure(command.arguments.size() <= gw::state::kRespArgumentsMax, "arguments are bounded");
    const std::string_view whole = bytes.substr(0, command.consumed);
    gw::ensure(gw::state::read_command(whole).arguments == command.arguments,
               "what follows changes nothing");
    gw::ensure(
        gw::state::read_command(whole.substr(0, whole.size() - 1)).state == State::incomplete,
        "a part is not whole");
    std::vector<std::string> bulks;
    for (const std::string& argument : command.arguments) {
        bulks.push_back(gw::state::resp_bulk(argument));
    }
    const RespCommand again = gw::state::read_command(gw::state::resp_array(bulks));
    gw::ensure(again.state == State::complete && again.arguments == command.arguments,
               "it is read again as itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    gw::state::RespSession session(1, true);
    while (true) {
        const RespCommand command = gw::state::read_command(bytes);
        if (command.state != State::complete) {
            break;
        }
        check(bytes, command);
        if (!command.arguments.empty()) {
            const auto answer = session.answer(command.arguments, "a password");
            gw::ensure(session.allowed() || answer.has_value(), "strangers reach no store");
        }
        bytes.remove_prefix(command.consumed);
    }
    return 0;
}
