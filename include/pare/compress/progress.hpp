// What is told while networks are compressed.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <pare/tensor/error.hpp>

namespace pare {

// Called after each of `all` pieces of work.
using step_progress = std::function<void(std::size_t done, std::size_t all)>;

// One step of several; their number depends on the network.
struct compress_progress {
  std::string step;
  std::size_t done = 0, all = 0;  // pieces of work of this step
};

// Called now and then; false stops the work with `cancelled`.
using compress_callback = std::function<bool(const compress_progress&)>;

// The caller's function said no.
class cancelled : public error {
 public:
  using error::error;
};

namespace detail {

inline void tell(const compress_callback& callback, const std::string& step, std::size_t done, std::size_t all) {
  if (callback && !callback({step, done, all})) throw cancelled("compression was cancelled while " + step);
}

}  // namespace detail
}  // namespace pare
