// Batches, where what the machine computes in a second is the limit.
#pragma once

#include "problems.hpp"

namespace bench {

inline void with_batch(pare::index_t batch, const settings& how, report& into) {
  const dense_matrix w = random_matrix(large, large, 1);
  const Eigen::MatrixXf x = random_matrix(large, batch, 2);
  contest all(fmt::format("batch {}", batch), how, into);
  const std::vector<entry> memory = add_memory(all);
  const entry multiply_adds = add_multiply_adds(all);
  const product_peaks products = add_products(all);
  std::vector<entry> entries;
  std::vector<double> fractions;
  for (const int bits : {4, 8})
    for (const pare::index_t group : {pare::index_t{32}, large}) {
      const std::string name = fmt::format("{} bits, {}", bits, group == large ? "per row" : "groups of 32");
      entries.push_back(all.add(name, quantized_job(name, w, x, grouped(bits, group)), {memory, products.of(bits)}));
      fractions.push_back(group == large ? 0.85 : 0.75);
    }
  const std::string name = "4 bits, float inputs";
  const entry with_floats = all.add(
      name, quantized_job(name, w, x, grouped(4, 32), {.inputs = pare::precision::float32}), {memory, multiply_adds});
  add_float_products(all, w, x, {memory, multiply_adds});
  const dense_peers peers = add_dense_peers(all, w, x, {memory, multiply_adds}, {memory, products.narrow});
  all.run();
  for (std::size_t i = 0; i < entries.size(); ++i) all.of_peak(entries[i], fractions[i]);
  if (batch < 128) return;
  for (const entry each : entries) all.times_as_fast(each, peers.onednn_int8, 0.95);
  all.of_peak(with_floats, 0.8);
}

inline void with_batches(const settings& how, report& into) {
  for (const pare::index_t batch : {8, 32, 128}) with_batch(batch, how, into);
}

}  // namespace bench
