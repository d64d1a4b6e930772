// An open file of the operating system, closed when it goes out of scope.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <pare/tensor/error.hpp>

namespace pare::detail {

// Throws io_error with what the operating system says about errno, unless `condition` holds.
inline void require_done(bool condition, const std::string& path, std::string_view what) {
  if (condition) return;
  const int code = errno;
  throw io_error(text(path, ": ", what, ": ", std::generic_category().message(code)));
}

class file_descriptor {
 public:
  // -1 where it cannot be opened; errno says why.
  file_descriptor(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~file_descriptor() { close(); }

  explicit operator bool() const noexcept { return number_ >= 0; }
  int number() const noexcept { return number_; }

  // False if the operating system could not keep what was written.
  bool close() noexcept { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

}  // namespace pare::detail
