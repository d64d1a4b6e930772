// Batch 1, where all weights come from memory.
#pragma once

#include "problems.hpp"

namespace bench {

// Every number of bits in groups of one size, against the bandwidth of the memory.
inline void formats_from_memory(pare::index_t group_size, const settings& how, report& into) {
  const dense_matrix w = random_matrix(large, large, 1);
  const Eigen::MatrixXf x = random_matrix(large, 1, 2);
  contest all(fmt::format("batch 1, groups of {}", group_size), how, into);
  const std::vector<entry> memory = add_memory(all);
  const product_peaks products = add_products(all);
  std::vector<entry> entries;
  for (const int bits : {2, 3, 4, 5, 6, 8})
    for (const auto& [name, scheme] :
         {std::pair("symmetric", pare::scheme::symmetric), std::pair("two-level", pare::scheme::two_level)}) {
      const std::string title = fmt::format("{} bits, {}", bits, name);
      entries.push_back(
          all.add(title, quantized_job(title, w, x, grouped(bits, group_size, scheme)), {memory, products.of(bits)}));
    }
  all.run();
  for (const entry each : entries) all.of_bandwidth(each, 0.9);
}

inline void peers_from_memory(const settings& how, report& into) {
  const dense_matrix w = random_matrix(large, large, 1);
  const Eigen::MatrixXf x = random_matrix(large, 1, 2);
  contest all("batch 1, beside peers", how, into);
  const std::vector<entry> memory = add_memory(all);
  const entry multiply_adds = add_multiply_adds(all);
  const product_peaks products = add_products(all);
  const auto quantized = [&](const std::string& name, int bits, pare::precision inputs) {
    const entry peak = inputs == pare::precision::int8 ? products.of(bits) : multiply_adds;
    return all.add(name, quantized_job(name, w, x, grouped(bits, 32), {.inputs = inputs}), {memory, peak});
  };
  const entry eight = quantized("8 bits", 8, pare::precision::int8);
  const entry four = quantized("4 bits", 4, pare::precision::int8);
  const entry with_floats = quantized("4 bits, float inputs", 4, pare::precision::float32);
  add_float_products(all, w, x, {memory, multiply_adds});
  const dense_peers peers = add_dense_peers(all, w, x, {memory, multiply_adds}, {memory, products.narrow});
  all.run();
  all.times_as_fast(eight, peers.onednn_int8, 1);
  all.times_as_fast(four, peers.onednn_int8, 1.6);
  all.times_as_fast(four, peers.eigen, 7);
  all.times_as_fast(with_floats, peers.eigen, 4);
}

inline void from_memory(const settings& how, report& into) {
  formats_from_memory(32, how, into);
  formats_from_memory(128, how, into);
  peers_from_memory(how, into);
}

}  // namespace bench
