// JSON as it was written, read strictly (RFC 8259): valid UTF-8, no member twice, bounded depth and
// count, and numbers kept to their last digit. A document lives in blocks that are kept for the
// next one, and points into the text that it was read from. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gw::schema {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

struct Value {
    Kind kind = Kind::null;
    bool truth = false;            // of a boolean
    std::uint32_t count = 0;       // elements, or members
    std::uint32_t line = 0;        // where it was written, if that is known; from 1
    const Value* items = nullptr;  // elements; of an object, name, value, name, value …, by name
    std::string_view text{};       // of a string, decoded; of a number, as it was written

    [[nodiscard]] bool is(Kind k) const { return kind == k; }
    [[nodiscard]] std::span<const Value> elements() const { return {items, count}; }
    [[nodiscard]] std::string_view name(std::size_t i) const { return items[2 * i].text; }
    [[nodiscard]] const Value& member(std::size_t i) const { return items[2 * i + 1]; }
    // The position of the member of that name; count if there is none.
    [[nodiscard]] std::size_t position(std::string_view name) const;
    // Null if there is none.
    [[nodiscard]] const Value* find(std::string_view name) const;
};

// Blocks for values and texts; what was taken is valid until clear().
class Blocks {
  public:
    std::span<Value> values(std::size_t count);
    std::span<char> text(std::size_t bytes);
    // Keeps one block of each.
    void clear();

  private:
    static constexpr std::size_t kValues = 256;  // most bodies' values
    static constexpr std::size_t kText = 4'096;
    template <class T>
    struct Chain {
        std::vector<std::unique_ptr<T[]>> blocks;
        std::size_t used = 0;
        std::size_t size = 0;
        std::span<T> take(std::size_t count, std::size_t block_size);
        void clear(std::size_t block_size);
    };
    Chain<Value> values_;
    Chain<char> text_;
};

struct JsonLimits {
    std::size_t depth_max = 64;        // twice what services behind us nest
    std::size_t values_max = 100'000;  // more than any body of ours holds
};

class JsonDocument {
  public:
    enum class Defect : std::uint8_t { none, malformed, duplicate, too_deep, too_many };

    JsonDocument();
    ~JsonDocument();
    JsonDocument(const JsonDocument&) = delete;
    JsonDocument& operator=(const JsonDocument&) = delete;

    // What was read before is gone. The text outlives the document.
    Defect parse(std::string_view text, const JsonLimits& limits = {});
    // Where a defect was found, in bytes.
    [[nodiscard]] std::size_t defect_at() const { return defect_at_; }
    [[nodiscard]] const Value& root() const { return root_; }

  private:
    struct Reader;
    Blocks blocks_;
    std::vector<Value> stack_;  // of what is not closed yet
    Value root_;
    std::size_t defect_at_ = 0;
};

// Brings an object's members into the order of their names. False: one stands twice.
bool sort_members(std::span<Value> pairs);

}  // namespace gw::schema
