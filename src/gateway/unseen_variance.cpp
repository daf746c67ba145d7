#include "gateway/unseen_variance.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "gateway/exchange.hpp"
#include "gateway/transform_options.hpp"
#include "http/protected_names.hpp"

namespace gw::gateway {
namespace {

// Of all that goes into a field, is there something that the key does not hold?
bool tells_callers_apart(const FieldTemplate& field, bool of_one) {
    return std::ranges::any_of(field.value.pieces(), [&](const TextTemplate::Piece& piece) {
        using Of = TextTemplate::Of;
        return (piece.of == Of::user && !of_one) || piece.of == Of::client_ip ||
               piece.of == Of::request_id || piece.of == Of::correlation_id;
    });
}

// A field that the gateway writes towards the service, other than the key tells: what the client
// wrote under that name, if anything, never reached it.
bool is_written_by_us(const Exchange& x, std::string_view name, bool of_one) {
    const auto is = [&](std::string_view other) { return equal_ignore_case(name, other); };
    constexpr std::array<std::string_view, 4> kInKey{"x-tenant-id", "x-user-role",
                                                     "x-forwarded-host", "x-forwarded-proto"};
    constexpr std::array<std::string_view, 4> kOfEach{"x-request-id", "x-correlation-id",
                                                      "traceparent", "via"};
    if (std::ranges::any_of(kInKey, is) || (of_one && (is("x-user-id") || is("x-tenant-source")))) {
        return false;
    }
    const auto is_set = [&](const FieldTemplate& field) {
        return is(field.name) && tells_callers_apart(field, of_one);
    };
    return !http::identity_name(name).empty() || std::ranges::any_of(kOfEach, is) ||
           (x.transform != nullptr && (std::ranges::any_of(x.transform->request.set, is_set) ||
                                       std::ranges::any_of(x.transform->request.add, is_set)));
}

}  // namespace

bool varies_by_ours(const Exchange& x, const http::Headers& answer, Share share) {
    const bool of_one = share == Share::user;
    for (const http::Field& field : answer) {
        if (field.known != http::Known::vary) {
            continue;
        }
        CommaList names(field.value);
        for (std::string_view name; names.next(name);) {
            if (is_written_by_us(x, name, of_one)) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace gw::gateway
