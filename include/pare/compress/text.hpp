// What tables of results are written with.
#pragma once

#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

namespace pare::detail {

// As printf, up to 255 characters.
template <class... Values>
std::string formatted(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// 10 log10(1 / error).
inline double decibel(double error) {
  return error > 0 ? -10 * std::log10(error) : std::numeric_limits<double>::infinity();
}

}  // namespace pare::detail
