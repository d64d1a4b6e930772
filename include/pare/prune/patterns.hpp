// Patterns: how many weights are kept and where, from a ranking to a mask. Of equals, the lowest index is kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <utility>
#include <vector>

#include <pare/prune/rank.hpp>

namespace pare {

// Removes this share of all weights, exactly: kept_count(size, value) remain.
struct sparsity {
  double value;
};

// Removes this share of each row: kept_count(cols, value) remain in it.
struct row_sparsity {
  double value;
};

// Removes what is less important than this, compared in the compute type of the ranking.
struct threshold {
  double value;
};

// Keeps n of each m consecutive columns of a row; of a shorter run at its end, n or as many as there are.
struct n_of_m {
  index_t n;
  index_t m;
};

// Removes this share of the blocks of rows × cols weights, by the sum of their importance; kept_count(blocks, sparsity)
// remain. Blocks are smaller at the lower and right edge.
struct blocks {
  index_t rows;
  index_t cols;
  double sparsity;
};

// round((1 - sparsity) * size), halves away from zero. Throws value_error unless 0 <= sparsity <= 1.
inline index_t kept_count(index_t size, double sparsity) {
  detail::require<value_error>(sparsity >= 0.0 && sparsity <= 1.0, "sparsity is ", sparsity, ", must be 0 to 1");
  return static_cast<index_t>(std::round((1.0 - sparsity) * static_cast<double>(size)));
}

// Masks of several tensors, ranked together: of all their weights, kept_count(total size, value) remain. Of equals,
// those of the first tensor are kept first. Throws value_error unless 0 <= value <= 1.
template <class Compute>
std::vector<mask> make_masks(const std::vector<importance<Compute>>& rankings, sparsity pattern);

// make_mask(ranking, pattern): the mask of the weights to keep, without touching any. O(size).
// All throw value_error for a pattern outside its range, named in the message.

// Throws unless 0 <= value <= 1.
template <class Compute>
mask make_mask(const importance<Compute>& ranking, sparsity pattern) {
  return std::move(make_masks(std::vector{ranking}, pattern).front());
}

// Throws unless value >= 0; infinity removes everything.
template <class Compute>
mask make_mask(const importance<Compute>& ranking, threshold pattern);

// Throws unless 0 <= n <= m and m >= 1.
template <class Compute>
mask make_mask(const importance<Compute>& ranking, n_of_m pattern);

// Throws unless 0 <= value <= 1.
template <class Compute>
mask make_mask(const importance<Compute>& ranking, row_sparsity pattern) {
  const index_t keep = kept_count(ranking.cols(), pattern.value);
  return make_mask(ranking, n_of_m{keep, std::max<index_t>(ranking.cols(), 1)});
}

// Sums are taken in double, row by row. Throws unless rows >= 1, cols >= 1 and 0 <= sparsity <= 1.
template <class Compute>
mask make_mask(const importance<Compute>& ranking, const blocks& pattern);

// What make_mask takes.
template <class P>
concept pruning_pattern = requires(const importance<float>& ranking, const P& pattern) {
  { make_mask(ranking, pattern) } -> std::same_as<mask>;
};

namespace detail {

// Which of up to 64 keys are the `keep` largest, by comparing each with each.
template <class Key>
mask::word_type largest_of_few(std::span<const Key> keys, index_t keep) {
  mask::word_type bits = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    index_t before = 0;
    for (std::size_t j = 0; j < i; ++j) before += keys[j] >= keys[i];
    for (std::size_t j = i + 1; j < keys.size(); ++j) before += keys[j] > keys[i];
    bits |= mask::word_type{before < keep} << i;
  }
  return bits;
}

// Keeps the `keep` largest of the keys of a row's columns from `col` on. `scratch` is for reuse.
template <class Key>
void keep_largest(std::span<const Key> keys, index_t keep, mask& kept, index_t row, index_t col,
                  std::vector<Key>& scratch) {
  constexpr std::size_t few = 16;
  if (keys.size() <= few) return kept.set_run(row, col, largest_of_few(keys, keep));
  scratch.assign(keys.begin(), keys.end());
  cut<Key> limit = select_largest_of(scratch, keep);
  for (key_block<Key> block{}; !keys.empty(); col += std::ssize(block)) {
    const auto next = keys.first(std::min(keys.size(), block.size()));
    std::fill(std::copy(next.begin(), next.end(), block.begin()), block.end(), Key{0});
    keep_above(block, limit, kept, row, col);
    keys = keys.subspan(next.size());
  }
}

// Rounded to the compute type; too large becomes infinite.
template <class Compute>
Compute to_compute(double value) {
  constexpr Compute infinity = std::numeric_limits<Compute>::infinity();
  return value > static_cast<double>(std::numeric_limits<Compute>::max()) ? infinity : static_cast<Compute>(value);
}

// How many pieces of `piece` cover `length`.
inline index_t pieces(index_t length, index_t piece) { return length / piece + (length % piece != 0); }

}  // namespace detail

