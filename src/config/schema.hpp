// What is made of the declarations for people and their editors: a JSON Schema and the tables of
// the reference page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/outline.hpp"

namespace gw::config {

// JSON Schema 2020-12 for the whole file, indented, with a line break at its end.
std::string json_schema(const Outline& outline, std::string_view title);

// One Markdown section with a table for each section of the file.
std::string reference_tables(const Outline& outline);

}  // namespace gw::config
