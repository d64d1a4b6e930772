// What a caller or a file can get wrong, as exceptions whose message names the value, the limit and the place.
#pragma once

#include <concepts>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace pare {

// Base of everything the library throws on purpose.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Extents that do not fit together.
class shape_error : public error {
 public:
  using error::error;
};

// A number outside its range: an option, a weight that is not finite, a label.
class value_error : public error {
 public:
  using error::error;
};

// Bytes that are not what their format promises.
class format_error : public error {
 public:
  using error::error;
};

// The operating system said no.
class io_error : public error {
 public:
  using error::error;
};

namespace detail {

inline void append(std::string& out, std::string_view piece) { out += piece; }
inline void append(std::string& out, const char* piece) { out += piece; }
inline void append(std::string& out, const std::string& piece) { out += piece; }
inline void append(std::string& out, char piece) { out += piece; }

template <std::integral Integer>
void append(std::string& out, Integer piece) {
  out += std::to_string(piece);
}

template <std::floating_point Float>
void append(std::string& out, Float piece) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(piece));
  out += digits;
}

// Joins strings and numbers into one message.
template <class... Pieces>
std::string text(const Pieces&... pieces) {
  std::string out;
  (append(out, pieces), ...);
  return out;
}

// Throws Error with the joined pieces unless `condition` holds. The message is built only on failure.
template <class Error, class... Pieces>
constexpr void require(bool condition, const Pieces&... pieces) {
  if (!condition) throw Error(text(pieces...));
}

}  // namespace detail
}  // namespace pare