template <class Compute>
std::vector<mask> make_masks(const std::vector<importance<Compute>>& rankings, sparsity pattern) {
  index_t size = 0;
  for (const auto& ranking : rankings) size += ranking.size();
  return detail::masks_of_largest(rankings, size, kept_count(size, pattern.value));
}

template <class Compute>
mask make_mask(const importance<Compute>& ranking, threshold pattern) {
  detail::require<value_error>(pattern.value >= 0.0, "threshold is ", pattern.value, ", must be at least 0");
  cut<order_key_t<Compute>> limit{order_key(detail::to_compute<Compute>(pattern.value)),
                                  std::numeric_limits<index_t>::max()};
  return detail::mask_above(ranking, limit);
}

template <class Compute>
mask make_mask(const importance<Compute>& ranking, n_of_m pattern) {
  detail::require<value_error>(pattern.m >= 1, "m of n_of_m is ", pattern.m, ", must be at least 1");
  detail::require<value_error>(pattern.n >= 0 && pattern.n <= pattern.m, "n of n_of_m is ", pattern.n,
                               ", must be 0 to m = ", pattern.m);
  mask kept(ranking.rows(), ranking.cols());
  std::vector<order_key_t<Compute>> scratch, keys(static_cast<std::size_t>(ranking.cols()));
  ranking.for_each_row([&](index_t row, std::span<const Compute> values) {
    std::transform(values.begin(), values.end(), keys.begin(), [](Compute value) { return order_key(value); });
    for (index_t begin = 0, end = 0; begin < ranking.cols(); begin = end) {
      end = begin + std::min(pattern.m, ranking.cols() - begin);
      const auto run = std::span<const order_key_t<Compute>>(keys).subspan(static_cast<std::size_t>(begin),
                                                                           static_cast<std::size_t>(end - begin));
      detail::keep_largest(run, std::min(pattern.n, end - begin), kept, row, begin, scratch);
    }
  });
  return kept;
}

template <class Compute>
mask make_mask(const importance<Compute>& ranking, const blocks& pattern) {
  detail::require<value_error>(pattern.rows >= 1 && pattern.cols >= 1, "blocks are ", pattern.rows, " x ", pattern.cols,
                               ", extents must be at least 1");
  const index_t grid_rows = detail::pieces(ranking.rows(), pattern.rows);
  const index_t grid_cols = detail::pieces(ranking.cols(), pattern.cols);
  std::vector<double> sums(static_cast<std::size_t>(grid_rows * grid_cols));
  ranking.for_each_row([&](index_t row, std::span<const Compute> values) {
    double* sum = sums.data() + row / pattern.rows * grid_cols;
    for (auto rest = values; !rest.empty(); ++sum) {
      const std::size_t length = std::min(rest.size(), static_cast<std::size_t>(pattern.cols));
      for (const Compute value : rest.first(length)) *sum += static_cast<double>(value);
      rest = rest.subspan(length);
    }
  });
  const auto sums_of_row = [&](index_t row) {
    return std::span<const double>(sums).subspan(static_cast<std::size_t>(row * grid_cols),
                                                 static_cast<std::size_t>(grid_cols));
  };
  const importance<double> block_ranking(
      grid_rows, grid_cols,
      [&](const importance<double>::row_visitor& visit) {
        for (index_t row = 0; row < grid_rows; ++row) visit(row, sums_of_row(row));
      },
      [&](index_t row, index_t col) { return sums_of_row(row)[static_cast<std::size_t>(col)]; });
  const mask kept_blocks = make_mask(block_ranking, sparsity{pattern.sparsity});
  mask kept(ranking.rows(), ranking.cols());
  for (index_t row = 0; row < ranking.rows(); ++row)
    for (index_t block = 0; block < grid_cols; ++block) {
      if (!kept_blocks.test(row / pattern.rows, block)) continue;
      const index_t begin = block * pattern.cols;
      const index_t end = begin + std::min(pattern.cols, ranking.cols() - begin);
      for (index_t col = begin; col < end; col += mask::word_bits)
        kept.set_run(row, col, ~mask::word_type{0} >> (mask::word_bits - std::min(mask::word_bits, end - col)));
    }
  return kept;
}

}  // namespace pare
