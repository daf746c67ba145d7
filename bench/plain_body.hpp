// What the origins of the benchmarks answer where nothing else is asked for.
#pragma once

#include <string>

namespace bench {

inline std::string plain_body() {
    constexpr std::size_t kBytes = 1024;
    std::string body;
    while (body.size() < kBytes) {
        body += "event " + std::to_string(body.size()) + " of the bench origin\n";
    }
    body.resize(kBytes);
    return body;
}

}  // namespace bench
