// A table of results: printed with aligned columns, written as CSV and JSON.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

// Null is what is not known: nothing in a printed table and in CSV.
using cell = std::variant<std::int64_t, double, std::string, std::nullptr_t>;

inline cell cell_of(const std::optional<double>& value) { return value ? cell(*value) : cell(nullptr); }

// What is shown of a Row in one column.
template <class Row>
struct column {
  std::string key;     // in CSV and JSON, with its unit
  std::string title;   // above the printed column
  std::string format;  // of a printed value, as fmt has it
  std::function<cell(const Row&)> value;
};

// Lines of equal length; text is aligned to the left, numbers to the right.
template <class Row>
std::string printed_table(const std::vector<column<Row>>& columns, const std::vector<Row>& rows) {
  std::vector<std::string> lines(rows.size() + 1);
  for (const column<Row>& each : columns) {
    std::vector<std::string> texts{each.title};
    bool is_text = false;
    for (const Row& row : rows)
      std::visit(
          [&](const auto& value) {
            using type = std::remove_cvref_t<decltype(value)>;
            is_text = is_text || std::is_same_v<type, std::string>;
            if constexpr (std::is_same_v<type, std::nullptr_t>)
              texts.emplace_back();
            else
              texts.push_back(fmt::vformat(each.format, fmt::make_format_args(value)));
          },
          each.value(row));
    std::size_t width = 0;
    for (const std::string& text : texts) width = std::max(width, text.size());
    for (std::size_t i = 0; i < lines.size(); ++i)
      lines[i] += is_text ? fmt::format("{:<{}}  ", texts[i], width) : fmt::format("{:>{}}  ", texts[i], width);
  }
  std::string table;
  for (const std::string& line : lines) table += line + "\n";
  return table;
}

// A value of CSV, in quotes where a comma would end it (RFC 4180).
struct csv_field {
  std::string operator()(std::nullptr_t) const { return {}; }
  std::string operator()(const std::string& text) const {
    return text.find(',') == std::string::npos ? text : '"' + text + '"';
  }
  template <class Number>
  std::string operator()(Number value) const {
    return fmt::format("{}", value);
  }
};

template <class Row>
std::string csv_table(const std::vector<column<Row>>& columns, const std::vector<Row>& rows) {
  std::string table;
  const auto append = [&](const std::string& text, const column<Row>& in) {
    table += text + (&in == &columns.back() ? "\n" : ",");
  };
  for (const column<Row>& each : columns) append(each.key, each);
  for (const Row& row : rows)
    for (const column<Row>& each : columns) append(std::visit(csv_field{}, each.value(row)), each);
  return table;
}

// An array of objects.
template <class Row>
nlohmann::ordered_json json_table(const std::vector<column<Row>>& columns, const std::vector<Row>& rows) {
  nlohmann::ordered_json table = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json object;
    for (const column<Row>& each : columns)
      std::visit([&](const auto& value) { object[each.key] = value; }, each.value(row));
    table.push_back(std::move(object));
  }
  return table;
}

}  // namespace bench
