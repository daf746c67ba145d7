// Answers that are kept, for all workers of this process: bounded in bytes, what was used longest
// ago goes first. Whoever finds nothing may fill the place; others that come meanwhile wait for it,
// so that one fetch serves all of them.
//
// Cut by URI into parts, each under a mutex of its own that is held for a look-up or an exchange of
// pointers and never while anything is copied or sent. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/freshness.hpp"
#include "http/message.hpp"
#include "http/validators.hpp"
#include "net/loop.hpp"

namespace gw::gateway {

// Immutable once it is in the cache.
struct StoredAnswer {
    struct Line {  // within `lines`
        std::uint32_t name_at, name_size, value_at, value_size;
        http::Known known;
    };
    struct Selecting {  // a field that Vary names, and what the request said there
        std::string name;
        std::string value;
    };

    int status = 200;
    std::string lines;  // "Name: value\r\n", one behind the other
    std::vector<Line> fields;
    std::shared_ptr<const std::string> body;  // shared with what a 304 made of it
    http::Freshness freshness;
    Instant came{};
    std::vector<Selecting> vary;
    std::string path;       // as clients name it
    std::string tenant;     // "" if nobody's
    std::string tags;       // a list: what the service calls it, to purge it by
    std::string surrogate;  // its Surrogate-Control, which is for us alone

    void add(std::string_view name, std::string_view value, http::Known known);
    [[nodiscard]] std::string_view value(std::string_view name) const;  // of the first; "" if none
    // Views of the fields, valid as long as this. False: there is no room.
    [[nodiscard]] bool copy_to(http::Headers& headers) const;
    // What Vary says of the answer, of the request that it answers.
    void select_by(const http::Headers& answer, const http::Headers& request);
    // The same, of names in a list.
    void select_by(std::string_view names, const http::Headers& request);
    // RFC 9111, 4.1.
    [[nodiscard]] bool fits(const http::Headers& request) const;
    [[nodiscard]] http::Validators validators() const;
    [[nodiscard]] std::chrono::seconds age(Instant now) const { return freshness.age(now - came); }
    [[nodiscard]] std::size_t bytes() const;
};
using StoredPtr = std::shared_ptr<const StoredAnswer>;  // by the cache and by those who send it

// What is asked for, and for whom. Two callers with different `who` never share anything.
struct CacheKey {
    std::string_view uri;
    std::string_view who;
};

// A request that waits until a place is filled. The pause is touched on its loop's thread only.
struct FillWait {
    net::Loop& loop;
    net::Pause* pause;
};

struct Purge {
    enum class Of : std::uint8_t { all, path, tag, tenant };
    Of of = Of::all;
    std::string what{};  // a path ending in /** stands for all below it as well
};

// "all", "path:/a/**", "tag:x" or "tenant:t", as keys of the state and operators write it.
std::optional<Purge> parse_purge(std::string_view text);

class AnswerCache {
  public:
    static constexpr std::size_t kVariantsMax = 16;  // of one URI for one caller

    explicit AnswerCache(std::uint64_t bytes_max) { set_most(bytes_max); }
    AnswerCache(const AnswerCache&) = delete;
    AnswerCache& operator=(const AnswerCache&) = delete;

    void set_most(std::uint64_t bytes);

    // The newest that fits the request, fresh or not; null if there is none.
    StoredPtr find(CacheKey key, const http::Headers& request);

    // Purges everything; whoever began by older rules than these (Site::generation) fills nothing
    // any more. How many answers there were.
    std::size_t adopt_rules(std::uint64_t generation);

