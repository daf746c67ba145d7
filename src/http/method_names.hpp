// The methods that configuration may name. CONNECT and TRACE are never routed.
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "http/message.hpp"

namespace gw::http {

constexpr std::array<std::pair<std::string_view, Method>, 7> names_of(Method) {
    return {{{"GET", Method::get},
             {"HEAD", Method::head},
             {"POST", Method::post},
             {"PUT", Method::put},
             {"PATCH", Method::patch},
             {"DELETE", Method::delete_},
             {"OPTIONS", Method::options}}};
}

}  // namespace gw::http
