// What a weight costs in a coded file, roughly: to rank weights by what they give for each bit.
#pragma once

#include <cmath>
#include <vector>

#include <pare/prune/mask.hpp>
#include <pare/train/parameters.hpp>

namespace pare::detail {

// Divides scores [outputs, inputs] by the bits of each weight of a layer, were it kept: with r of the n kept weights in
// its row and c in its column, itself included, independent rows and columns expect d = r c / n there, which makes its
// address cost log2(1 + 1 / d); a sign and a magnitude of few levels cost about 2 more. O(weights).
template <std::same_as<mask> Mask, std::same_as<row_major_matrix> Scores>
void divide_by_coded_bits(const Mask& kept, Scores& scores) {
  constexpr float value_bits = 2.0f;
  std::vector<index_t> in_row(static_cast<std::size_t>(kept.rows())), in_col(static_cast<std::size_t>(kept.cols()));
  for (index_t row = 0; row < kept.rows(); ++row)
    for (index_t col = 0; col < kept.cols(); ++col) {
      in_row[static_cast<std::size_t>(row)] += kept.test(row, col);
      in_col[static_cast<std::size_t>(col)] += kept.test(row, col);
    }
  const index_t count = kept.count();
  for (index_t row = 0; row < kept.rows(); ++row)
    for (index_t col = 0; col < kept.cols(); ++col) {
      const index_t itself = kept.test(row, col) ? 0 : 1;
      const auto r = static_cast<float>(in_row[static_cast<std::size_t>(row)] + itself);
      const auto c = static_cast<float>(in_col[static_cast<std::size_t>(col)] + itself);
      scores(row, col) /= value_bits + std::log2(1.0f + static_cast<float>(count + itself) / (r * c));
    }
}

}  // namespace pare::detail
