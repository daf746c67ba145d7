// What an HTTP/1.1 message needs while it is in flight, lent by the worker: heads of a few
// kilobytes each, and buffers. One worker's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/h1_body.hpp"
#include "http/message.hpp"
#include "net/buffers.hpp"

namespace gw::http {

// A client's request while it is read and answered.
struct H1Work {
    RequestHead head;
    H1Body body;
    net::Buffer in;    // the head, and what came with it
    net::Buffer more;  // body bytes after those; taken when needed
    net::Buffer out;   // our head on its way out

    void release() {
        in.release();
        more.release();
        out.release();
    }
};

// A request to a service while it is sent and its answer read.
struct H1ClientWork {
    static constexpr std::size_t kTextKept = 16UL * 1024;  // larger ones are given back

    ResponseHead head;
    H1Body body;
    net::Buffer in;
    net::Buffer out;
    std::string literals;  // HTTP/2: the head, not yet written
    std::string received;  // HTTP/2: of the body, not yet asked for
    std::string reading;   // HTTP/2: handed out, until the next part is asked for

    void release() {
        in.release();
        out.release();
        for (std::string* const text : {&literals, &received, &reading}) {
            if (text->capacity() > kTextKept) {
                *text = {};
            }
            text->clear();
        }
    }
};

// Objects that are dear to make and wanted again at once.
template <class T>
class Reserve {
  public:
    std::unique_ptr<T> take() {
        if (free_.empty()) {
            return std::make_unique<T>();
        }
        std::unique_ptr<T> object = std::move(free_.back());
        free_.pop_back();
        return object;
    }
    void give_back(std::unique_ptr<T> object) {
        object->release();
        if (free_.size() < kKeptMax) {
            free_.push_back(std::move(object));
        }
    }

    // What is kept for later goes back to the allocator.
    void drop() { free_.clear(); }

  private:
    static constexpr std::size_t kKeptMax = 256;  // more than a worker has in flight in quiet times
    std::vector<std::unique_ptr<T>> free_;
};

// Gives itself back on every way out.
template <class T>
class Borrowed {
  public:
    explicit Borrowed(Reserve<T>& reserve) : reserve_(reserve), object_(reserve.take()) {}
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() { give_back(); }
    // Before its time.
    void give_back() {
        if (object_ != nullptr) {
            reserve_.give_back(std::move(object_));
        }
    }
    T& operator*() const { return *object_; }
    T* operator->() const { return object_.get(); }

  private:
    Reserve<T>& reserve_;
    std::unique_ptr<T> object_;
};

struct H1Pool {
    net::BufferPool& buffers;
    Reserve<H1Work> server;
    Reserve<H1ClientWork> client;
    // For connections that many requests share: what a turn of a busy one brings is read at once.
    net::BufferPool wide{256UL * 1024, 1};
};

}  // namespace gw::http
