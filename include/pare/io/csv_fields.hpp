// The lines and fields of a text of separated values.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include <pare/tensor/error.hpp>
#include <pare/tensor/finite.hpp>

namespace pare::detail {

struct csv_line {
  std::string_view text;     // without its end
  std::uint64_t number = 0;  // from 1, empty lines counted
};

// The lines in their order, empty ones left out; they end in \n or \r\n.
class csv_lines {
 public:
  explicit csv_lines(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // the byte order mark of UTF-8
  }

  // False behind the last line.
  bool next(csv_line& line) {
    while (!rest_.empty()) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      std::string_view text = rest_.substr(0, end);
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
      ++number_;
      if (text.ends_with('\r')) text.remove_suffix(1);
      if (text.find_first_not_of(' ') == text.npos) continue;
      line = {text, number_};
      return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
  std::uint64_t number_ = 0;
};

// Names a place in messages: the file, and the line and the field counted from 1.
struct csv_place {
  const std::string& file;
  std::uint64_t line;
  std::uint64_t field;

  std::string text() const { return detail::text(file, ": line ", line, ", field ", field, ": "); }
};

// What stands between two separators: without spaces around it, or what is between its quotes, where "" is a quote.
struct csv_field {
  std::string_view text;
  const char* end;  // of the field in its line: a separator, or the end of the line
  bool quoted;

  std::string unescaped() const {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
      result += text[i];
      if (quoted && text[i] == '"') ++i;
    }
    return result;
  }
};

// The field that begins at `begin` of a line that ends at `end`. Throws format_error for a quote that is not closed in
// its line, or has something behind it.
inline csv_field read_field(const char* begin, const char* end, char separator, const csv_place& place) {
  const auto blank = [separator](char c) { return c == ' ' || (c == '\t' && separator != '\t'); };
  while (begin != end && blank(*begin)) ++begin;
  if (begin == end || *begin != '"') {
    const char* const stop = std::find(begin, end, separator);
    const char* last = stop;
    while (last != begin && blank(last[-1])) --last;
    return {{begin, last}, stop, false};
  }
  const char* quote = ++begin;
  for (;; quote += 2) {
    quote = std::find(quote, end, '"');
    if (quote == end) throw format_error(place.text() + "a quote is not closed");
    if (quote + 1 == end || quote[1] != '"') break;
  }
  const char* stop = quote + 1;
  while (stop != end && blank(*stop)) ++stop;
  if (stop != end && *stop != separator) throw format_error(place.text() + "something stands behind a quote");
  return {{begin, quote}, stop, true};
}

// The number that is all of `text`. False if it is none, or not finite in float.
inline bool parse_number(std::string_view text, float& value) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  auto [stop, code] = std::from_chars(text.data(), end, value);
  if (code == std::errc::result_out_of_range) {  // too large, or so small that it rounds to 0
    double wide = 0;
    code = std::from_chars(text.data(), end, wide).ec;
    value = static_cast<float>(wide);
  }
  return code == std::errc() && stop == end && is_finite(value);
}

}  // namespace pare::detail
