#include "state/embedded_commands.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "state/resp.hpp"

namespace gw::state {

std::optional<std::int64_t> command_number(std::string_view text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

std::string resp_bulks(const std::vector<std::string>& texts) {
    std::string all = "*" + std::to_string(texts.size()) + "\r\n";
    for (const std::string& text : texts) {
        all += resp_bulk(text);
    }
    return all;
}

std::string run_embedded_command(EmbeddedStore& store, const std::vector<std::string>& arguments) {
    if (arguments.empty()) {
        return "";
    }
    for (const auto& rows : {value_commands(), key_commands(), server_commands()}) {
        const auto row = std::ranges::find_if(rows, [&](const EmbeddedCommand& each) {
            return equal_ignore_case(each.name, arguments[0]);
        });
        if (row == rows.end()) {
            continue;
        }
        if (arguments.size() < row->least || arguments.size() > row->most) {
            std::string name(row->name);
            std::ranges::transform(name, name.begin(), lower);
            return resp_error("ERR wrong number of arguments for '" + name + "' command");
        }
        return row->run(store, arguments);
    }
    return resp_error("ERR unknown command '" + arguments[0].substr(0, 128) + "'");
}

}  // namespace gw::state
