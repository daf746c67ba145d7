// Who waits for a service, and whose turn it is. Pure.
//
// Urgent requests go first, but of eight turns one begins with the next level and one with the
// last, so that the others are slow rather than dead. Among equally urgent ones tenants take turns,
// each as many as its weight (deficit round robin, where every request costs one). A tenant that
// has as much in flight as it may is passed over.
//
//     high     [ tenant b: x ]
//     normal
//     low      [ tenant a: x x x x x x x ] [ tenant c: x ]
//
// One worker's thread. Those who wait belong to the callers; a queue holds no more than it is told
// to.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gw::upstream {

// Purchases and payments; other writes; reads.
enum class Priority : std::uint8_t { high, normal, low };
inline constexpr std::size_t kPriorities = 3;

struct Tenant;

// One who waits. The caller's; pinned while it is in the queue.
struct QueuePlace {
    Tenant* tenant = nullptr;
    Priority priority = Priority::low;
};

// What a bulkhead knows of a tenant while it has something there, and for a while afterwards.
struct Tenant {
    std::uint32_t weight = 1;
    std::uint32_t in_flight = 0;
    std::uint32_t waiting = 0;
    std::uint64_t admitted = 0;  // ever
    std::uint64_t refused = 0;
    std::array<std::vector<QueuePlace*>, kPriorities> queues;  // the oldest first

    [[nodiscard]] bool idle() const { return in_flight == 0 && waiting == 0; }
};

class FairQueue {
  public:
    void push(QueuePlace& place);
    // Whose turn it is; null: nobody's. tenant_max: most that a tenant may have in flight.
    QueuePlace* pop(std::uint32_t tenant_max);
    void remove(QueuePlace& place);
    // Who has to make room for a newcomer, which is not in the queue yet: the youngest of whoever
    // has most waiting for its weight, among the least urgent first. Null: nobody who has less
    // right to be here.
    [[nodiscard]] QueuePlace* least_entitled(const QueuePlace& newcomer) const;

    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    struct Ring {
        std::vector<Tenant*> tenants;  // that have somebody waiting here
        std::size_t at = 0;            // whose turn it is
        std::uint32_t left = 0;        // of that turn; 0: it has not begun
    };
    QueuePlace* pop(std::size_t level, std::uint32_t tenant_max);
    static void leave(Ring& ring, const Tenant& tenant);

    std::array<Ring, kPriorities> rings_;
    std::size_t size_ = 0;
    std::uint64_t turns_ = 0;
};

}  // namespace gw::upstream
