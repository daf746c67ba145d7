// What stands in a snapshot of the embedded store: some keys, their values and, as moments of wall
// time, their ends.
//
//     api-gateway state 1\n
//     <end in ms since 1970, or -> <bytes of key> <bytes of value>\n<key><value>\n
//     …
//     end <entries> <SHA-256 of everything before this line, as hexadecimal digits>\n
//
// The sum finds what a disk, an editor or a torn copy has changed; it is no defence against who may
// write the file. Control thread.
#pragma once

#include <openssl/evp.h>  // allow(homes): a sum over a file of the state's own

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "state/store.hpp"

namespace gw::state {

class SnapshotWriter {
  public:
    SnapshotWriter();

    void add(std::string_view key, std::string_view value, std::optional<WallTime> expires);
    void end();
    // What has been written since the last call.
    std::string take();

  private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    void sum_up();

    std::unique_ptr<EVP_MD_CTX, Free> sum_;
    std::string text_;
    std::size_t summed_ = 0;  // of text_
    std::size_t entries_ = 0;
};

// Where a snapshot stops making sense, and why.
struct SnapshotDamage {
    std::size_t offset = 0;  // bytes from its start
    const char* what = "";   // a literal
};

// Any bytes. All or nothing.
std::expected<std::vector<KnownEntry>, SnapshotDamage> read_snapshot(std::string_view text);

}  // namespace gw::state
