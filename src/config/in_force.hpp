// What a configuration comes to, by the declarations of its settings (field.hpp): file, environment
// and defaults together, so that two gateways, or two readings, can be compared.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/field.hpp"
#include "config/outline.hpp"

namespace gw::config {

// A line `path=value` for each value, in the order of the declarations.
struct InForce {
    std::string compared;  // what gateways that should agree agree in, but for secrets
    std::string secrets;   // of these, the secrets: to be compared, never to be shown
    std::map<std::string, std::string> at_start;  // by its path; what only a start changes
};

// The visitor that collects.
class InForceCollector {
  public:
    explicit InForceCollector(InForce& found) : found_(found) {}

    template <class T, class... Options>
    void operator()(std::string_view name, T& value, const Options&... options) {
        add(Field::of(name, options...), value);
    }
    void rest(Reader& /*kept*/) {}

  private:
    InForceCollector(InForce& found, std::string path, const Field& around)
        : found_(found),
          path_(std::move(path)),
          secret_(around.secret),
          at_start_(around.at_start),
          own_of_each_(around.own_of_each) {}

    template <class T>
    void add(Field field, T& value) {
        field.secret = field.secret || secret_;
        field.at_start = field.at_start || at_start_;
        field.own_of_each = field.own_of_each || own_of_each_;
        std::string path =
            path_.empty() ? std::string(field.name) : path_ + "." + std::string(field.name);
        if constexpr (Scalar<T>) {
            note(field, std::move(path), json_of(value));
        } else if constexpr (kIsVector<T>) {
            add_list(field, path, value);
        } else if constexpr (kIsMap<T>) {
            for (auto& [name, part] : value) {
                InForceCollector inside(found_, path + "." + name, field);
                fields(inside, part);
            }
        } else {
            InForceCollector inside(found_, std::move(path), field);
            fields(inside, value);
        }
    }
    template <class T>
    void add_list(const Field& field, const std::string& path, T& value) {
        if constexpr (Scalar<typename T::value_type>) {
            std::string text;
            for (const auto& item : value) {
                text += json_of(item) + ",";
            }
            note(field, path, std::move(text));
        } else {
            for (std::size_t i = 0; i < value.size(); ++i) {
                InForceCollector inside(found_, path + "[" + std::to_string(i) + "]", field);
                fields(inside, value[i]);
            }
        }
    }
    void note(const Field& field, std::string path, std::string text) {
        if (!field.own_of_each) {
            (field.secret ? found_.secrets : found_.compared) += path + "=" + text + "\n";
        }
        if (field.at_start) {
            found_.at_start.emplace(std::move(path), std::move(text));
        }
    }

    InForce& found_;
    std::string path_;
    bool secret_ = false;  // of the section around
    bool at_start_ = false;
    bool own_of_each_ = false;
};

// options: as it was read. Nothing in it is changed.
template <class T>
InForce in_force(T& options) {
    InForce found;
    InForceCollector collector(found);
    fields(collector, options);
    return found;
}

}  // namespace gw::config
