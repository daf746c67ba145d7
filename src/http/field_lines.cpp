#include "http/field_lines.hpp"

namespace gw::http {

FieldLines::FieldLines(std::initializer_list<std::pair<std::string_view, std::string_view>> fields)
    : text_(std::make_unique<std::string>()) {
    std::size_t size = 0;
    for (const auto& [name, value] : fields) {
        size += name.size() + value.size() + 4;
    }
    text_->reserve(size);  // what the fields show must not move
    fields_.reserve(fields.size());
    for (const auto& [name, value] : fields) {
        const std::size_t begin = text_->size();
        text_->append(name).append(": ").append(value).append("\r\n");
        const std::string_view line = std::string_view(*text_).substr(begin);
        const Known known = recognise(name);
        fields_.push_back({.name = line.substr(0, name.size()),
                           .value = line.substr(name.size() + 2, value.size()),
                           .known = known,
                           .whole_line = true});
        present_ |= Headers::bit(known);
    }
}

}  // namespace gw::http
