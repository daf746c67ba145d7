// Of policies that count failures only: how many permits of a key are held by requests whose answer
// is not known yet. Whoever is refused because of them need not wait for a window.
//
// As many entries as there are such requests, at most. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "limits/key_hash.hpp"

namespace gw::limits {

class InFlight {
  public:
    // seed: a number that strangers do not know.
    explicit InFlight(std::uint64_t seed);
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    ~InFlight() = default;

    // Of one request, until its answer is known.
    class Pass {
      public:
        Pass() = default;
        Pass(Pass&& other) noexcept : of_(std::exchange(other.of_, nullptr)), hash_(other.hash_) {}
        Pass& operator=(Pass&& other) noexcept {
            std::swap(of_, other.of_);
            std::swap(hash_, other.hash_);
            return *this;
        }
        ~Pass() {
            if (of_ != nullptr) {
                of_->leave(hash_);
            }
        }

      private:
        friend class InFlight;
        Pass(InFlight& of, std::uint64_t hash) : of_(&of), hash_(hash) {}
        InFlight* of_ = nullptr;
        std::uint64_t hash_ = 0;
    };
    // It must not outlive this.
    [[nodiscard]] Pass enter(std::string_view key);
    [[nodiscard]] bool any(std::string_view key) const;

  private:
    void leave(std::uint64_t hash);

    HashSecret secret_;
    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, std::uint32_t> held_;
};

}  // namespace gw::limits
