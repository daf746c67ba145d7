#include "gateway/owner_names.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace gw::gateway {
namespace {

constexpr bool is_nothing(char c) {
    return c == '-' || c == '_' || static_cast<unsigned char>(c) <= ' ';
}

std::string_view without_nothing(std::string_view text) {
    text.remove_prefix(
        static_cast<std::size_t>(std::ranges::find_if_not(text, is_nothing) - text.begin()));
    return text;
}

// Takes `first` off the front of `text`. False: it is not there.
bool take_off(std::string_view& text, std::string_view first) {
    while (!(first = without_nothing(first)).empty()) {
        text = without_nothing(text);
        if (text.empty() || lower(text.front()) != lower(first.front())) {
            return false;
        }
        text.remove_prefix(1);
        first.remove_prefix(1);
    }
    return true;
}

Naming is_whole(std::string_view known, std::string_view name) {
    if (!take_off(name, known)) {
        return Naming::nothing;
    }
    name = without_nothing(name);
    if (name.empty()) {
        return Naming::one;
    }
    return take_off(name, "s") && without_nothing(name).empty() ? Naming::several : Naming::nothing;
}

// Behind `x-`, if it has that.
std::string_view without_x(std::string_view name) {
    name = without_nothing(name);
    return name.size() > 2 && lower(name[0]) == 'x' && (name[1] == '-' || name[1] == '_')
               ? name.substr(2)
               : name;
}

// A configured name may begin with `x-` itself.
Naming is_known(std::string_view known, std::string_view name) {
    const Naming plain = is_whole(known, name);
    const std::string_view behind = without_x(name);
    return plain != Naming::nothing || behind.size() == name.size() ? plain
                                                                    : is_whole(known, behind);
}

// `tenant` with `id` in it.
Naming is_known(std::string_view known, std::string_view outer, std::string_view inner) {
    std::string_view rest = known;
    if (!take_off(rest, outer)) {
        rest = known;
        if (!take_off(rest, without_x(outer))) {
            return Naming::nothing;
        }
    }
    return without_nothing(rest).empty() ? Naming::nothing : is_whole(rest, inner);
}

std::string_view behind_dot(std::string_view name) {
    return name.substr(name.rfind('.') + 1);
}

// One of the names within names that brackets make. before: the one that it stands in, if any.
Naming named_by_part(std::string_view known, std::string_view before, std::string_view part) {
    if (const Naming whole = is_known(known, part); whole != Naming::nothing) {
        return whole;
    }
    const std::string_view last = behind_dot(part);
    if (last.size() < part.size()) {
        if (const Naming found = is_known(known, last); found != Naming::nothing) {
            return found;
        }
        before = behind_dot(part.substr(0, part.size() - last.size() - 1));
    }
    return without_nothing(before).empty() ? Naming::nothing : is_known(known, before, last);
}

bool may_be(std::string_view field, char letter) {
    return !field.empty() && lower(field.front()) == letter;
}

}  // namespace

// Services read `filter[tenantId][]=…` as a name within names: any of them may be one. Of
// `filter.tenantId=…` the last says what it is: `venueId.exists=true` names no venue.
Naming named_by_parameter(const std::vector<std::string>& known, std::string_view parameter) {
    std::string_view before;
    while (!parameter.empty()) {
        const std::string_view part = parameter.substr(0, parameter.find_first_of("[]"));
        parameter.remove_prefix(std::min(part.size() + 1, parameter.size()));
        if (part.empty()) {
            continue;
        }
        for (const std::string& name : known) {
            if (const Naming found = named_by_part(name, before, part); found != Naming::nothing) {
                return found;
            }
        }
        before = behind_dot(part);
    }
    return Naming::nothing;
}

Naming tenant_by_field(std::string_view field) {
    const std::string_view name = without_x(field);
    if (!may_be(name, 't')) {
        return Naming::nothing;
    }
    return is_whole("tenant", name) == Naming::one ? Naming::one : is_whole("tenantid", name);
}

Naming venue_by_field(std::string_view field) {
    const std::string_view name = without_x(field);
    return may_be(name, 'v') ? is_whole("venueid", name) : Naming::nothing;
}

}  // namespace gw::gateway
