#include "control/console_record.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_from.hpp>

#include "observe/json_line.hpp"

namespace gw::control {
namespace {

// Cut, and valid UTF-8: it comes from clients.
boost::json::value text_of(std::string_view text) {
    std::string quoted = "\"";
    observe::append_escaped(quoted, text.substr(0, ConsoleRecord::kTextMax));
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(quoted + '"', error);
    return error ? boost::json::value("") : value;
}

void cut(std::string& text) {
    if (text.size() > ConsoleRecord::kTextMax) {
        text.resize(ConsoleRecord::kTextMax);
        text.shrink_to_fit();
    }
}

}  // namespace

std::int64_t epoch_millis(WallTime time) {
    return std::chrono::duration_cast<Millis>(time.time_since_epoch()).count();
}

void ConsoleRecord::note(gateway::SecurityEvent event) {
    for (std::string* const text :
         {&event.user, &event.tenant, &event.address, &event.resource, &event.detail}) {
        cut(*text);
    }
    events_.push_back(std::move(event));
    ++next_;
    if (events_.size() > kEventsMax) {
        events_.pop_front();
    }
}

void ConsoleRecord::note(const ReloadOutcome& outcome) {
    reloads_.push_back({{"time", epoch_millis(outcome.time)},
                        {"taken", outcome.taken},
                        {"cause", outcome.cause},
                        {"hash", outcome.hash},
                        {"generation", outcome.generation},
                        {"mistake", text_of(outcome.mistake)},
                        {"changes", boost::json::value_from(outcome.changes)}});
    if (reloads_.size() > kReloadsMax) {
        reloads_.pop_front();
    }
}

boost::json::array ConsoleRecord::events_since(std::uint64_t number) const {
    boost::json::array out;
    const std::uint64_t first = next_ - events_.size();
    for (std::size_t i = number > first ? number - first : 0; i < events_.size(); ++i) {
        const gateway::SecurityEvent& event = events_[i];
        out.push_back({{"n", first + i},
                       {"time", epoch_millis(event.time)},
                       {"kind", event.kind},
                       {"user", text_of(event.user)},
                       {"tenant", text_of(event.tenant)},
                       {"address", text_of(event.address)},
                       {"resource", text_of(event.resource)},
                       {"decision", event.decision},
                       {"status", event.status},
                       {"detail", text_of(event.detail)},
                       {"requestId", text_of(event.request_id)}});
    }
    return out;
}

boost::json::array ConsoleRecord::reloads() const {
    boost::json::array out;
    for (const boost::json::object& reload : reloads_) {
        out.push_back(reload);
    }
    return out;
}

}  // namespace gw::control
