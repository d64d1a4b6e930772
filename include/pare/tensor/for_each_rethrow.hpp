// for_each_rethrow: tasks that may throw, which those of an executor must not.
#pragma once

#include <exception>
#include <vector>

#include <pare/tensor/executor.hpp>

namespace pare::detail {

// threads.for_each, and then what the first of the tasks threw that did.
template <class Task>
void for_each_rethrow(executor& threads, int count, Task&& task) {
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(count));
  const auto run = [&](int i) {
    try {
      task(i);
    } catch (...) {
      thrown[static_cast<std::size_t>(i)] = std::current_exception();
    }
  };
  threads.for_each(count, run);
  for (const std::exception_ptr& e : thrown)
    if (e) std::rethrow_exception(e);
}

}  // namespace pare::detail
