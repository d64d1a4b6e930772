// remove_neurons: takes whole neurons out between two layers, which leaves plain smaller matrices.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <pare/prune/float_matrix.hpp>
#include <pare/prune/patterns.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

// What hidden neurons are ranked by. The bias counts in none: a neuron that has nothing but a bias is a constant, which
// the next bias takes over without loss.
enum class neuron_score {
  l1,               // sum of |w| over the incoming row, Li et al. 2017, arXiv 1608.08710, section 3.1
  l2,               // root of the sum of w^2 over the incoming row
  mean_activation,  // E|h_j|, measured by the caller
};

// How many neurons stay, where a share of them (sparsity) is not what is wanted.
struct kept_neurons {
  index_t value;
};

struct neuron_removal {
  neuron_score score = neuron_score::l2;
  index_t multiple = 1;                 // the kept width is rounded up to a multiple of this, at most to the width
  Eigen::VectorXf mean = {};            // E h_j [hidden], to be folded into the next bias; empty: nothing is folded
  Eigen::VectorXf mean_magnitude = {};  // E|h_j| [hidden], what mean_activation ranks by; no other score reads it
};

// y = W2 f(W1 x + b1) + b2 with fewer neurons.
struct narrowed_layers {
  row_major_matrix w1;        // [kept, inputs]
  Eigen::VectorXf b1;         // [kept]
  row_major_matrix w2;        // [outputs, kept]
  Eigen::VectorXf b2;         // [outputs], plus W2[:, j] E h_j of each removed neuron j if means were given
  std::vector<index_t> kept;  // the numbers the neurons had, ascending
};

namespace detail {

// The layers as they come in, in float and checked.
template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
narrowed_layers whole_layers(const W1& w1, const B1& b1, const W2& w2, const B2& b2);

// The layers with the `keep` most important neurons, or a few more to fill a multiple.
template <std::same_as<narrowed_layers> Layers>
narrowed_layers narrow(const Layers& whole, index_t keep, const neuron_removal& options);

}  // namespace detail

// Removes the least important neurons between w1 [hidden, inputs], b1 [hidden] and w2 [outputs, hidden], b2 [outputs]:
//   remove_neurons(w1, b1, w2, b2, kept_neurons{150})
//   remove_neurons(w1, b1, w2, b2, sparsity{0.5}, {.multiple = 16, .mean = mean_of_h})
// Neurons stay in their order; of equals, the lowest index is kept. The inputs are not changed. O(inputs + outputs) per
// neuron. Throws shape_error where extents do not fit and value_error for a number that is not finite in float, a
// negative mean magnitude, multiple < 1, or unless 1 <= kept_neurons <= hidden.
template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
narrowed_layers remove_neurons(const W1& w1, const B1& b1, const W2& w2, const B2& b2, kept_neurons target,
                               const neuron_removal& options = {}) {
  const narrowed_layers whole = detail::whole_layers(w1, b1, w2, b2);
  detail::require<value_error>(target.value >= 1 && target.value <= whole.w1.rows(), "kept_neurons is ", target.value,
                               ", must be 1 to ", whole.w1.rows());
  return detail::narrow(whole, target.value, options);
}

// The same by the share to remove: keeps kept_count(hidden, share) neurons, but at least one.
// Throws value_error unless 0 <= share <= 1.
template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
narrowed_layers remove_neurons(const W1& w1, const B1& b1, const W2& w2, const B2& b2, sparsity target,
                               const neuron_removal& options = {}) {
  const narrowed_layers whole = detail::whole_layers(w1, b1, w2, b2);
  const index_t keep = kept_count(whole.w1.rows(), target.value);
  return detail::narrow(whole, std::max<index_t>(keep, 1), options);
}

