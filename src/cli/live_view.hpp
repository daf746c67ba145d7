// What GET /admin/v1/live tells, as events, and as a screen of text. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace gw::cli {

// Server-sent events of an answer over HTTP/1.0, from whatever parts come.
class EventFeed {
  public:
    static constexpr std::size_t kHeldMax = 16UL * 1024 * 1024;  // an hour's history is 2 MB

    void take(std::string_view bytes) { held_ += bytes; }
    // More is held than any event has: it is no such answer.
    [[nodiscard]] bool too_much() const { return held_.size() > kHeldMax; }
    // Of the answer, once its head is there; else 0.
    [[nodiscard]] int status();
    [[nodiscard]] const std::string& held() const { return held_; }

    struct Event {
        std::string name;
        boost::json::object data;
    };
    // The next whole one; what is no event is passed over.
    std::optional<Event> next();
    // A tick has come that is no JSON object: who waits for one might wait for ever.
    [[nodiscard]] bool unreadable() const { return unreadable_; }

  private:
    std::string held_;
    int status_ = 0;
    bool unreadable_ = false;
};

struct ScreenSize {
    std::size_t columns = 80;
    std::size_t rows = 24;
};

// One tick as lines that fit; colours: with ANSI's. Everything of strangers is shown without
// control characters.
std::string screen_of(const boost::json::object& tick, const boost::json::array& events,
                      const ScreenSize& size, bool colours);

}  // namespace gw::cli
