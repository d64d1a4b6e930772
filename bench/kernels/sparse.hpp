// Matrices most of whose weights are zero.
#pragma once

#include <pare/prune/prune.hpp>

#include "problems.hpp"

namespace bench {

// What is wanted against Eigen and against our dense product; 0: nothing.
struct sparse_goals {
  double against_eigen;
  double against_dense;
};

inline void with_zeros(int percent, pare::index_t batch, const sparse_goals& goals, const settings& how, report& into) {
  dense_matrix w = random_matrix(large, large, 1);
  const Eigen::MatrixXf x = random_matrix(large, batch, 2);
  contest all(fmt::format("{} % zeros, batch {}", percent, batch), how, into);
  const std::vector<entry> memory = add_memory(all);
  const bounds bytes{memory, add_products(all).narrow}, floats{memory, add_multiply_adds(all)};
  const std::string dense_name = "4 bits, dense";
  const entry dense = all.add(dense_name, quantized_job(dense_name, w, x, grouped(4, 32)), bytes);
  prune(w, pare::sparsity{percent / 100.0});
  const auto add = [&](const std::string& name, pare::encoding as) {
    return all.add(name, quantized_job(name, w, x, grouped(4, large), {.as = as}), bytes);
  };
  add("4 bits, bitmap", pare::encoding::bitmap);
  const entry sparse = add("4 bits, sparse", pare::encoding::sparse);
  const entry very_sparse = add("4 bits, very sparse", pare::encoding::very_sparse);
  const std::string name = "f32, sparse";
  const entry eigen = all.add(name, checked(name, eigen_sparse_product(w, x), x), floats);
  all.add(name, checked(name, xnnpack_sparse_product(w, x), x), floats);
  all.run();
  const entry best = percent >= 98 ? very_sparse : sparse;
  if (goals.against_eigen > 0) all.times_as_fast(best, eigen, goals.against_eigen);
  if (goals.against_dense > 0) all.times_as_fast(best, dense, goals.against_dense);
}

inline void with_zeros(const settings& how, report& into) {
  with_zeros(80, 1, {7, 0}, how, into);
  with_zeros(90, 1, {7, 1.6}, how, into);
  with_zeros(95, 1, {5, 0}, how, into);
  with_zeros(99, 1, {3, 0}, how, into);
  with_zeros(90, 32, {0, 1.3}, how, into);
}

}  // namespace bench
