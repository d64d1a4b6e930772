// prune: sets the least important weights of a tensor to zero, in place, and says which it kept.
#pragma once

#include <vector>

#include <pare/prune/patterns.hpp>

namespace pare {

// Keeps the largest |w| in the given pattern:
//   prune(w, sparsity{0.9})   prune(w, row_sparsity{0.9})   prune(w, threshold{0.01})   prune(w, n_of_m{2, 4})
//   prune(w, blocks{.rows = 4, .cols = 4, .sparsity = 0.5})
// A tensor of rank above 2 is a matrix of axis 0 × the rest. Equal magnitudes (both zeros are) are told apart by their
// index: the lower is kept. Returns the mask of what is kept; make_mask(by_magnitude(w), pattern) is the mask alone.
// O(size). Throws value_error for a weight that is not finite or a pattern outside its range, and leaves the weights.
// Magnitude pruning: Han et al. 2015, "Learning both Weights and Connections", arXiv 1506.02626.
template <mutable_tensor W, pruning_pattern Pattern>
mask prune(W&& w, const Pattern& pattern) {
  mask kept = make_mask(by_magnitude(w), pattern);
  kept.apply(w);
  return kept;
}

// The same by scores of the same matrix shape: keeps the largest scores (negative ones are below zero).
// make_mask(by_score(scores), pattern) is the mask alone. Throws as above, and shape_error for scores of another shape.
template <mutable_tensor W, tensor_like S, pruning_pattern Pattern>
mask prune(W&& w, const S& scores, const Pattern& pattern) {
  const auto weights = as_matrix(w);
  const auto ranking = by_score(scores);
  detail::require<shape_error>(ranking.rows() == weights.rows() && ranking.cols() == weights.cols(), "scores are ",
                               ranking.rows(), " x ", ranking.cols(), ", weights ", weights.rows(), " x ",
                               weights.cols());
  mask kept = make_mask(ranking, pattern);
  detail::require_finite(weights, "weights");
  kept.apply(w);
  return kept;
}

// Removes a share of the weights of several tensors, by one ranking of all |w|: of all weights together,
// kept_count(total size, value) remain. Equal magnitudes are told apart by the order of the tensors, then the index.
// Tensors may have different shapes and element types, but one compute type. Returns their masks.
// make_masks(std::vector{by_score(s1), by_score(s2)}, pattern) does it by scores, or for a number of tensors known
// only at run time. Throws as above.
template <mutable_tensor... W>
requires(sizeof...(W) >= 1) std::vector<mask> prune_globally(sparsity pattern, W&&... w) {
  index_t number = 0;
  const std::vector rankings{by_magnitude(w, detail::text("weights of tensor ", number++))...};
  const std::vector<mask> masks = make_masks(rankings, pattern);
  std::size_t next = 0;
  (masks[next++].apply(w), ...);
  return masks;
}

}  // namespace pare
