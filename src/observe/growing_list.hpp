// A list that one thread grows and others read, and how far it may grow.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "observe/cell.hpp"

namespace gw::observe {

// How many more series of a kind there may be, and how often one was turned away for want of room.
// One writer; any thread reads `refused`.
struct Budget {
    std::size_t left;
    Counter refused;
};

template <class Node>
class GrowingList {
  public:
    GrowingList() = default;
    GrowingList(const GrowingList&) = delete;
    GrowingList& operator=(const GrowingList&) = delete;
    ~GrowingList() {
        const Link* link = first_.load(std::memory_order_relaxed);
        while (link != nullptr) {
            const std::unique_ptr<const Link> gone{link};
            link = gone->next;
        }
    }
    // The node for which `is` holds, or a new one made of `arguments`.
    template <class Is, class... Arguments>
    Node& find_or_add(Is is, const Arguments&... arguments) {
        Node* const found = find(is);
        return found != nullptr ? *found : add(arguments...);
    }
    // The same, as long as there is room. Null: there is none, and that is counted.
    template <class Is, class... Arguments>
    Node* find_or_add_within(Budget& budget, Is is, const Arguments&... arguments) {
        if (Node* const found = find(is); found != nullptr) {
            return found;
        }
        if (budget.left == 0) {
            budget.refused.add();
            return nullptr;
        }
        --budget.left;
        return &add(arguments...);
    }
    template <class Visit>
    void each(Visit visit) const {
        for (const Link* link = first_.load(std::memory_order_acquire); link != nullptr;
             link = link->next) {
            visit(link->node);
        }
    }

  private:
    // On cache lines of its own: the neighbours may be another worker's.
    struct alignas(64) Link {
        template <class... Arguments>
        explicit Link(const Arguments&... arguments) : node(arguments...) {}
        Node node;
        Link* next = nullptr;
    };
    template <class Is>
    Node* find(Is is) {
        for (Link* link = first_.load(std::memory_order_relaxed); link != nullptr;
             link = link->next) {
            if (is(link->node)) {
                return &link->node;
            }
        }
        return nullptr;
    }
    template <class... Arguments>
    Node& add(const Arguments&... arguments) {
        auto link = std::make_unique<Link>(arguments...);
        link->next = first_.load(std::memory_order_relaxed);
        Node& node = link->node;
        first_.store(link.release(), std::memory_order_release);
        return node;
    }
    std::atomic<Link*> first_{nullptr};
};

}  // namespace gw::observe