namespace detail {

template <tensor_like W1, tensor_like B1, tensor_like W2, tensor_like B2>
narrowed_layers whole_layers(const W1& w1, const B1& b1, const W2& w2, const B2& b2) {
  const auto incoming = as_matrix(w1);
  const auto outgoing = as_matrix(w2);
  require<shape_error>(incoming.rows() >= 1, "w1 has no rows, a layer has at least one neuron");
  require<shape_error>(outgoing.cols() == incoming.rows(), "w2 has ", outgoing.cols(), " columns, w1 has ",
                       incoming.rows(), " rows, must be as many");
  return {.w1 = float_matrix(incoming, "w1"),
          .b1 = float_vector(as_matrix(b1), incoming.rows(), "b1"),
          .w2 = float_matrix(outgoing, "w2"),
          .b2 = float_vector(as_matrix(b2), outgoing.rows(), "b2"),
          .kept = {}};
}

// What was measured is there where it is used, fits the layer and is finite.
template <std::same_as<neuron_removal> Options>
void require_measured(const Options& options, index_t hidden) {
  const Eigen::VectorXf& mean = options.mean;
  require<shape_error>(mean.size() == 0 || mean.size() == hidden, "mean has ", mean.size(), " elements, must have ",
                       hidden, " or none");
  require_finite(as_matrix(mean), "mean");
  if (options.score != neuron_score::mean_activation) return;
  const Eigen::VectorXf& magnitude = options.mean_magnitude;
  require<shape_error>(magnitude.size() == hidden, "mean_magnitude has ", magnitude.size(), " elements, must have ",
                       hidden, " to rank by mean_activation");
  require_finite(as_matrix(magnitude), "mean_magnitude");
  for (index_t j = 0; j < hidden; ++j)
    require<value_error>(magnitude[j] >= 0.0f, "mean_magnitude[", j, "] is ", magnitude[j], ", must be at least 0");
}

// One score per neuron, summed in double by ascending column: squares of floats are exact there, so that no compiler's
// contraction changes a sum.
template <std::same_as<narrowed_layers> Layers>
std::vector<double> neuron_scores(const Layers& layers, const neuron_removal& options) {
  std::vector<double> scores;
  for (index_t j = 0; j < layers.w1.rows(); ++j) {
    if (options.score == neuron_score::mean_activation) {
      scores.push_back(static_cast<double>(options.mean_magnitude[j]));
      continue;
    }
    double sum = 0.0;
    for (const float weight : layers.w1.row(j)) {
      const auto w = static_cast<double>(weight);
      sum += options.score == neuron_score::l1 ? std::abs(w) : w * w;
    }
    scores.push_back(options.score == neuron_score::l1 ? sum : std::sqrt(sum));
  }
  return scores;
}

// b2 + the sum over removed j of W2[:, j] E h_j, in double by ascending j. Products of floats are exact in double.
template <std::same_as<narrowed_layers> Layers>
Eigen::VectorXf fold_means(const Layers& whole, const mask& kept, const Eigen::VectorXf& mean) {
  Eigen::VectorXf bias = whole.b2;
  for (index_t output = 0; output < bias.size(); ++output) {
    auto sum = static_cast<double>(bias[output]);
    for (index_t j = 0; j < mean.size(); ++j)
      if (!kept.test(0, j)) sum += static_cast<double>(whole.w2(output, j)) * static_cast<double>(mean[j]);
    require<value_error>(is_finite(static_cast<float>(sum)), "b2[", output, "] with the means folded is ", sum,
                         ", must be finite in float");
    bias[output] = static_cast<float>(sum);
  }
  return bias;
}

template <std::same_as<narrowed_layers> Layers>
narrowed_layers narrow(const Layers& whole, index_t keep, const neuron_removal& options) {
  const index_t hidden = whole.w1.rows();
  require<value_error>(options.multiple >= 1, "multiple is ", options.multiple, ", must be at least 1");
  require_measured(options, hidden);
  const index_t rest = keep % options.multiple;
  if (rest != 0) keep += std::min(options.multiple - rest, hidden - keep);

  const std::vector<double> scores = neuron_scores(whole, options);
  const mask kept = make_mask(by_score(view(scores.data(), hidden)), n_of_m{keep, hidden});
  Layers result;
  result.w1.resize(keep, whole.w1.cols());
  result.b1.resize(keep);
  result.w2.resize(whole.w2.rows(), keep);
  result.b2 = fold_means(whole, kept, options.mean);
  for (index_t j = 0, to = 0; j < hidden; ++j) {
    if (!kept.test(0, j)) continue;
    result.w1.row(to) = whole.w1.row(j);
    result.b1[to] = whole.b1[j];
    for (index_t output = 0; output < whole.w2.rows(); ++output) result.w2(output, to) = whole.w2(output, j);
    result.kept.push_back(j);
    ++to;
  }
  return result;
}

}  // namespace detail
}  // namespace pare
