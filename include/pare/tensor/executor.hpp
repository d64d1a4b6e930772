// The interface through which work is split over threads: a multiply's panels, a batch's samples, a trainer's shards,
// the rows of a matrix.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>

namespace pare {

// A reference to a callable taking the number of a task. Lives no longer than the callable; allocates nothing.
class task_ref {
 public:
  template <class Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, task_ref>) task_ref(Function&& function)
  noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
        call_([](void* object, int task) { (*static_cast<std::remove_reference_t<Function>*>(object))(task); }) {}

  void operator()(int task) const { call_(object_, task); }

 private:
  void* object_;
  void (*call_)(void*, int);
};

// Runs numbered tasks. Derive from it to lend the library a pool of your own; thread_pool is the one that comes along.
// Tasks neither throw nor wait for one another, and results never depend on how many threads there are.
class executor {
 public:
  virtual ~executor() = default;

  // How many tasks may run side by side, at least 1: work is cut into about as many pieces.
  virtual int threads() const noexcept = 0;

  // Calls task(i) once for each i in [0, count), in any order, on any thread, and returns when all have returned.
  virtual void for_each(int count, task_ref task) = 0;
};

// Everything on the calling thread.
class serial_executor final : public executor {
 public:
  int threads() const noexcept override { return 1; }
  void for_each(int count, task_ref task) override {
    for (int i = 0; i < count; ++i) task(i);
  }
};

namespace detail {

// Calls work(begin, end) for ranges of nearly the same size that cover [0, count), one for each thread; for all of it
// at once without an executor.
template <class Work>
void for_each_range(executor* threads, std::ptrdiff_t count, Work&& work) {
  if (threads == nullptr) return work(std::ptrdiff_t{0}, count);
  const std::ptrdiff_t parts = std::min<std::ptrdiff_t>(threads->threads(), count);
  if (parts <= 1) return work(std::ptrdiff_t{0}, count);
  threads->for_each(static_cast<int>(parts), [&](int task) { work(count * task / parts, count * (task + 1) / parts); });
}

}  // namespace detail
}  // namespace pare
