// Two threads.
#pragma once

#include <thread>

#include <pare/parallel/thread_pool.hpp>

#include "problems.hpp"

namespace bench {

inline void with_two_threads(const settings& how, report& into) {
  const dense_matrix w = random_matrix(large, large, 1);
  const Eigen::MatrixXf x = random_matrix(large, 1, 2), x128 = random_matrix(large, 128, 2);
  pare::thread_pool two(2);
  contest all("two threads", how, into);
  const std::string why = std::thread::hardware_concurrency() < 2 ? "this machine has one processor" : "";
  const auto on_two = [&](job what) {
    what.missing = why;
    return what;
  };
  const std::vector<entry> memory = add_reads(all, "memory bandwidth by 2 threads", std::size_t{320} << 20, &two, why);
  const entry peak_1 = all.add("products of 4-bit codes", peak_job<product_probe<false>>());
  const entry peak_2 = all.add("products of 4-bit codes by 2 threads", on_two(peak_job<product_probe<false>>(&two)));
  const auto add = [&](const std::string& name, const Eigen::MatrixXf& inputs, pare::executor* threads,
                       const bounds& of) {
    job what = quantized_job(name, w, inputs, grouped(4, 32), {.threads = threads});
    return all.add(name, threads == nullptr ? std::move(what) : on_two(std::move(what)), of);
  };
  const entry batch_1 = add("4 bits, batch 1, 2 threads", x, &two, {memory, peak_2});
  const entry one = add("4 bits, batch 128, 1 thread", x128, nullptr, {{}, peak_1});
  const entry both = add("4 bits, batch 128, 2 threads", x128, &two, {memory, peak_2});
  all.run();
  all.of_bandwidth(batch_1, 0.9);
  all.times_as_fast(both, one, 1.9);
}

}  // namespace bench
