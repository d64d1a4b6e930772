// What results are written with, the same in every locale.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdio>
#include <limits>
#include <string>

namespace pare::detail {

// With so many digits behind the point.
inline std::string fixed(double value, int digits) {
  char text[400];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, digits).ptr};
}

// With so many digits in all, and no zeros at the end.
inline std::string significant(double value, int digits) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits).ptr};
}

// What printf takes: integers and text. Its floats depend on the locale.
template <std::integral Value>
Value printable(Value value) {
  return value;
}
inline const char* printable(const char* text) { return text; }
inline const char* printable(const std::string& text) { return text.c_str(); }

// As printf, up to 255 characters.
template <class... Values>
std::string formatted(const char* format, const Values&... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, printable(values)...);
  return text;
}

// 10 log10(1 / error).
inline double decibel(double error) {
  return error > 0 ? -10 * std::log10(error) : std::numeric_limits<double>::infinity();
}

}  // namespace pare::detail
