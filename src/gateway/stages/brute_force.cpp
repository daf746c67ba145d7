// Notices who tries passwords: the answers that a login route gives, counted by address and by
// account over all workers (control/access_watch), which may ban the address.
#include "base/text.hpp"
#include "gateway/held_body.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

enum class Mode : std::uint8_t { off, log, block };
constexpr std::array<std::pair<std::string_view, Mode>, 3> names_of(Mode) {
    return {{{"off", Mode::off}, {"log", Mode::log}, {"block", Mode::block}}};
}

struct BruteForceOptions : StageOptions {
    Mode mode = Mode::log;
    std::vector<std::string> login_paths{"/login"};
    std::vector<std::string> account_fields{"email", "username"};
    std::uint64_t body_bytes_max = 4'096;
};

template <class Visitor>
void fields(Visitor& field, BruteForceOptions& o) {
    field("mode", o.mode, "`block` bans addresses that go on, for a time that grows");
    field("login_paths", o.login_paths,
          "paths below the route's own where people sign in: an answer of 401 or 403 is a failure; "
          "on a route without `/**` it is the route's own path");
    field(
        "account_fields", o.account_fields,
        "members of the form or JSON body that name the account; the first of these that is there "
        "counts, and bodies where it says several things count together");
    field("body_bytes_max", o.body_bytes_max, config::Range{0, 1'048'576},
          "bodies up to this size are held and looked at; 0: only addresses are counted");
}

// Where bodies name several accounts by one name, or cannot be read to their end, which account is
// meant is the service's own affair, and whoever could choose which is counted would hide the one
// that is attacked. All such sign-ins count together, as to an account of this name, which nobody
// has.
constexpr std::string_view kAnyAccount = "";

class AccountFinder final : public security::ValueVisitor {
  public:
    explicit AccountFinder(const std::vector<std::string>& names) : names_(names) {}
    bool value(security::ValuePlace, std::string_view name, std::string_view decoded) override {
        const auto rank = std::ranges::find(names_, name) - names_.begin();
        if (rank == std::ssize(names_) || decoded.empty() || rank > rank_) {
            return true;
        }
        std::string named(decoded);
        // Services take names in any case of letters.
        std::ranges::transform(named, named.begin(), [](char c) { return lower(c); });
        several_ = rank == rank_ && (several_ || named != account_);
        rank_ = rank;
        account_ = std::move(named);
        return true;
    }
    // Nothing: the body names none.
    [[nodiscard]] std::optional<std::string_view> account(security::Walk walk) const {
        if (walk != security::Walk::whole || several_) {
            return kAnyAccount;
        }
        return account_.empty() ? std::nullopt : std::optional<std::string_view>(account_);
    }

  private:
    const std::vector<std::string>& names_;
    std::ptrdiff_t rank_ = std::numeric_limits<std::ptrdiff_t>::max();
    std::string account_;
    bool several_ = false;
};

void find_account(Exchange& x, const BruteForceOptions& o) {
    AccountFinder finder(o.account_fields);
    security::RequestValues& values = x.shard.request_values();
    const security::Walk walk = body_kind(x.head()) == BodyKind::form
                                    ? values.form(x.held->bytes, finder)
                                    : values.json(x.held->bytes, finder);
    const SecurityRecord* const record = x.shard.security_record();
    const auto account = finder.account(walk);
    if (account && record != nullptr) {
        x.account = record->hash(*account);
    }
}

// A sign-in that succeeded clears the account's failures: not those of accounts that it only named.
bool names_any_account(const Exchange& x) {
    const SecurityRecord* const record = x.shard.security_record();
    return record != nullptr && x.account == record->hash(kAnyAccount);
}

bool is_login(const Exchange& x, const BruteForceOptions& o) {
    // A route of one path is that path.
    return o.mode != Mode::off &&
           (!x.route->prefix || std::ranges::find(o.login_paths, x.rest) != o.login_paths.end());
}

Verdict decide(Exchange& x, const BruteForceOptions& o) {
    if (!is_login(x, o) || !has_readable_body(x.head(), o.body_bytes_max)) {
        return go_on();
    }
    if (!hold_what_is_here(x)) {
        return wait();
    }
    find_account(x, o);
    return go_on();
}

net::Task<Verdict> wait_for_body(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const BruteForceOptions&>(*options);
    // A body that breaks off goes no further, see held_body.hpp.
    const Result<void> held = co_await hold_body(x, o.body_bytes_max);
    if (held && x.held->last) {
        find_account(x, o);
    }
    co_return go_on();
}

Verdict judge_answer(Exchange& x, const http::ResponseHead& head, const StageOptions& options) {
    const auto& o = static_cast<const BruteForceOptions&>(options);
    if (!is_login(x, o)) {
        return go_on();
    }
    if (head.status == 401 || head.status == 403) {
        report_failed_sign_in(x, o.mode == Mode::block);
    } else if (head.status >= 200 && head.status < 300) {
        if (names_any_account(x)) {
            x.account = 0;
        }
        report_sign_in(x);
    }
    return go_on();
}

constexpr Stage row() {
    Stage stage = gateway::stage<BruteForceOptions, decide>("brute_force");
    stage.wait = wait_for_body;
    stage.judge = judge_answer;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage brute_force = row();
}

}  // namespace gw::gateway
