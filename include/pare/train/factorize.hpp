// Low-rank factors: one layer becomes two thinner ones (Denil et al. 2013, arXiv 1306.0543; Sainath et al. 2013,
// "Low-rank matrix factorization for deep neural network training"). Not in pare.hpp: it brings Eigen's decompositions.
#pragma once

#include <concepts>
#include <utility>
#include <variant>

#include <Eigen/SVD>

#include <pare/train/compare.hpp>

namespace pare {

struct factor_rank {
  index_t value;
};
// The lowest rank whose singular values hold this share, (0, 1], of the sum of all squares.
struct kept_energy {
  double share = 0.99;
};
// The highest rank with which both factors together have at most so many weights.
struct weight_budget {
  index_t weights;
};
using rank_target = std::variant<factor_rank, kept_energy, weight_budget>;

struct factorization {
  bool allow_larger = false;     // else factors with no fewer weights than the layer are refused
  Eigen::MatrixXf samples = {};  // [features, samples] to compare the outputs over; if empty, drawn from [-1, 1)
};

struct factorized_mlp {
  mlp model;
  index_t rank = 0;
  double energy = 0;          // share of the sum of squared singular values that is kept
  double relative_error = 0;  // |W - W2 W1| / |W| of the factors in float, in Frobenius norms
  output_difference outputs;  // from the model as it was
};

// Replaces W [outputs, inputs] of one layer by its nearest approximation of a rank (Eckart and Young 1936): a layer
// W1 = sqrt(S) V^T [rank, inputs] without bias and activation, and behind it W2 = U sqrt(S) [outputs, rank] with those
// of the layer. O(outputs inputs min(outputs, inputs)), in double. Throws what compare_outputs throws, and value_error
// for a layer that is not there, a rank outside 1 to min(outputs, inputs), a share outside (0, 1], a budget too small
// for rank 1, and factors that are not smaller than the layer.
template <std::same_as<mlp> Model>
factorized_mlp factorize(const Model& model, index_t layer, const rank_target& target,
                         const factorization& options = {});

namespace detail {

using singular_values = Eigen::BDCSVD<Eigen::MatrixXd>;

// The share that the first `rank` hold; all of it where all are zero.
template <std::same_as<singular_values> Values>
double energy_of(const Values& svd, index_t rank) {
  const double total = svd.singularValues().squaredNorm();
  return total == 0 ? 1 : svd.singularValues().head(rank).squaredNorm() / total;
}

template <std::same_as<singular_values> Values>
index_t choose_rank(const Values& svd, const rank_target& target) {
  const index_t most = svd.singularValues().size();
  const index_t weights_per_rank = svd.matrixU().rows() + svd.matrixV().rows();
  if (const auto* rank = std::get_if<factor_rank>(&target)) {
    require<value_error>(rank->value >= 1 && rank->value <= most, "factor_rank is ", rank->value, ", must be 1 to ",
                         most);
    return rank->value;
  }
  if (const auto* budget = std::get_if<weight_budget>(&target)) {
    require<value_error>(budget->weights >= weights_per_rank, "weight_budget is ", budget->weights,
                         ", must be at least ", weights_per_rank, " for factors of rank 1");
    return std::min(budget->weights / weights_per_rank, most);
  }
  const double share = std::get<kept_energy>(target).share;
  require<value_error>(share > 0 && share <= 1, "kept_energy is ", share, ", must be above 0 and at most 1");
  index_t rank = 1;
  while (rank < most && energy_of(svd, rank) < share) ++rank;
  return rank;
}

}  // namespace detail

template <std::same_as<mlp> Model>
factorized_mlp factorize(const Model& model, index_t layer, const rank_target& target, const factorization& options) {
  validate(model);
  detail::require<value_error>(layer >= 0 && layer < static_cast<index_t>(model.layers.size()), "factorize: layer ",
                               layer, " wanted, must be 0 to ", model.layers.size() - 1);
  const dense_layer& whole = model.layers[static_cast<std::size_t>(layer)];
  const Eigen::MatrixXd weights = whole.weights.template cast<double>();
  const detail::singular_values svd(weights, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const index_t rank = detail::choose_rank(svd, target);
  const index_t size = rank * (whole.outputs() + whole.inputs());
  detail::require<value_error>(options.allow_larger || size < whole.weights.size(), "factorize: factors of rank ", rank,
                               " have ", size, " weights, layer ", layer, " has ", whole.weights.size());

  const Eigen::VectorXd roots = svd.singularValues().head(rank).cwiseSqrt();
  const dense_layer first{(roots.asDiagonal() * svd.matrixV().leftCols(rank).transpose()).template cast<float>(),
                          Eigen::VectorXf::Zero(rank), activation::identity};
  const dense_layer second{(svd.matrixU().leftCols(rank) * roots.asDiagonal()).template cast<float>(), whole.bias,
                           whole.function};
  const double error =
      (weights - second.weights.template cast<double>() * first.weights.template cast<double>()).norm();
  factorized_mlp result{model, rank, detail::energy_of(svd, rank), error == 0 ? 0 : error / weights.norm(), {}};
  result.model.layers[static_cast<std::size_t>(layer)] = second;
  result.model.layers.insert(result.model.layers.begin() + layer, first);
  result.outputs =
      compare_outputs(model, result.model, detail::samples_or_drawn(options.samples, model.layers.front().inputs()));
  return result;
}

}  // namespace pare
