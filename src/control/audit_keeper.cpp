#include "control/audit_keeper.hpp"

#include <cstring>

namespace gw::control {
namespace {

constexpr Millis kTryAgain{1'000};
constexpr std::size_t kStreamingMax = 256;  // commands under way; a slow Redis loses what is more

}  // namespace

void AuditKeeper::configure(const security::AuditOptions& options) {
    if (chain_ != nullptr && options == options_) {
        if (!chain_->reopen(loop_.clock().wall)) {
            failed(chain_->last_error());
        }
        return;
    }
    options_ = options;
    chain_.reset();
    failing_ = false;
    if (!options_.path.empty()) {
        chain_ = std::make_unique<security::AuditChain>(options_);
        if (!open()) {
            failed(chain_->last_error());
        }
    }
}

bool AuditKeeper::open() {
    if (chain_->is_open()) {
        return true;
    }
    const bool opened = chain_->open(loop_.clock().wall).has_value();
    if (opened && !chain_->put_away().empty()) {
        log_.warn(
            "the audit record was written with another secret and is put away; a new one begins",
            {{"path", options_.path}, {"before", chain_->put_away()}});
    }
    return opened;
}

void AuditKeeper::failed(int error) {
    if (!std::exchange(failing_, true)) {
        log_.error("the audit record cannot be written; events wait",
                   {{"path", options_.path},
                    {"reason", error != 0 ? std::strerror(error) : "it is no file of ours"},
                    {"waitingMax", static_cast<std::int64_t>(kWaitingMax)}});
    }
    loop_.timers().arm(retry_, loop_.now() + kTryAgain);
}

bool AuditKeeper::write(const gateway::SecurityEvent& event) {
    std::string detail = event.detail;
    if (event.status != 0) {
        detail += " (" + std::to_string(event.status) + ")";
    }
    if (!event.request_id.empty()) {
        detail += " request " + event.request_id;
    }
    if (!open()) {
        return false;
    }
    const std::uint64_t deletions = chain_->deletions();
    const bool written = chain_->append({.event = event.kind,
                                         .requester = event.user,
                                         .tenant = event.tenant,
                                         .address = event.address,
                                         .resource = event.resource,
                                         .decision = event.decision,
                                         .detail = detail},
                                        event.time);
    if (chain_->deletions() != deletions) {
        log_.error(written
                       ? "the audit file was deleted; its records are gone, and the chain goes on"
                       : "the audit file was deleted; its records are gone",
                   {{"path", options_.path}});
    }
    return written;
}

void AuditKeeper::keep(const gateway::SecurityEvent& event) {
    if (tell_) {
        tell_(event);
    }
    if (store_ != nullptr && options_.stream_length != 0 && store_->backend() == "redis" &&
        store_->available() && streaming_ < kStreamingMax) {
        scope_.spawn(stream({"XADD",
                             std::string(kStream),
                             "MAXLEN",
                             "~",
                             std::to_string(options_.stream_length),
                             "*",
                             "time",
                             std::to_string(epoch_ms(event.time)),
                             "event",
                             std::string(event.kind),
                             "requester",
                             event.user,
                             "tenant",
                             event.tenant,
                             "address",
                             event.address,
                             "resource",
                             event.resource,
                             "decision",
                             std::string(event.decision),
                             "status",
                             event.status != 0 ? std::to_string(event.status) : "",
                             "detail",
                             event.detail,
                             "requestId",
                             event.request_id}));
    }
    if (chain_ == nullptr) {
        return;
    }
    if (waiting_.empty() && write(event)) {
        return;
    }
    if (waiting_.size() >= kWaitingMax) {
        ++lost_;
        return;
    }
    waiting_.push_back(event);
    failed(chain_->last_error());
}

void AuditKeeper::write_waiting() {
    while (!waiting_.empty()) {
        if (!write(waiting_.front())) {
            failed(chain_->last_error());
            return;
        }
        waiting_.pop_front();
    }
    if (!open()) {
        failed(chain_->last_error());
        return;
    }
    if (std::exchange(failing_, false)) {
        log_.info("the audit record is written again",
                  {{"path", options_.path}, {"lost", static_cast<std::int64_t>(lost_)}});
    }
}

net::Task<void> AuditKeeper::stream(std::vector<std::string> command) {
    ++streaming_;
    [[maybe_unused]] const Result<state::RedisReply> reply =
        co_await store_->run_own(std::move(command));
    --streaming_;
}

void AuditKeeper::stop() {
    if (chain_ != nullptr && !waiting_.empty()) {
        write_waiting();
    }
    retry_.disarm();
}

}  // namespace gw::control
