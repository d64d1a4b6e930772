// A table of results: printed with aligned columns, written as CSV and JSON.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bench {

using cell = std::variant<std::int64_t, double, std::string>;

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
            is_text = std::is_same_v<std::remove_cvref_t<decltype(value)>, std::string>;
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

template <class Row>
std::string csv_table(const std::vector<column<Row>>& columns, const std::vector<Row>& rows) {
  std::string table;
  const auto append = [&](const std::string& text, const column<Row>& in) {
    table += text + (&in == &columns.back() ? "\n" : ",");
  };
  for (const column<Row>& each : columns) append(each.key, each);
  for (const Row& row : rows)
    for (const column<Row>& each : columns)
      append(std::visit([](const auto& value) { return fmt::format("{}", value); }, each.value(row)), each);
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
