// What one request has to do with the cache: what it was given from it, and what it is to put
// there. Lives in the exchange of a route that has a `cache` section. One worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/answer_cache.hpp"
#include "gateway/cache_options.hpp"
#include "gateway/shared_answers.hpp"
#include "http/stream.hpp"

namespace gw::gateway {

struct Exchange;

class CacheWork {
  public:
    // All outlive it. shared: null where nothing is shared between gateways.
    CacheWork(AnswerCache& cache, const CacheOptions& options, SharedAnswers* shared)
        : cache_(cache), options_(options), shared_(shared) {}
    CacheWork(const CacheWork&) = delete;
    CacheWork& operator=(const CacheWork&) = delete;
    // What was not finished is given up: who waits for it tries for itself.
    ~CacheWork();

    // --- before the service is asked

    // Says what is asked for. False: it is no request that has to do with what is kept.
    bool begin(Exchange& x);
    // What may be given at once, if anything: serves() then says so.
    enum class Found : std::uint8_t { serve, serve_and_refresh, nothing, refused };
    Found look_up(Exchange& x);
    // Whether this request fills the place, waits for who does, or has nothing to do with it.
    enum class Role : std::uint8_t { fills, waits, passes };
    Role take_role(Exchange& x, const std::shared_ptr<FillWait>& wait);
    // Who waits asks again then: the place may be theirs to fill.
    [[nodiscard]] Instant overdue() const { return overdue_; }
    // Nobody need wake it any more.
    void leave(const std::shared_ptr<FillWait>& wait) { cache_.leave(key(), wait); }
    // Whether other gateways may have what this request is to fetch.
    [[nodiscard]] bool asks_shared(const Exchange& x) const;
    [[nodiscard]] SharedPlace shared_place() const {
        return {std::string(site_), std::string(uri_), std::string(who_)};
    }
    // Other gateways wait for what this request fetches.
    void fetch_for_all() { fetches_for_all_ = true; }
    // Keeps what another gateway has fetched. False: it is not for this request, or has no room.
    bool adopt(Exchange& x, std::shared_ptr<StoredAnswer> answer);
    // Like another request's, which is answered already, for a fetch behind it.
    bool take_over(Exchange& from, Exchange& x);

    // --- on the way

    // The service is asked whether what is kept still holds.
    void amend_request(http::Headers& out) const;
    // The service's head. True: what is kept answers the request instead, see serves().
    bool judge(Exchange& x, const http::ResponseHead& head);
    // The head as the client gets it, before our own fields: begins to keep it, if it may be kept.
    void take_head(Exchange& x, http::ResponseHead& out);
    void take_body(Exchange& x, const http::BodyPart& part);
    // Before take_head(): the body is there as well. Only then may the head become a 304, behind
    // which a client's next request must not wait.
    void has_all() { has_all_ = true; }
    // The head has become a 304: the service's answer is what the client has, and is for the cache.
    [[nodiscard]] bool unchanged() const { return unchanged_; }
    // The service has failed. True: what is kept answers the request, see serves().
    bool rescue(Exchange& x);
    // It has answered, and that it cannot.
    [[nodiscard]] bool met_failure() const { return met_failure_; }

    // --- the answer

    // Not null: what the client gets.
    [[nodiscard]] const StoredAnswer* serves() const { return serves_ ? stored_.get() : nullptr; }
    [[nodiscard]] CacheKey key() const { return {uri_, who_}; }
    [[nodiscard]] const CacheOptions& options() const { return options_; }
    [[nodiscard]] bool reads() const { return reads_; }
    [[nodiscard]] bool fills() const { return fill_ != 0; }
    [[nodiscard]] SharedAnswers& shared() const { return *shared_; }
    // Null where nothing fits.
    [[nodiscard]] const StoredPtr& stored() const { return stored_; }
    // The part of what serves() that the client wants; nothing: all of it.
    [[nodiscard]] const std::optional<http::ByteRange>& part() const { return part_; }
    // Others may fill the place.
    void let_go(Exchange& x);
    // The value of Cache-Status (RFC 9211), of the exchange's arena.
    [[nodiscard]] std::string_view status(Exchange& x) const;