    // A filling that takes longer holds nobody up any more: whoever asks next takes the place. It
    // may be a client that reads slowly, and not the service, that it waits for.
    static constexpr Millis kOverdue{4'000};
    // May I, who began by the rules of that generation, fill it? A number other than 0: yes, until
    // end() or store() with it. 0: somebody does, and `wait`, unless null, is woken when they end;
    // overdue: when to ask again if they have not.
    // passes: it has turned out of late that it can not be kept; then nobody is waited for.
    struct Lead {
        std::uint64_t fill = 0;
        bool passes = false;
        Instant overdue{};
    };
    Lead lead(CacheKey key, std::uint64_t generation, Instant now,
              const std::shared_ptr<FillWait>& wait, Millis overdue = kOverdue);
    // Who waits for that place waits no longer.
    void leave(CacheKey key, const std::shared_ptr<FillWait>& wait);
    // Ends a filling and wakes those who wait. replaced: what it takes the place of, or null.
    // False: it is not kept: there is no room, it was outdated while it was fetched, or another one
    // that has taken its place was quicker.
    bool store(CacheKey key, std::uint64_t fill, StoredPtr answer, const StoredPtr& replaced);
    // Without an answer. not_kept: it is not one to keep; for a while nobody waits for it.
    void end(CacheKey key, std::uint64_t fill, bool not_kept, Instant now);

    // This one answer, if it is still there.
    void take_out(CacheKey key, const StoredPtr& answer);
    // Everything kept under this URI, for whomever, and what is being fetched now.
    void forget(std::string_view uri);
    // How many there were.
    std::size_t purge(const Purge& purge);

    [[nodiscard]] std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    // The largest answer that is kept, its key included.
    [[nodiscard]] std::uint64_t answer_max() const {
        return part_bytes_max_.load(std::memory_order_relaxed);
    }

    // Bodies that are on their way take room as well, as much as two of the largest answers: many
    // clients that read slowly would hold a multiple of what is kept. False: there is none left.
    bool take_room(std::uint64_t bytes);
    void give_room(std::uint64_t bytes) { on_the_way_.fetch_sub(bytes, std::memory_order_relaxed); }

  private:
    static constexpr std::size_t kParts = 8;
    static constexpr std::size_t kPassMarks = 256;  // of a part; they overwrite each other
    static constexpr std::chrono::seconds kPassFor{10};

    struct Node {
        StoredPtr answer;
        const std::string* uri;
        const std::string* who;
    };
    using Nodes = std::list<Node>;
    struct Slot {
        std::vector<Nodes::iterator> variants;  // the newest last
        std::uint64_t fill = 0;                 // who fills it now; 0: nobody
        Instant since{};                        // when they began
        std::uint64_t doomed = 0;               // what fills up to this one fetch is outdated
        std::vector<std::shared_ptr<FillWait>> waiting;
    };
    // A URI with its hash: one look-up needs it twice.
    struct Hashed {
        std::string_view text;
        std::size_t hash;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
        std::size_t operator()(const Hashed& text) const { return text.hash; }
    };
    struct Same {
        using is_transparent = void;
        bool operator()(std::string_view a, std::string_view b) const { return a == b; }
        bool operator()(const Hashed& a, std::string_view b) const { return a.text == b; }
        bool operator()(std::string_view a, const Hashed& b) const { return a == b.text; }
    };
    using Place = std::map<std::string, Slot, std::less<>>;  // by `who`
    struct PassMark {
        std::size_t hash = 0;
        Instant until{};
    };
    struct Part {
        std::mutex mutex;
        std::unordered_map<std::string, Place, Hash, Same> places;
        Nodes nodes;  // what was used last stands first
        std::uint64_t bytes = 0;
        std::array<PassMark, kPassMarks> passes{};
    };
    using Waiting = std::vector<std::shared_ptr<FillWait>>;

    static Hashed hashed(std::string_view uri) { return {uri, Hash{}(uri)}; }
    Part& part_of(Hashed uri) { return parts_[uri.hash % kParts]; }
    [[nodiscard]] std::uint64_t newest_fill() const {
        return fills_.load(std::memory_order_relaxed);
    }
    static PassMark& mark_of(Part& part, CacheKey key, std::size_t& hash);
    static Slot* find_slot(Part& part, Hashed uri, std::string_view who);
    void drop(Part& part, Nodes::iterator node);
    static void tidy(Part& part, CacheKey key);
    Waiting finish(Part& part, Slot& slot, CacheKey key);
    static void wake(const Waiting& waiting);

    std::array<Part, kParts> parts_;
    std::atomic<std::uint64_t> part_bytes_max_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::uint64_t> on_the_way_{0};
    std::atomic<std::uint64_t> fills_{0};
    std::atomic<std::uint64_t> rules_{0};
};

}  // namespace gw::gateway
