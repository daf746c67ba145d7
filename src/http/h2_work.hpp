// What a request over HTTP/2 needs while it is in flight, lent by the worker.
#pragma once

#include <memory>
#include <string>

#include "http/h2_head.hpp"
#include "http/message.hpp"
#include "net/buffers.hpp"

namespace gw::http {

struct H2Work {
    static constexpr std::size_t kTextKept = 16UL * 1024;  // larger ones are given back

    RequestHead head;
    net::Buffer text;      // the head's names and values
    std::string cookies;   // joined
    std::string literals;  // of the answer's head, not yet written
    std::string received;  // of the body, not yet asked for
    std::string reading;   // handed out, until the next part is asked for
    std::unique_ptr<H2Trailers> trailers;

    void release() {
        text.release();
        trailers.reset();
        for (std::string* const own : {&literals, &received, &reading}) {
            if (own->capacity() > kTextKept) {
                *own = {};
            }
            own->clear();
        }
    }
};

}  // namespace gw::http