  private:
    [[nodiscard]] bool shares() const {
        return shared_ != nullptr && options_.shared && options_.share == Share::tenant;
    }
    // False: it is not kept after all.
    bool keep(StoredPtr answer, const StoredPtr& replaced);
    std::string take_collected();
    void let_others_fetch();
    void forget(std::string_view uri);
    void take_out_stored();
    [[nodiscard]] bool asks_whether_it_holds() const { return asks_ && stored_ != nullptr; }
    // The client's own conditions do not go to the service.
    [[nodiscard]] bool judges_conditions() const {
        return (fill_ != 0 && !passes_) || asks_whether_it_holds();
    }
    bool look_for_part(Exchange& x);
    void give_up(Exchange& x, bool not_kept);
    void outdate(Exchange& x, const http::ResponseHead& head);
    void outdate_target(Exchange& x, std::string_view path, std::string_view query);
    // Under what that service's answers on a route with these options are kept.
    [[nodiscard]] std::string_view uri_of(Exchange& x, std::size_t service,
                                          const CacheOptions& options, std::string_view path,
                                          std::string_view query) const;
    void freshen(Exchange& x, const http::ResponseHead& head);
    void freshen_by_head(Exchange& x, const http::ResponseHead& head);
    http::Asked asked(const Exchange& x) const;
    // Null: it is not to be kept for whoever asked so.
    std::shared_ptr<StoredAnswer> record(Exchange& x, const http::ResponseHead& head,
                                         const http::Asked& asked) const;
    // Whether it might be kept for another who shares the place: what one request may not leave
    // behind (no-store, cookies) says nothing against what others have; what the service says does.
    [[nodiscard]] bool is_for_others(Exchange& x, const http::ResponseHead& head) const;
    // A whole answer that is not kept: what is kept is not what the service answers now.
    void displace_stored(Exchange& x, const http::ResponseHead& head, bool never_fits);
    // What its body may have.
    [[nodiscard]] std::uint64_t body_max(const StoredAnswer& answer) const;

    AnswerCache& cache_;
    const CacheOptions& options_;
    SharedAnswers* shared_;
    std::string_view site_;  // of the exchange's configuration
    std::string_view uri_;   // of the exchange's arena, as all views here
    std::string_view who_;
    std::string_view host_;
    std::string_view scheme_;  // a literal
    http::CacheControl request_;
    bool reads_ = false;      // GET or HEAD; else what is kept under the URI may be outdated by it
    bool plain_ = true;       // not for a part, nor under conditions that are the origin's to judge
    std::string_view range_;  // of a request for a part
    bool asks_ = false;       // with our validators
    bool serves_ = false;
    bool keeps_ = false;      // the body is being taken
    std::uint64_t fill_ = 0;  // 0: it is not for us to fill the place
    bool passes_ = false;     // of late it could not be kept
    Instant overdue_{};
    bool fetches_for_all_ = false;
    Instant began_{};
    Instant now_{};  // of the last look
    StoredPtr stored_;
    std::shared_ptr<StoredAnswer> filling_;
    std::string body_;  // has room in the cache (AnswerCache::take_room())
    std::uint64_t body_max_ = 0;
    std::optional<http::ByteRange> part_;
    std::string_view status_ = "fwd=miss";
    std::string_view detail_;  // what came of asking the service
    bool kept_ = false;
    bool has_all_ = false;
    bool met_failure_ = false;
    bool unchanged_ = false;
};

// Makes a 304 of the head of a 200 (RFC 9110, 15.4.5).
void leave_out_body(http::ResponseHead& head);

// Fills x.memory.response and x.own.body with what the cache gives: all of it, or 304 where the
// client has it. What does not go on: a stage will not have it given.
Verdict prepare_stored(Exchange& x);

}  // namespace gw::gateway
