// "Was data accessed?", answered from what the gateway has logged: every request of a user, a
// tenant or an address, and a verdict on each attempt at another tenant's. Whatever was served to
// them is a yes. What cannot be proven is unknown, never no: also not where the lines of one
// gateway begin too late, or nobody of that name is in them, or something may be under way that has
// no line yet: a request's is written when it has ended, and tells how long it took. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gw::cli {

// Whom the question is about; what is empty is not asked for. One is enough for a line to count.
struct Subject {
    std::string user{};
    std::string tenant{};  // also as the target of somebody else's attempt
    std::string address{};
};

enum class Accessed : std::uint8_t { no, unknown, yes };
std::string_view name_of(Accessed answer);

class Evidence {
  public:
    // Lines kept; where there are more, the answer is unknown at best, and --since is the remedy.
    static constexpr std::size_t kLinesMax = 1'000'000;

    // since, until: as lines have their time (RFC 3339, ms, UTC); until may be empty. settled: when
    // all that began before `until` had ended; empty where that is.
    Evidence(Subject subject, std::string since, std::string until, std::string settled)
        : subject_(std::move(subject)),
          since_(std::move(since)),
          until_(std::move(until)),
          settled_(std::move(settled)) {}

    // All lines of all files first here, then all of them again in find_requests(): an attempt and
    // its request stand in any order, and in different files.
    void find_attempts(std::string_view line);
    void find_requests(std::string_view line);
    // Of the audit record.
    void find_records(std::string_view line);
    // Something could not be read: there may be more than was found. what: for the report.
    void note_gap(std::string what) { gaps_.insert(std::move(what)); }

    // The answer, the attempts with their verdicts, the requests by route and status.
    [[nodiscard]] boost::json::object report() const;
    [[nodiscard]] Accessed answer() const;
    // The same, of another tenant's data only: by attempts at it.
    [[nodiscard]] Accessed crossed() const;

    // The lines as they were, for the bundle.
    [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
    [[nodiscard]] const std::vector<std::string>& records() const { return records_; }

  private:
    struct Request {
        std::string time;
        std::string method;
        std::string path;
        std::string route;
        std::string outcome;
        std::string user;
        std::string address;
        std::int64_t status = 0;
        std::int64_t bytes_out = 0;
        bool ours = false;  // of the subject, not only of an attempt
    };
    struct Attempt {
        std::string time;
        std::string id;
        std::string kind;  // of the violation
        std::string user;
        std::string address;
        std::string source;
        std::string target;
        std::string venue;  // instead of a target: whose it is, is not known
        std::string resource;
        std::int64_t status = 0;
        bool cross_tenant = false;
    };
    // Whose lines they are.
    struct Gateway {
        std::string begins;    // time of its first line
        std::string ends;      // of its last
        std::string serves;    // of the first of a request; empty: there is none
        bool informs = false;  // some line is INFO
        // Whether its log level left out lines of requests when the time began.
        bool left_out_before = false;
        // By time: a process began to serve (true), or had ended. A line that is there twice says
        // it once.
        std::set<std::pair<std::string, bool>> changes;
    };
    // Of its processes.
    struct Processes {
        bool runs = false;  // one may be running when the lines end
        bool lost = false;  // one began in its place without that it said that it had ended
    };
    struct Verdict {
        Accessed accessed = Accessed::unknown;
        std::int64_t bytes = 0;
        const char* why = "";
    };
    [[nodiscard]] bool in_time(std::string_view time) const;
    // The same, up to when all requests of that time had their lines.
    [[nodiscard]] bool is_watched(std::string_view time) const;
    // Of the line of a request that ended at `time`.
    [[nodiscard]] bool was_under_way(const boost::json::object& fields,
                                     const std::string& time) const;
    // Who is named, and when, in time or not: what is never named may be misspelt.
    void notice(const boost::json::object& fields, const std::string& time);
    void note_level(const boost::json::object& fields, const std::string& time);
    [[nodiscard]] std::set<std::string> gaps() const;
    void add_gaps_of_gateways(std::set<std::string>& gaps) const;
    [[nodiscard]] Processes processes_of(const Gateway& gateway) const;
    [[nodiscard]] bool passed_on() const;
    [[nodiscard]] bool attempts_missing() const;
    [[nodiscard]] Verdict verdict_on(const Attempt& attempt) const;
    void keep(std::vector<std::string>& list, std::string_view line);

    Subject subject_;
    std::string since_;
    std::string until_;
    std::string settled_;
    std::vector<Attempt> attempts_;
    std::set<std::string, std::less<>> ids_;  // of the attempts' requests
    std::multimap<std::string, Request, std::less<>> requests_;
    std::size_t recorded_ = 0;  // attempts on another tenant, by the audit record
    bool informed_ = false;
    std::map<std::string, Gateway> gateways_;  // by instanceId
    Subject named_;                            // what of the subject some line has
    std::set<std::string> gaps_;
    std::vector<std::string> lines_;
    std::vector<std::string> records_;
};

}  // namespace gw::cli
