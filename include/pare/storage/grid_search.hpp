// Finds out how wide an image is whose pixels are the columns of a matrix.
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include <pare/storage/matrix_coder.hpp>

namespace pare::detail {

// At most two widths, the likeliest first: the distances at which the numbers of nonzeros of two columns go along more
// than at the next smaller and larger distance. Of at most 512 distances.
template <std::same_as<code_matrix> Matrix>
std::vector<index_t> likely_grids(const Matrix& m) {
  std::vector<std::int64_t> nonzeros(static_cast<std::size_t>(m.cols));
  std::int64_t mean = 0;
  for (std::size_t i = 0; i < m.codes.size(); ++i)
    if (m.codes[i] != m.zero) ++nonzeros[i % nonzeros.size()], ++mean;
  mean /= m.cols;
  const index_t most = std::min<index_t>(m.cols / 2, 512);
  std::vector<std::int64_t> products;  // mean product of two columns at distances 2, 3, .. most + 1
  for (index_t distance = least_grid - 1; distance <= most + 1; ++distance) {
    std::int64_t sum = 0;
    for (std::size_t i = static_cast<std::size_t>(distance); i < nonzeros.size(); ++i)
      sum += (nonzeros[i] - mean) * (nonzeros[i - static_cast<std::size_t>(distance)] - mean);
    products.push_back(64 * sum / std::max<index_t>(1, m.cols - distance));
  }
  std::vector<index_t> peaks;
  const auto product = [&](index_t distance) { return products[static_cast<std::size_t>(distance - least_grid + 1)]; };
  for (index_t distance = least_grid; distance <= most; ++distance)
    if (product(distance) > 0 && product(distance) > product(distance - 1) &&
        product(distance) >= product(distance + 1))
      peaks.push_back(distance);
  std::stable_sort(peaks.begin(), peaks.end(), [&](index_t a, index_t b) { return product(a) > product(b); });
  peaks.resize(std::min<std::size_t>(peaks.size(), 2));
  return peaks;
}

}  // namespace pare::detail
