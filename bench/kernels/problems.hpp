// The matrices that are multiplied, the formats in which, and the peers that do it too.
#pragma once

#include "../exact.hpp"
#include "../ours.hpp"
#include "../peers/eigen.hpp"
#include "../peers/onednn.hpp"
#include "../peers/openblas.hpp"
#include "../peers/xnnpack.hpp"
#include "probes.hpp"

namespace bench {

inline constexpr pare::index_t large = 4096;  // rows and columns of a matrix that has to come from memory

// Uniform in [-1, 1].
inline Eigen::MatrixXf random_matrix(pare::index_t rows, pare::index_t cols, unsigned seed) {
  std::srand(seed);
  return Eigen::MatrixXf::Random(rows, cols);
}

// Rounded the quick way: what the weights are does not matter to the speed.
inline pare::quantize_options grouped(int bits, pare::index_t group_size,
                                      pare::scheme scheme = pare::scheme::symmetric) {
  return {.bits = bits, .scheme = scheme, .group_size = group_size, .range = pare::range::min_max};
}

inline job quantized_job(const std::string& name, const dense_matrix& w, const Eigen::MatrixXf& x,
                         const pare::quantize_options& options, const packed_options& how = {}) {
  return checked(name, quantized_product(quantize_codes(w, options), x, how), x);
}

// Adds our products with weights that are floats.
inline void add_float_products(contest& all, const dense_matrix& w, const Eigen::MatrixXf& x, const bounds& of) {
  for (const auto& [name, as] :
       {std::pair("f32", pare::float_format::float32), std::pair("bf16", pare::float_format::bfloat16)})
    all.add(name, checked(name, float_product(w, x, as), x), of);
}

// The peers that goals speak of.
struct dense_peers {
  entry eigen;
  entry onednn_int8;
};

// Everything that peers do with a dense matrix.
inline dense_peers add_dense_peers(contest& all, const dense_matrix& w, const Eigen::MatrixXf& x, const bounds& floats,
                                   const bounds& bytes) {
  const auto add = [&](const std::string& name, const product& what, const bounds& of) {
    return all.add(name, checked(name, what, x), of);
  };
  const entry eigen = add("f32", eigen_dense_product(w, x), floats);
  add("f32", openblas_product(w, x), floats);
  add("f32", onednn_product(w, x), floats);
  add("bf16", onednn_bf16_product(w, x), {.bandwidth = floats.bandwidth});
  const entry int8 = add("u8 s8", onednn_int8_product(w, x), bytes);
  add("f32", xnnpack_product(w, x), floats);
  add("qs8", xnnpack_int8_product(w, x), bytes);
  return {eigen, int8};
}

}  // namespace bench
