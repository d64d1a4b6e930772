// Batch 1, where all weights come from the second-level cache.
#pragma once

#include "problems.hpp"

namespace bench {

inline void from_cache(const settings& how, report& into) {
  const dense_matrix w = random_matrix(512, 1024, 1);
  const Eigen::MatrixXf x = random_matrix(1024, 1, 2);
  contest all("batch 1 from cache", how, into);
  const bounds limits{add_cache(all), add_products(all).narrow};
  const entry four = all.add("4 bits, groups of 32",
                             quantized_job("4 bits, groups of 32", w, x, grouped(4, 32), {.least_bytes = 0}), limits);
  all.run(64);
  all.of_bandwidth(four, 0.5);
}

}  // namespace bench
