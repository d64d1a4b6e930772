// Changing weights column by column, while the columns behind make up for it.
#pragma once

#include <pare/prune/float_matrix.hpp>
#include <pare/prune/inverse_factor.hpp>

namespace pare::detail {

// Weights [rows, cols] with their columns in the order of a factor, each one contiguous.
template <class T>
Eigen::MatrixXf visited_columns(const matrix_view<T>& w, const inverse_factor& factor) {
  require<shape_error>(w.cols() == factor.size(), "the weights have ", w.cols(), " columns, the inputs are ",
                       factor.size());
  Eigen::MatrixXf columns(w.rows(), w.cols());
  for_each_finite_row<float>(w, finite_in_float("weights"), [&](index_t row, std::span<const float> values) {
    for (index_t p = 0; p < w.cols(); ++p) columns(row, p) = values[static_cast<std::size_t>(factor.column(p))];
  });
  return columns;
}

// Columns that are changed before those behind them are corrected, all at once.
inline constexpr index_t compensated_block = 128;

// For each p in turn, choose(p, column) overwrites a column of the weights; what it changed is made up for by the
// columns behind. Before each block of columns, begin_block(begin, end) sees them as they are by then. Corrections
// reach columns beyond a block when it ends. O(rows · cols^2).
template <class BeginBlock, class Choose>
void compensate(Eigen::MatrixXf& columns, const inverse_factor& factor, index_t block, BeginBlock&& begin_block,
                Choose&& choose) {
  const row_major_matrix& ratios = factor.ratios();
  const index_t rows = columns.rows(), cols = columns.cols();
  Eigen::MatrixXf errors(rows, block);
  for (index_t begin = 0; begin < cols; begin += block) {
    const index_t size = std::min(block, cols - begin), end = begin + size;
    begin_block(begin, end);
    for (index_t i = 0; i < size; ++i) {
      const index_t p = begin + i, rest = size - i - 1;
      auto error = errors.col(i);
      error = columns.col(p);
      choose(p, columns.col(p));
      error -= columns.col(p);
      columns.middleCols(p + 1, rest).noalias() -= error * ratios.row(p).segment(p + 1, rest);
    }
    columns.rightCols(cols - end).noalias() -= errors.leftCols(size) * ratios.block(begin, end, size, cols - end);
  }
}

}  // namespace pare::detail
