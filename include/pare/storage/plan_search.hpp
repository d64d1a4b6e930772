// How a matrix is coded best, found by trying.
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include <pare/storage/grid_search.hpp>

namespace pare::detail {

// The plan that gives the fewest bytes for the first rows of a matrix: some 2^18 cells, so that it takes no longer than
// a few codings of those. Levels of large matrices that are not sparse would take too long to decode.
template <std::same_as<code_matrix> Matrix>
matrix_plan choose_plan(Matrix m) {
  constexpr index_t cells = 1 << 18;
  const bool large = m.rows > cells / m.cols;
  if (large) {
    m.rows = std::max<index_t>(1, cells / m.cols);
    m.codes = m.codes.first(static_cast<std::size_t>(m.rows * m.cols));
  }
  const auto zeros = std::count(m.codes.begin(), m.codes.end(), m.zero);
  matrix_plan best;
  if (m.bits == 1 || (large && zeros < m.rows * m.cols / 4 * 3)) return best;
  std::size_t least = ~std::size_t{0};
  const auto consider = [&](const matrix_plan& plan) {
    range_encoder scratch;
    code_by_plan(scratch, m, plan);
    const std::size_t bytes = std::move(scratch).finish().size();
    if (bytes < least) least = bytes, best = plan;
  };
  std::vector<index_t> grids = likely_grids(m);
  grids.push_back(0);
  consider({});
  for (const index_t grid : grids) {
    consider({true, {false, grid}});
    if (!large) consider({true, {true, grid}});
  }
  return best;
}

}  // namespace pare::detail
