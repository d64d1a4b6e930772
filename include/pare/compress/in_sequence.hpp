// compress_in_sequence: layer after layer, each making up for what was done to those before it.
#pragma once

#include <pare/compress/layer_compressor.hpp>
#include <pare/prune/input_statistics.hpp>

namespace pare {
namespace detail {

// What goes into one layer of two networks of the same widths.
struct paired_inputs {
  input_statistics changed;  // of the second network
  Eigen::MatrixXd cross;     // E[x x'ᵀ], x of the first and x' of the second
  Eigen::VectorXd mean;      // E[x]
};

inline paired_inputs pair_inputs(const network& first, const network& second, std::size_t layer,
                                 const Eigen::MatrixXf& inputs, executor* threads) {
  constexpr index_t batch = 256;
  const index_t width = first.width(layer), samples = inputs.cols();
  paired_inputs result{input_statistics(width), Eigen::MatrixXd::Zero(width, width), Eigen::VectorXd::Zero(width)};
  for (index_t begin = 0; begin < samples; begin += batch) {
    const index_t count = std::min(batch, samples - begin);
    const Eigen::MatrixXf part = inputs.middleCols(begin, count);
    const auto features_in = [&](const network& net) {
      Eigen::MatrixXf features(width, count);
      workspace room = net.workspace(count);
      net.trace(
          part, room,
          [&](std::size_t i, const auto& of_layer) {
            if (i != layer) return;
            const auto rows = as_samples(of_layer);
            rows.read_rows(0, count, features.data());
          },
          threads);
      return features;
    };
    const Eigen::MatrixXf x = features_in(first), y = features_in(second);
    result.changed.add(y, begin);
    result.cross.noalias() += x.cast<double>() * y.cast<double>().transpose();
    result.mean += x.cast<double>().rowwise().sum();
  }
  result.cross /= static_cast<double>(samples);
  result.mean /= static_cast<double>(samples);
  return result;
}

// The layer whose outputs of x' are nearest to those that `layer` has of x, by least squares with its weights held near
// where they are: (W Cov(x, x') + d W) (Cov(x') + d)^-1, with d a share `damping` of the mean of the diagonal.
inline linear refitted(const linear& layer, const paired_inputs& seen, double damping) {
  const Eigen::VectorXd mean = seen.changed.mean();
  Eigen::MatrixXd covariance = seen.changed.second_moment();
  const double d = std::max(damping * covariance.diagonal().mean(), 1e-30);
  covariance -= mean * mean.transpose();
  covariance.diagonal().array() += d;
  const Eigen::MatrixXd weights = dense_weights(layer).cast<double>();
  const Eigen::MatrixXd wanted = weights * (seen.cross - seen.mean * mean.transpose()) + d * weights;
  const Eigen::LLT<Eigen::MatrixXd> factor(covariance);
  require<value_error>(factor.info() == Eigen::Success,
                       "the covariance of a layer's inputs is singular with a damping of ", damping);
  const Eigen::MatrixXd fitted = factor.solve(wanted.transpose()).transpose();
  const Eigen::VectorXd bias = Eigen::Map<const Eigen::VectorXf>(layer.bias().data(), layer.outputs()).cast<double>() +
                               weights * seen.mean - fitted * mean;
  const row_major_matrix narrow = fitted.cast<float>();
  const Eigen::VectorXf narrow_bias = bias.cast<float>();
  return linear(pack_dense(narrow), narrow_bias, layer.input_precision());
}

}  // namespace detail

// A network with a setting for each linear layer, from the first one on: each is first fitted to the inputs that the
// layers before it now give, so that its outputs are those that it had, and then compressed for these inputs [inputs,
// samples]. O(width^3) and a few runs of the inputs for each layer. Errors as for network_compressor.
template <std::same_as<network> Network>
network compress_in_sequence(const Network& net, const std::vector<layer_setting>& settings,
                             const Eigen::MatrixXf& inputs, executor* threads = nullptr, double damping = 0.03) {
  detail::require<value_error>(inputs.cols() > 0, "there are no calibration inputs, at least 1 is needed");
  detail::require<shape_error>(settings.size() == linear_layers(net), "there are ", settings.size(), " settings for ",
                               linear_layers(net), " linear layers");
  for (const layer_setting& setting : settings) require_valid(setting);
  network result = net;
  std::size_t next = 0;
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    const auto* layer = std::get_if<linear>(&net.layers()[i]);
    if (layer == nullptr) continue;
    const detail::paired_inputs seen = detail::pair_inputs(net, result, i, inputs, threads);
    const linear fitted = next == 0 ? *layer : detail::refitted(*layer, seen, damping);
    const compressed_layer small = layer_compressor(fitted, seen.changed, threads, damping).compress(settings[next++]);
    result = replace_linear(result, [&](std::size_t j, const linear& l) { return j == i ? small.layer : l; });
  }
  return result;
}

}  // namespace pare
