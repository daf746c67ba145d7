#include "observe/log_tap.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "observe/json_line.hpp"

namespace gw::observe {
namespace {

constexpr std::string_view kStatus = "\"status\":";
constexpr std::string_view kDuration = "\"durationMs\":";

bool is_request(std::string_view line) {
    return line.contains(kDuration);
}

bool fits_status(std::string_view wanted, std::string_view status) {
    if (status.size() != 3) {
        return false;
    }
    if (wanted == "error") {
        return status.front() >= '4';
    }
    return wanted.ends_with("xx") ? status.front() == wanted.front() : status == wanted;
}

std::string escaped(std::string_view text) {
    std::string out;
    append_escaped(out, text);
    return out;
}

}  // namespace

std::string_view field_of(std::string_view line, std::string_view name) {
    // Behind a brace or a comma: within a text every quote is escaped.
    for (std::size_t at = line.find(name); at != std::string_view::npos;
         at = line.find(name, at + 1)) {
        if (at == 0 || (line[at - 1] != ',' && line[at - 1] != '{')) {
            continue;
        }
        std::string_view value = line.substr(at + name.size());
        if (!value.starts_with('"')) {
            return value.substr(0, value.find_first_of(",}"));
        }
        value.remove_prefix(1);
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (value[i] == '\\') {
                ++i;
            } else if (value[i] == '"') {
                return value.substr(0, i);
            }
        }
        return {};
    }
    return {};
}

// Texts are compared as they are written: escaped.
bool LineFilter::fits(std::string_view line) const {
    const bool request = is_request(line);
    if (request ? !requests : !events) {
        return false;
    }
    if (!status.empty() && !fits_status(status, field_of(line, kStatus))) {
        return false;
    }
    if (!user.empty() && field_of(line, "\"userId\":") != escaped(user)) {
        return false;
    }
    if (!address.empty() && !field_of(line, "\"ip\":").starts_with(escaped(address))) {
        return false;
    }
    if (const std::string wanted = escaped(tenant); !wanted.empty() &&
                                                    field_of(line, "\"tenantId\":") != wanted &&
                                                    field_of(line, "\"sourceTenant\":") != wanted &&
                                                    field_of(line, "\"targetTenant\":") != wanted) {
        return false;
    }
    if (const std::string wanted = escaped(route); !wanted.empty() &&
                                                   !field_of(line, "\"route\":").contains(wanted) &&
                                                   !field_of(line, "\"path\":").contains(wanted)) {
        return false;
    }
    return text.empty() || line.contains(escaped(text));
}

std::uint64_t LogTap::open(LineFilter filter) {
    const std::scoped_lock lock(mutex_);
    if (watchers_.size() >= kWatchersMax) {
        return 0;
    }
    watchers_[next_].filter = std::move(filter);
    update_wanted();
    return next_++;
}

void LogTap::close(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    watchers_.erase(number);
    update_wanted();
}

LogTap::Taken LogTap::take(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    const auto watcher = watchers_.find(number);
    if (watcher == watchers_.end()) {
        return {};
    }
    Taken out{.lines = {watcher->second.lines.begin(), watcher->second.lines.end()},
              .skipped = std::exchange(watcher->second.skipped, 0)};
    watcher->second.lines.clear();
    return out;
}

void LogTap::count_suffering(bool wanted) {
    const std::scoped_lock lock(mutex_);
    if (wanted != counting_) {
        counting_ = wanted;
        now_.clear();
        before_.clear();
        update_wanted();
    }
}

void LogTap::turn_minute() {
    const std::scoped_lock lock(mutex_);
    before_ = std::exchange(now_, {});
}

std::vector<LogTap::Sufferer> LogTap::suffering(std::size_t most) {
    Minute both;
    {
        const std::scoped_lock lock(mutex_);
        both = now_;
        for (const auto& [key, sufferer] : before_) {
            const auto [entry, fresh] = both.emplace(key, sufferer);
            if (!fresh) {
                entry->second.limited += sufferer.limited;
                entry->second.failed += sufferer.failed;
            }
        }
    }
    std::vector<Sufferer> out;
    for (auto& [key, sufferer] : both) {
        out.push_back(std::move(sufferer));
    }
    std::ranges::sort(out, {}, [](const Sufferer& s) {
        return std::tuple(~(s.limited + s.failed), std::string_view(s.tenant),
                          std::string_view(s.user), std::string_view(s.address));
    });
    out.resize(std::min(out.size(), most));
    return out;
}

void LogTap::update_wanted() {
    wanted_.store(counting_ || !watchers_.empty(), std::memory_order_relaxed);
}

void LogTap::take_in(std::string_view lines) {
    const std::scoped_lock lock(mutex_);
    while (!lines.empty()) {
        const std::size_t end = std::min(lines.find('\n'), lines.size());
        const std::string_view line = lines.substr(0, end);
        lines.remove_prefix(std::min(end + 1, lines.size()));
        for (auto& [number, watcher] : watchers_) {
            if (!watcher.filter.fits(line)) {
                continue;
            }
            if (watcher.lines.size() < kLinesMax) {
                watcher.lines.emplace_back(line);
            } else {
                ++watcher.skipped;
            }
        }
        if (counting_) {
            count(line);
        }
    }
}

void LogTap::count(std::string_view line) {
    const std::string_view status = field_of(line, kStatus);
    const bool limited = status == "429";
    if ((!limited && !status.starts_with('5')) || !is_request(line)) {
        return;
    }
    // A probe that hears that the gateway is not ready is nobody who is hurt.
    if (field_of(line, "\"outcome\":").starts_with("health")) {
        return;
    }
    const std::string_view address = field_of(line, "\"ip\":");
    const std::string_view user = field_of(line, "\"userId\":");
    const std::string_view tenant = field_of(line, "\"tenantId\":");
    std::string key(tenant);
    key.append("\"").append(user).append("\"").append(address);
    auto entry = now_.find(key);
    if (entry == now_.end()) {
        if (now_.size() >= kSuffering) {
            return;
        }
        entry = now_.emplace(std::move(key), Sufferer{.tenant = std::string(tenant),
                                                      .user = std::string(user),
                                                      .address = std::string(address)})
                    .first;
    }
    ++(limited ? entry->second.limited : entry->second.failed);
}

}  // namespace gw::observe
