// The same function with its hidden neurons in another order, which is free.
#pragma once

#include <algorithm>
#include <concepts>
#include <numeric>
#include <utility>
#include <vector>

#include <pare/train/compact.hpp>

namespace pare {

struct reordered_mlp {
  mlp model;
  std::vector<std::vector<index_t>> order;  // of each hidden layer, the numbers its neurons had
  output_difference outputs;                // from the model as it was
};

// Puts hidden neurons with inputs in common side by side. A coder that predicts a weight from those around it then
// writes smaller files of pruned perceptrons. A layer begins with the neuron of the most weights; each time that one
// follows whose inputs are the most similar to those of the last, by the share that both use of those that either uses
// (Jaccard 1901). Outputs change by the rounding of sums in another order only, and are compared as by compact, whose
// arguments and errors these are too. O(neurons^2 inputs) per layer.
template <std::same_as<mlp> Model>
reordered_mlp reorder_neurons(const Model& model, const Eigen::MatrixXf& samples = {});

namespace detail {

// The rows of a layer, each behind the one that it is most similar to of those that are left.
template <std::same_as<dense_layer> Layer>
std::vector<index_t> similar_rows(const Layer& layer) {
  const auto uses = (layer.weights.array() != 0.0f).eval();
  const auto counts = uses.template cast<index_t>().rowwise().sum().eval();
  std::vector<index_t> order(static_cast<std::size_t>(layer.outputs()));
  std::iota(order.begin(), order.end(), index_t{0});
  const auto bring_forward = [&](auto from, auto&& value_of) {
    auto best = from;
    auto largest = value_of(*from);
    for (auto at = from + 1; at != order.end(); ++at)
      if (const auto value = value_of(*at); value > largest) largest = value, best = at;
    std::rotate(from, best, best + 1);  // the others stay in their order
  };
  bring_forward(order.begin(), [&](index_t row) { return counts[row]; });
  for (auto next = order.begin() + 1; next != order.end(); ++next)
    bring_forward(next, [&, last = *(next - 1)](index_t row) {
      const index_t both = (uses.row(last) && uses.row(row)).count();
      const index_t either = counts[last] + counts[row] - both;
      return either == 0 ? 0.0 : static_cast<double>(both) / static_cast<double>(either);
    });
  return order;
}

}  // namespace detail

template <std::same_as<mlp> Model>
reordered_mlp reorder_neurons(const Model& model, const Eigen::MatrixXf& samples) {
  validate(model);
  reordered_mlp result{model, {}, {}};
  auto& layers = result.model.layers;
  for (std::size_t i = 0; i + 1 < layers.size(); ++i) {
    result.order.push_back(detail::similar_rows(layers[i]));
    detail::keep_rows(layers[i], result.order.back());
    detail::keep_columns(layers[i + 1], result.order.back());
  }
  result.outputs = compare_outputs(model, result.model, detail::samples_or_drawn(samples, layers.front().inputs()));
  return result;
}

}  // namespace pare
