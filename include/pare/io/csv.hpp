// Tables of comma-separated numbers. Opt-in, but needs nothing beyond the library; csv_dataset.hpp makes data sets.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <pare/io/atomic_file.hpp>
#include <pare/io/csv_fields.hpp>
#include <pare/io/mapped_file.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

enum class csv_header {
  detect,  // the first line is one unless all of its fields are numbers
  present,
  absent,
};

struct csv_options {
  char separator = '\0';  // 0: the first of tab, semicolon and comma that the first line has
  csv_header header = csv_header::detect;
};

struct csv_table {
  std::vector<std::string> names;  // of the columns; empty without a header
  row_major_matrix values;         // [lines, columns]
};

// The numbers of a file. Fields may stand in double quotes and have spaces around them; lines end in \n or \r\n, and
// empty ones are skipped. Numbers have a decimal point whatever the locale. Throws io_error for a file that cannot be
// read; format_error naming line and field, from 1, for a field that is not a number finite in float, a line with
// another number of fields than the first, more than a million fields, or no line at all; value_error for a separator
// that is not one of , ; | and tab.
csv_table read_csv(const std::string& file, const csv_options& options = {});

// Writes the shortest digits that read_csv turns into the same bits. The file appears whole or not at all. Throws
// io_error; shape_error for an empty table and unless there is a name for each column or none at all; value_error for a
// number that is not finite, a name that holds the end of a line, a separator as above.
void save_csv(const csv_table& table, const std::string& file, char separator = ',');

namespace detail {

inline constexpr std::size_t max_csv_columns = 1'000'000;  // a hostile file could have one per byte

inline void require_separator(char separator) {
  require<value_error>(std::string_view(",;|\t").find(separator) != std::string_view::npos, "separator is '",
                       std::string_view(&separator, 1), "', must be one of , ; | and tab");
}

inline char detect_separator(std::string_view line) {
  for (const char separator : {'\t', ';'}) {
    bool quoted = false;
    for (const char c : line) {
      quoted ^= c == '"';
      if (c == separator && !quoted) return separator;
    }
  }
  return ',';
}

// Calls visit(field, number from 1) for the fields of a line.
template <class Visit>
void for_each_field(const csv_line& line, char separator, const std::string& file, Visit&& visit) {
  const char* at = line.text.data();
  const char* const end = at + line.text.size();
  for (std::uint64_t number = 1;; ++number) {
    const csv_field field = read_field(at, end, separator, {file, line.number, number});
    visit(field, number);
    if (field.end == end) return;
    at = field.end + 1;
  }
}

// Reads the fields of one line into out[0, columns).
inline void read_numbers(const csv_line& line, char separator, const std::string& file, index_t columns, float* out) {
  const char* at = line.text.data();
  const char* const end = at + line.text.size();
  for (index_t column = 0;; ++column) {
    const csv_place place{file, line.number, static_cast<std::uint64_t>(column) + 1};
    if (column == columns) throw format_error(place.text() + text("the first line has only ", columns, " fields"));
    const auto plain = std::from_chars(at, end, out[column]);  // nearly always
    const bool whole = plain.ec == std::errc() && (plain.ptr == end || *plain.ptr == separator);
    if (whole && is_finite(out[column])) {
      at = plain.ptr;
    } else {
      const csv_field field = read_field(at, end, separator, place);
      if (!parse_number(field.text, out[column]))
        throw format_error(place.text() + text('"', field.text.substr(0, 40), "\" is not a number finite in float"));
      at = field.end;
    }
    if (at == end) {
      if (column + 1 == columns) return;
      throw format_error(place.text() + text("the line ends, the first has ", columns, " fields"));
    }
    ++at;
  }
}

// The fields of the first line, as names if they are a header.
struct csv_first_line {
  csv_first_line(const csv_line& line, char separator, csv_header header, const std::string& file) {
    bool numbers = true;
    for_each_field(line, separator, file, [&](const csv_field& field, std::uint64_t number) {
      if (number > max_csv_columns)
        throw format_error(csv_place{file, line.number, number}.text() + "a line may have a million fields");
      float value = 0;
      numbers = numbers && parse_number(field.text, value);
      names.push_back(field.unescaped());
    });
    columns = static_cast<index_t>(names.size());
    is_header = header == csv_header::present || (header == csv_header::detect && !numbers);
    if (!is_header) names.clear();
  }

  std::vector<std::string> names;
  index_t columns = 0;
  bool is_header = false;
};

inline index_t count_lines(csv_lines lines) {
  index_t count = 0;
  for (csv_line line; lines.next(line);) ++count;
  return count;
}

inline void append_name(std::string& out, const std::string& name, char separator) {
  require<value_error>(name.find_first_of("\r\n") == name.npos, "the name \"", name, "\" holds the end of a line");
  out += '"';
  for (const char c : name) out.append(c == '"' ? 2 : 1, c);
  out += '"';
  out += separator;
}

// A whole line of numbers.
inline void append_numbers(std::string& out, std::span<const float> values, char separator) {
  for (const float value : values) {
    char digits[32];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    out += separator;
  }
  out.back() = '\n';
}

}  // namespace detail

inline csv_table read_csv(const std::string& file, const csv_options& options) {
  if (options.separator != '\0') detail::require_separator(options.separator);
  const detail::mapped_file mapped(file);
  const std::string_view content(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
  detail::csv_lines lines(content);
  detail::csv_line line;
  detail::require<format_error>(lines.next(line), file, ": has no line that is not empty");
  const char separator = options.separator == '\0' ? detail::detect_separator(line.text) : options.separator;
  detail::csv_first_line first(line, separator, options.header, file);
  if (!first.is_header) lines = detail::csv_lines(content);

  // A number takes two bytes with what is behind it, which only the last may lack: more lines than are possible do not
  // all have their numbers, and the first that has not is an error. So memory follows the size of the file.
  const index_t possible = static_cast<index_t>(content.size() + 1) / 2 / first.columns;
  csv_table table{std::move(first.names), {}};
  table.values.resize(std::min(detail::count_lines(lines), possible + 1), first.columns);
  for (float* row = table.values.data(); lines.next(line); row += first.columns)
    detail::read_numbers(line, separator, file, first.columns, row);
  return table;
}

inline void save_csv(const csv_table& table, const std::string& path, char separator) {
  const auto& values = table.values;
  detail::require_separator(separator);
  detail::require<shape_error>(values.size() > 0, "the table is [", values.rows(), ", ", values.cols(),
                               "], must not be empty");
  detail::require<shape_error>(table.names.empty() || static_cast<index_t>(table.names.size()) == values.cols(),
                               "the table has ", values.cols(), " columns but ", table.names.size(), " names");
  detail::require_finite(as_matrix(values), "values");
  constexpr std::size_t chunk = 1 << 16;
  std::string text;
  for (const std::string& name : table.names) detail::append_name(text, name, separator);
  if (!table.names.empty()) text.back() = '\n';
  detail::atomic_file file(path);
  for (index_t row = 0; row < values.rows(); ++row) {
    const std::span<const float> line(values.data() + row * values.cols(), static_cast<std::size_t>(values.cols()));
    detail::append_numbers(text, line, separator);
    if (text.size() < chunk && row + 1 < values.rows()) continue;
    file.write(std::as_bytes(std::span(text)));
    text.clear();
  }
  file.commit();
}

}  // namespace pare
