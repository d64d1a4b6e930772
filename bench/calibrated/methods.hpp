// The methods that the benchmark compares: how each rounds the weights of a layer, or removes some.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <pare/compress/calibrate.hpp>
#include <pare/compress/in_sequence.hpp>
#include <pare/nn/quantize.hpp>
#include <pare/prune/prune.hpp>
#include <pare/prune/sparse_gpt.hpp>
#include <pare/prune/surgery.hpp>
#include <pare/prune/wanda.hpp>
#include <pare/quantize/awq.hpp>
#include <pare/quantize/bias_correction.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/quantize/coordinate_descent.hpp>
#include <pare/quantize/gptq.hpp>
#include <pare/quantize/hqq.hpp>

namespace bench {

// A linear layer as floats, and what is known of its inputs.
struct calibrated_layer {
  std::size_t number;  // in the network
  pare::row_major_matrix weights;
  Eigen::VectorXf bias;
  const pare::input_statistics* inputs;
  Eigen::MatrixXd moment;                              // of the inputs
  bool scalable = false;                               // whether ReLU stands between this layer and the one before
  std::shared_ptr<const pare::removal_order> order{};  // by surgery, of the layer as it was; made when first asked for
};

constexpr double damping = 0.03;  // for fewer inputs than columns

struct rounding_method {
  std::string name;
  bool compensates;  // so that weights, and the bias, make up for each other's errors
  std::function<pare::quantized_codes(const calibrated_layer&, const pare::quantize_options&)> round;
  // What the neurons between two layers are divided by beforehand; may be empty.
  std::function<Eigen::VectorXf(const calibrated_layer& before, const calibrated_layer& after,
                                const pare::quantize_options&)>
      scale = {};
  bool in_sequence = false;  // each layer for what comes from those before it as they are by then; without `scale`
};

inline pare::quantized_codes round_to_nearest(const calibrated_layer& l, const pare::quantize_options& options) {
  return pare::quantize_codes(l.weights, options);
}

// Each weight's error counts by the mean square of its input.
inline pare::quantized_codes round_to_codebook(const calibrated_layer& l, const pare::quantize_options& options) {
  const Eigen::RowVectorXf energy = l.inputs->mean_square().cast<float>().transpose();
  const pare::row_major_matrix importance = energy.replicate(l.weights.rows(), 1);
  return pare::quantize_codes(l.weights, pare::fit_codebook(l.weights, options, importance), options);
}

inline std::vector<rounding_method> rounding_methods() {
  const auto gptq = [](const calibrated_layer& l, const pare::quantize_options& options) {
    return pare::gptq(l.weights, round_to_nearest(l, options), pare::inverse_factor(l.moment, {.damping = damping}));
  };
  return {
      {"nearest", false, round_to_nearest},
      {"HQQ", false,
       [](const calibrated_layer& l, const pare::quantize_options& options) { return pare::hqq(l.weights, options); }},
      {"nearest, equalized neurons", false, round_to_nearest,
       [](const calibrated_layer& before, const calibrated_layer& after, const pare::quantize_options&) {
         return pare::equalizing_scales(before.weights, after.weights);
       }},
      {"nearest, AWQ", false, round_to_nearest,
       [](const calibrated_layer&, const calibrated_layer& after, const pare::quantize_options& options) {
         return pare::awq_scales(after.weights, *after.inputs, options);
       }},
      {"weighted k-means", false, round_to_codebook},
      {"GPTQ", true, gptq},
      {.name = "GPTQ, in sequence", .compensates = true, .round = gptq, .in_sequence = true},
      {"GPTQ, coordinate descent", true,
       [gptq](const calibrated_layer& l, const pare::quantize_options& options) {
         return pare::descend(l.weights, gptq(l, options), l.moment, {.damping = damping});
       }},
  };
}

// Removes this share of a layer's weights.
struct removal_method {
  std::string name;
  bool compensates;
  std::function<void(calibrated_layer&, pare::sparsity, pare::executor&)> remove;
  // What serves every share, done beforehand; may be empty.
  std::function<void(calibrated_layer&, pare::executor&)> prepare = {};
  bool in_sequence = false;
};

inline std::vector<removal_method> removal_methods() {
  const auto wanda_mask = [](const calibrated_layer& l, pare::sparsity share) {
    const pare::row_major_matrix scores = pare::wanda_scores(l.weights, *l.inputs);
    return make_mask(pare::by_score(scores), share);
  };
  const auto wanda_refit = [=](calibrated_layer& l, pare::sparsity share, pare::executor& threads) {
    pare::refit(l.weights, wanda_mask(l, share), l.moment, {.damping = damping, .threads = &threads});
  };
  const auto order = [](calibrated_layer& l, pare::executor& threads) {
    const pare::compensation_options options{.damping = damping, .threads = &threads};
    if (!l.order) l.order = std::make_shared<const pare::removal_order>(l.weights, l.moment, options);
  };
  const auto surgery = [](calibrated_layer& l, pare::sparsity share, pare::executor& threads) {
    pare::refit(l.weights, l.order->kept(share), l.moment, {.damping = damping, .threads = &threads});
  };
  return {
      {"magnitude", false,
       [](calibrated_layer& l, pare::sparsity share, pare::executor&) { pare::prune(l.weights, share); }},
      {"Wanda", false,
       [=](calibrated_layer& l, pare::sparsity share, pare::executor&) { wanda_mask(l, share).apply(l.weights); }},
      {"SparseGPT", true,
       [](calibrated_layer& l, pare::sparsity share, pare::executor&) {
         pare::sparse_gpt(l.weights, pare::inverse_factor(l.moment), share);
       }},
      {"Wanda, refit", true, wanda_refit},
      {.name = "Wanda, refit, in sequence", .compensates = true, .remove = wanda_refit, .in_sequence = true},
      {"surgery", true, surgery, order},
      {"surgery, in sequence", true, surgery, order, true},
  };
}

// A network whose linear layers are rounded, or lose weights, each for the inputs that it had in the whole network, or
// in sequence.
class calibrated_network {
 public:
  // `inputs` are those that were calibrated with. All must outlive it.
  calibrated_network(const pare::network& net, const Eigen::MatrixXf& inputs, const pare::calibration& seen,
                     pare::executor& threads)
      : net_(net), inputs_(inputs), threads_(threads) {
    for (std::size_t i = 0; i < net.layers().size(); ++i) {
      const auto* l = std::get_if<pare::linear>(&net.layers()[i]);
      if (l == nullptr) continue;
      calibrated_layer layer = calibrated(i, *l, seen.inputs_of(i));
      layer.scalable = !layers_.empty() && layers_.back().number + 2 == i && is_relu(i - 1);
      weights_ += layer.weights.size();
      layers_.push_back(std::move(layer));
    }
  }

