// Data sets in tables of comma-separated numbers: a line per sample, with its label or targets in some of the columns.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <variant>

#include <pare/io/csv.hpp>
#include <pare/train/dataset.hpp>

namespace pare {

// A column: the last one, one by its number from 0, or one by its name in the header.
struct last_column {};
using csv_column = std::variant<last_column, index_t, std::string>;

// A data set named after the file, with labels from one column and the features from all others. Classes are counted up
// to the largest label. Throws what read_csv throws, value_error for a column that is not there, and format_error,
// naming the line, for a label that is not a whole number from 0 to 2^24 - 1.
dataset load_csv_labels(const std::string& file, const csv_column& label = last_column{},
                        const csv_options& options = {});

// The same with targets from the columns listed, in that order. Throws value_error also for a column listed twice.
dataset load_csv_targets(const std::string& file, const std::vector<csv_column>& targets = {last_column{}},
                         const csv_options& options = {});

// Writes the features as x0, x1, ... and behind them the labels as label, or the targets as y0, y1, ... Errors as for
// save_csv of a table and validate(data).
void save_csv(const dataset& data, const std::string& file, char separator = ',');

namespace detail {

inline index_t column_number(const csv_table& table, const csv_column& column, const std::string& file) {
  const index_t columns = table.values.cols();
  if (const auto* name = std::get_if<std::string>(&column)) {
    const auto found = std::find(table.names.begin(), table.names.end(), *name);
    require<value_error>(found != table.names.end(), file, ": has no column named \"", *name, '"');
    return found - table.names.begin();
  }
  if (std::holds_alternative<last_column>(column)) return columns - 1;
  const index_t number = std::get<index_t>(column);
  require<value_error>(number >= 0 && number < columns, file, ": column ", number, " wanted, must be 0 to ",
                       columns - 1);
  return number;
}

// The columns with the given numbers as rows [numbers, lines], and all others.
struct parted_columns {
  // Throws format_error where there is no line, or no other column.
  parted_columns(const csv_table& table, const std::vector<index_t>& numbers, const std::string& file)
      : listed(numbers.size(), table.values.rows()), others(table.values.cols() - listed.rows(), table.values.rows()) {
    require<format_error>(listed.cols() > 0, file, ": has no line of numbers, at least 1 is needed");
    require<format_error>(others.rows() > 0, file, ": has ", table.values.cols(), " columns and no inputs among them");
    std::vector<bool> taken(static_cast<std::size_t>(table.values.cols()));
    for (const index_t number : numbers) taken[static_cast<std::size_t>(number)] = true;
    std::vector<index_t> rest;
    for (std::size_t i = 0; i < taken.size(); ++i)
      if (!taken[i]) rest.push_back(static_cast<index_t>(i));
    // Line by line: a column of a sample and a line of the table both lie together.
    for (index_t line = 0; line < table.values.rows(); ++line) {
      for (std::size_t i = 0; i < numbers.size(); ++i)
        listed(static_cast<index_t>(i), line) = table.values(line, numbers[i]);
      for (std::size_t i = 0; i < rest.size(); ++i) others(static_cast<index_t>(i), line) = table.values(line, rest[i]);
    }
  }

  Eigen::MatrixXf listed;
  Eigen::MatrixXf others;
};

// The line of the file that a row of the table stands in.
inline std::uint64_t line_of_row(const std::string& path, bool has_header, std::size_t row) {
  const mapped_file mapped(path);
  csv_lines lines({reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()});
  csv_line line;
  for (std::size_t skipped = 0; skipped <= row + has_header && lines.next(line); ++skipped) continue;
  return line.number;
}

}  // namespace detail

inline dataset load_csv_labels(const std::string& path, const csv_column& column, const csv_options& options) {
  const csv_table table = read_csv(path, options);
  const index_t label = detail::column_number(table, column, path);
  detail::parted_columns columns(table, {label}, path);
  dataset data{std::move(columns.others), {}, 0, std::filesystem::path(path).stem().string()};
  data.labels.reserve(static_cast<std::size_t>(data.samples()));
  for (const float value : columns.listed.row(0)) {
    constexpr float limit = 1 << 24;
    if (!(value >= 0.0f && value < limit && value == std::floor(value)))
      throw format_error(
          detail::text(path, ": line ", detail::line_of_row(path, !table.names.empty(), data.labels.size()), ", field ",
                       label + 1, ": ", value, " is not a label, must be a whole number from 0 to 16777215"));
    data.labels.push_back(static_cast<int>(value));
    data.classes = std::max(data.classes, data.labels.back() + 1);
  }
  return data;
}

inline dataset load_csv_targets(const std::string& path, const std::vector<csv_column>& targets,
                                const csv_options& options) {
  const csv_table table = read_csv(path, options);
  detail::require<value_error>(!targets.empty(), path, ": no columns are listed as targets, at least 1 is needed");
  std::vector<index_t> numbers;
  for (const csv_column& column : targets) {
    const index_t number = detail::column_number(table, column, path);
    detail::require<value_error>(std::find(numbers.begin(), numbers.end(), number) == numbers.end(), path, ": column ",
                                 number, " is listed twice");
    numbers.push_back(number);
  }
  detail::parted_columns columns(table, numbers, path);
  return {std::move(columns.others), {}, 0, std::filesystem::path(path).stem().string(), std::move(columns.listed)};
}

inline void save_csv(const dataset& data, const std::string& path, char separator) {
  validate(data);
  csv_table table;
  for (index_t i = 0; i < data.features(); ++i) table.names.push_back(detail::text('x', i));
  for (index_t i = 0; i < data.targets.rows(); ++i) table.names.push_back(detail::text('y', i));
  if (data.classes > 0) table.names.push_back("label");
  table.values.resize(data.samples(), static_cast<index_t>(table.names.size()));
  table.values.leftCols(data.features()) = data.inputs.transpose();
  if (data.targets.size() > 0) table.values.rightCols(data.targets.rows()) = data.targets.transpose();
  for (std::size_t i = 0; i < data.labels.size(); ++i)
    table.values(static_cast<index_t>(i), data.features()) = static_cast<float>(data.labels[i]);
  save_csv(table, path, separator);
}

}  // namespace pare
