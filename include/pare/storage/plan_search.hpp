// How a matrix is coded best, found by trying.
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include <pare/storage/grid_search.hpp>

namespace pare::detail {

// The plan that gives the fewest bytes for the first rows of a matrix: some 2^18 cells, so that it takes no longer than
// a few codings of those. Levels take longer to decode than plain codes: they have to save a hundredth of the bytes,
// and are not tried on large matrices that are not sparse.
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
  const auto bytes_by = [&m](const matrix_plan& plan) {
    range_encoder scratch;
    code_by_plan(scratch, m, plan);
    return std::move(scratch).finish().size();
  };
  std::size_t least = bytes_by(best);
  least -= least / 100;
  const auto consider = [&](const matrix_plan& plan) {
    const std::size_t bytes = bytes_by(plan);
    if (bytes < least) least = bytes, best = plan;
  };
  std::vector<index_t> grids = likely_grids(m);
  grids.push_back(0);
  for (const index_t grid : grids) {
    consider({true, {false, grid}});
    if (!large) consider({true, {true, grid}});
  }
  return best;
}

}  // namespace pare::detail
