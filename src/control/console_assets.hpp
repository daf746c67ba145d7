// The files of the console (console/dist, docs/runbooks), part of the program: cmake/embed.py makes
// their bytes at build time, packed as well where that is shorter.
#pragma once

#include <span>
#include <string_view>

namespace gw::control {

struct ConsoleAsset {
    std::string_view path;  // as it is asked for: "/", "/console/index-….js"
    std::string_view content_type;
    std::string_view etag;  // with its quotes; of the plain bytes
    std::string_view plain;
    std::string_view gzip;  // empty: packing gains nothing
};

// By path.
std::span<const ConsoleAsset> console_assets();
// Null: there is no such file.
const ConsoleAsset* find_console_asset(std::string_view path);

// Does a client that sends this Accept-Encoding take gzip (RFC 9110, 12.5.3)?
bool takes_gzip(std::string_view accept_encoding);

}  // namespace gw::control
