#include "control/moment_writer.hpp"

namespace gw::control {

void MomentWriter::write(std::string key, std::string value, std::string moment) {
    loop_.post([this, key = std::move(key), value = std::move(value),
                moment = std::move(moment)]() mutable {
        if (!stopping_ && store_ != nullptr && store_->available() && scope_.live() < kAtOnceMax) {
            scope_.spawn(write_now(std::move(key), std::move(value), std::move(moment)));
        }
    });
}

net::Task<void> MomentWriter::write_now(std::string key, std::string value, std::string moment) {
    const Result<bool> written =
        co_await store_->replace(key, std::move(value), moment, std::nullopt);
    if (written && *written) {
        log_.info("a revocation that did not say since when it holds says so now",
                  {{"key", key}, {"value", moment}});
    }
}

}  // namespace gw::control
