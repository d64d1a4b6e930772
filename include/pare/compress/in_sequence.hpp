// compress_in_sequence: layer after layer, each making up for what was done to those before it.
#pragma once

#include <pare/compress/layer_compressor.hpp>
#include <pare/compress/progress.hpp>
#include <pare/prune/input_statistics.hpp>

namespace pare {
namespace detail {

// What goes into one layer of two networks of the same widths.
struct paired_inputs {
  input_statistics changed;  // of the second network
  Eigen::MatrixXd cross;     // E[x x'ᵀ], x of the first and x' of the second
  Eigen::VectorXd mean;      // E[x]
};

// Runs samples through a network for what goes into one of its layers.
class features_of_layer {
 public:
  // The network must outlive it.
  features_of_layer(const network& net, std::size_t layer, index_t most_samples, executor* threads)
      : net_(net), layer_(layer), room_(net.workspace(most_samples)), threads_(threads) {}

  // [inputs, samples] become [width, samples].
  Eigen::MatrixXd operator()(const Eigen::MatrixXf& inputs) {
    Eigen::MatrixXf features(net_.width(layer_), inputs.cols());
    const auto keep = [&](std::size_t i, const auto& of_layer) {
      if (i == layer_) as_samples(of_layer).read_rows(0, inputs.cols(), features.data());
    };
    net_.trace(inputs, room_, keep, threads_);
    return features.cast<double>();
  }

 private:
  const network& net_;
  std::size_t layer_;
  workspace room_;
  executor* threads_;
};

inline paired_inputs pair_inputs(const network& first, const network& second, std::size_t layer,
                                 const Eigen::MatrixXf& inputs, executor* threads) {
  const index_t width = first.width(layer), samples = inputs.cols(), batch = std::min<index_t>(256, samples);
  paired_inputs result{input_statistics(width), Eigen::MatrixXd::Zero(width, width), Eigen::VectorXd::Zero(width)};
  features_of_layer of_first(first, layer, batch, threads), of_second(second, layer, batch, threads);
  for (index_t begin = 0; begin < samples; begin += batch) {
    const Eigen::MatrixXf part = inputs.middleCols(begin, std::min(batch, samples - begin));
    const Eigen::MatrixXd x = of_first(part), y = of_second(part);
    require<value_error>(y.allFinite(), "what goes into layer ", layer,
                         " is not finite any more, with the layers before it compressed");
    result.changed.add(y, begin);
    result.cross.noalias() += x * y.transpose();
    result.mean += x.rowwise().sum();
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

// The network with replace(i, layer, inputs) in place of each linear layer i, from the first one on: the layer is first
// fitted to what the layers before it now give for these inputs [inputs, samples], so that its outputs are those that
// it had, and what it is replaced with sees the statistics of that. `damping` is the share of the mean of E[x_i^2] that
// keeps weights near where they are. O(width^3) and a few runs of the inputs for each layer. Throws value_error for no
// inputs, where what goes into a layer is not finite or has a covariance that is singular with the damping, and what
// `replace` throws.
template <std::same_as<network> Network, class Replace>
network replace_in_sequence(const Network& net, const Eigen::MatrixXf& inputs, Replace&& replace,
                            executor* threads = nullptr, double damping = few_samples_damping) {
  detail::require<value_error>(inputs.cols() > 0, "there are no calibration inputs, at least 1 is needed");
  network result = net;
  bool is_first = true;
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    const auto* layer = std::get_if<linear>(&net.layers()[i]);
    if (layer == nullptr) continue;
    const detail::paired_inputs seen = detail::pair_inputs(net, result, i, inputs, threads);
    const linear other = replace(i, is_first ? *layer : detail::refitted(*layer, seen, damping), seen.changed);
    result = replace_linear(result, [&](std::size_t j, const linear& l) { return j == i ? other : l; });
    is_first = false;
  }
  return result;
}

// A network with a setting for each linear layer, compressed in sequence for these inputs [inputs, samples]. Throws
// shape_error for another number of settings, else as require_valid, replace_in_sequence and layer_compressor.
template <std::same_as<network> Network>
network compress_in_sequence(const Network& net, const std::vector<layer_setting>& settings,
                             const Eigen::MatrixXf& inputs, executor* threads = nullptr,
                             double damping = few_samples_damping, const step_progress& progress = {}) {
  detail::require<shape_error>(settings.size() == linear_layers(net), "there are ", settings.size(), " settings for ",
                               linear_layers(net), " linear layers");
  require_valid(settings);
  std::size_t done = 0;
  const auto replace = [&](std::size_t, const linear& layer, const input_statistics& seen) {
    linear small = layer_compressor(layer, seen, threads, damping).compress(settings[done]).layer;
    ++done;
    if (progress) progress(done, settings.size());
    return small;
  };
  return replace_in_sequence(net, inputs, replace, threads, damping);
}

}  // namespace pare
