// The executor that comes along: a fixed set of threads (Eigen's non-blocking pool), started once and reused.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>

// Before Eigen's pool: it needs the standard headers that Core brings.
#include <Eigen/Core>

#include <unsupported/Eigen/CXX11/ThreadPool>

#include <pare/tensor/error.hpp>
#include <pare/tensor/executor.hpp>

namespace pare {

// `threads` counts the calling thread, which takes its share of the tasks. for_each may be called from several threads,
// but not from inside a task. A template so that it is compiled only where it is used.
template <class Pool>
class basic_thread_pool final : public executor {
 public:
  // Throws value_error unless 1 <= threads <= 1024.
  explicit basic_thread_pool(int threads) : threads_(checked(threads)), pool_(threads - 1) {}

  int threads() const noexcept override { return threads_; }

  void for_each(int count, task_ref task) override {
    const int helpers = std::min(threads_, count) - 1;
    if (helpers <= 0) {
      for (int i = 0; i < count; ++i) task(i);
      return;
    }
    job shared{task, count, helpers};
    for (int i = 0; i < helpers; ++i)
      pool_.Schedule([&shared] {
        shared.work();
        shared.helpers_left.fetch_sub(1, std::memory_order_release);
      });
    shared.work();
    while (shared.helpers_left.load(std::memory_order_acquire) != 0) std::this_thread::yield();
  }

 private:
  struct job {
    task_ref task;
    int count;
    std::atomic<int> helpers_left;
    std::atomic<int> next{0};

    void work() {
      for (int i = next.fetch_add(1, std::memory_order_relaxed); i < count;
           i = next.fetch_add(1, std::memory_order_relaxed))
        task(i);
    }
  };

  static int checked(int threads) {
    detail::require<value_error>(threads >= 1 && threads <= 1024, "threads is ", threads, ", must be 1 to 1024");
    return threads;
  }

  int threads_;
  Pool pool_;
};

using thread_pool = basic_thread_pool<Eigen::ThreadPool>;

}  // namespace pare
