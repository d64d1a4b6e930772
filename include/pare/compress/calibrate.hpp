// calibrate: one pass of inputs through a network, and what its linear layers see of it.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <pare/nn/network.hpp>
#include <pare/prune/input_statistics.hpp>

namespace pare {

// Of the mean of E[x_i^2], added to all of them where a few hundred samples tell what more inputs than that are like.
inline constexpr double few_samples_damping = 0.03;

// What a few hundred inputs tell of a network.
class calibration {
 public:
  // Of a network that has seen nothing yet.
  template <std::same_as<network> Network>
  explicit calibration(const Network& net) {
    for (const any_layer& layer : net.layers()) {
      layers_.emplace_back();
      if (const auto* l = std::get_if<linear>(&layer)) layers_.back().emplace(l->inputs());
    }
  }

  // Sends inputs [inputs, samples], or [inputs], through the network that it was made for and adds what comes along.
  // O(samples · width^2) for each layer, in memory O(width^2). Throws shape_error where extents or layers do not fit,
  // and value_error naming the first input that is not finite in float; nothing is added then.
  template <std::same_as<network> Network, tensor_like X>
  void add(const Network& net, const X& inputs, executor* threads = nullptr);

  index_t samples() const noexcept { return samples_; }

  // Of the inputs of a layer, by its number in the network. Throws value_error for one that is not linear.
  const input_statistics& inputs_of(std::size_t layer) const {
    detail::require<value_error>(layer < layers_.size() && layers_[layer].has_value(), "layer ", layer,
                                 " is not a linear layer of the network");
    return *layers_[layer];
  }

 private:
  std::vector<std::optional<input_statistics>> layers_;
  index_t samples_ = 0;
};

// The calibration of a network with inputs [inputs, samples]. Errors as for add, and value_error for no samples.
template <std::same_as<network> Network, tensor_like X>
calibration calibrate(const Network& net, const X& inputs, executor* threads = nullptr) {
  calibration result(net);
  result.add(net, inputs, threads);
  detail::require<value_error>(result.samples() > 0, "there are no calibration inputs, at least 1 is needed");
  return result;
}

template <std::same_as<network> Network, tensor_like X>
void calibration::add(const Network& net, const X& inputs, executor* threads) {
  constexpr index_t batch = 256;
  const auto samples = as_samples(inputs);
  detail::require_inputs(samples, net.inputs());
  const auto is_linear = [&](std::size_t i) { return std::holds_alternative<linear>(net.layers()[i]); };
  detail::require<shape_error>(net.layers().size() == layers_.size(), "the network has ", net.layers().size(),
                               " layers, the calibration is of one with ", layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i)
    detail::require<shape_error>(
        is_linear(i) == layers_[i].has_value() && (!is_linear(i) || net.width(i) == layers_[i]->inputs()), "layer ", i,
        " is another one than in the network of the calibration");
  detail::require_finite_samples(samples, samples_);
  calibration result = *this;  // what is not finite further on must not have been added in part
  pare::workspace room = net.workspace(std::clamp<index_t>(samples.rows(), 1, batch));
  for (index_t begin = 0; begin < samples.rows(); begin += batch) {
    row_major_matrix part(std::min(batch, samples.rows() - begin), samples.cols());
    samples.read_rows(begin, part.rows(), part.data());
    net.trace(
        part.transpose(), room,
        [&](std::size_t i, const auto& features) {
          if (i < layers_.size() && layers_[i]) result.layers_[i]->add(features, result.samples_);
        },
        threads);
    result.samples_ += part.rows();
  }
  *this = std::move(result);
}

}  // namespace pare
