// Answers that all gateways of one configuration share through the store, behind what each keeps in
// memory: a gateway that has just started need not ask services for what another has. Whoever finds
// nothing may be the one that fetches for all of them. Any thread; nothing waits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateway/answer_cache.hpp"

namespace gw::gateway {

// What is asked for, and for whom, of whose configuration.
struct SharedPlace {
    std::string site;
    std::string uri;
    std::string who;
};

class SharedAnswers {
  public:
    // A store that does not answer by then counts as one that has nothing: a service may be as
    // quick.
    static constexpr Millis kPatience{25};

    struct Found {
        enum class Is : std::uint8_t {
            answer,     // `answer`
            varies,     // answers there differ by `names`: ask again with what the request says
            fetch,      // none; it is for us to fetch it, for all gateways
            elsewhere,  // none yet; another gateway fetches it
            failed,     // the store did not answer, or what stands there is not to be believed
        };
        Is is = Is::failed;
        std::shared_ptr<StoredAnswer> answer{};
        std::string names{};
    };
    // On the store's thread.
    using Told = std::move_only_function<void(Found)>;

    // Whether asking is worth while: the store is there, and has answered in time of late.
    [[nodiscard]] virtual bool open(Instant now) const = 0;
    // selection: what the request says of the names that answers differ by; "" at first.
    virtual void ask(SharedPlace place, std::string selection, Told told) = 0;
    // Somebody has waited for an answer in vain.
    virtual void waited_in_vain(Instant now) = 0;
    // began: when the service was asked. Nobody is told whether it was kept.
    virtual void keep(SharedPlace place, StoredPtr answer, Instant began) = 0;
    // It was for us to fetch, and there is nothing to keep.
    virtual void release(SharedPlace place) = 0;
    // This answer does not hold any more; those for other callers may.
    virtual void take_out(SharedPlace place, StoredPtr answer) = 0;
    // What is kept under this URI, for whomever, here and in the memory of other gateways.
    virtual void forget(std::string site, std::string uri) = 0;

  protected:
    ~SharedAnswers() = default;
};

}  // namespace gw::gateway