  // In groups of 32 columns.
  pare::network round(int bits, pare::scheme scheme, const rounding_method& method) const {
    const pare::quantize_options options{.bits = bits, .scheme = scheme, .group_size = 32};
    std::vector<calibrated_layer> layers = layers_;
    for (std::size_t i = 1; i < layers.size() && method.scale; ++i) {
      if (!layers[i].scalable) continue;
      const Eigen::VectorXf scales = method.scale(layers[i - 1], layers[i], options);
      pare::scale_neurons(layers[i - 1].weights, layers[i - 1].bias, layers[i].weights, scales);
    }
    return rebuild(layers, method.in_sequence, [&](calibrated_layer& l) {
      const pare::quantized_codes q = method.round(l, options);
      if (method.compensates) l.bias = corrected(l, q);
      return pack(q);
    });
  }

  // This share of all weights, but none of small layers, with less than a thirty-second of all weights; what remains is
  // rounded to 8 bits.
  pare::network remove(double share, const removal_method& method) {
    for (calibrated_layer& l : layers_)
      if (method.prepare && !is_small(l)) method.prepare(l, threads_);
    const double each = each_for(share);
    std::vector<calibrated_layer> layers = layers_;
    return rebuild(layers, method.in_sequence, [&](calibrated_layer& l) {
      const calibrated_layer before = l;
      if (!is_small(l)) method.remove(l, pare::sparsity{1 - kept_share(l, each)}, threads_);
      const pare::quantized_codes q = pare::quantize_codes(l.weights, {.bits = 8, .group_size = 32});
      if (method.compensates) l.bias = corrected(before, q);
      return pack(q);
    });
  }

 private:
  static calibrated_layer calibrated(std::size_t number, const pare::linear& l, const pare::input_statistics& inputs) {
    return {number, dense_weights(l), Eigen::Map<const Eigen::VectorXf>(l.bias().data(), l.outputs()), &inputs,
            inputs.second_moment()};
  }

  // What is left of a layer if each input and each output keeps so many weights on average: large layers become sparser
  // (Evci et al. 2020, "Rigging the Lottery", arXiv 1911.11134, section 3).
  static double kept_share(const calibrated_layer& l, double each) {
    const auto neurons = static_cast<double>(l.weights.rows() + l.weights.cols());
    return std::min(1.0, each * neurons / static_cast<double>(l.weights.size()));
  }

  // That number, for this share of all weights to go.
  double each_for(double share) const {
    const auto all = static_cast<double>(weights_);
    double low = 0, high = all;
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      double kept = 0;
      for (const calibrated_layer& l : layers_)
        kept += static_cast<double>(l.weights.size()) * (is_small(l) ? 1 : kept_share(l, middle));
      (kept < (1 - share) * all ? low : high) = middle;
    }
    return high;
  }

  bool is_small(const calibrated_layer& l) const { return 32 * l.weights.size() < weights_; }

  bool is_relu(std::size_t layer) const {
    const auto* f = std::get_if<pare::activation_layer>(&net_.layers()[layer]);
    return f != nullptr && f->function == pare::activation::relu;
  }

  // Not for layers whose inputs were scaled, of which the means are others.
  static Eigen::VectorXf corrected(const calibrated_layer& l, const pare::quantized_codes& q) {
    pare::row_major_matrix rounded(q.rows, q.cols);
    dequantize(q, rounded);
    return pare::correct_bias(l.bias, l.weights, rounded, l.inputs->mean());
  }

  template <class Pack>
  pare::network rebuild(std::vector<calibrated_layer>& layers, bool in_sequence, Pack&& pack_layer) const {
    std::size_t next = 0;
    if (in_sequence)
      return replace_in_sequence(
          net_, inputs_,
          [&](std::size_t i, const pare::linear& fitted, const pare::input_statistics& seen) {
            calibrated_layer layer = calibrated(i, fitted, seen);
            layer.order = layers[next++].order;
            const pare::packed_matrix packed = pack_layer(layer);
            return pare::linear(packed, layer.bias, fitted.input_precision());
          },
          &threads_, damping);
    return pare::replace_linear(net_, [&](std::size_t, const pare::linear& l) {
      calibrated_layer& layer = layers[next++];
      const pare::packed_matrix packed = pack_layer(layer);
      return pare::linear(packed, layer.bias, l.input_precision());
    });
  }

  const pare::network& net_;
  const Eigen::MatrixXf& inputs_;
  pare::executor& threads_;
  std::vector<calibrated_layer> layers_;
  pare::index_t weights_ = 0;  // of all layers
};

}  // namespace bench
