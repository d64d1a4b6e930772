// layer_compressor: one linear layer under any setting, made up for what its inputs are like.
#pragma once

#include <map>

#include <pare/compress/calibrate.hpp>
#include <pare/compress/layer_setting.hpp>
#include <pare/io/pare_file.hpp>
#include <pare/nn/quantize.hpp>
#include <pare/prune/refit.hpp>
#include <pare/prune/sparse_gpt.hpp>
#include <pare/prune/wanda.hpp>
#include <pare/quantize/bias_correction.hpp>
#include <pare/quantize/gptq.hpp>

namespace pare {

// A layer that was compressed, and what it cost.
struct compressed_layer {
  linear layer;
  double error = 0;       // sum of the squared errors of its outputs, of those of the weights as they were, in [0, ..)
  std::size_t bytes = 0;  // coded_size
};

// Bytes that a layer takes in a file, coding::small.
inline std::size_t coded_size(const linear& layer) {
  const network empty(layer.inputs());
  return coded_size(network(empty).add(layer), coding::small) - coded_size(empty, coding::small);
}

// Compresses a layer again and again, which shares what all settings need. Takes O(inputs^2) memory, and
// that of the weights for each sparsity. The statistics must outlive it.
class layer_compressor {
 public:
  // `inputs` are those of the layer in its network. Throws value_error where they have seen no samples, and what
  // inverse_factor throws. O(inputs^3).
  template <std::same_as<linear> Linear>
  layer_compressor(const Linear& layer, const input_statistics& inputs, executor* threads = nullptr,
                   double damping = few_samples_damping)
      : weights_(dense_weights(layer)),
        bias_(Eigen::Map<const Eigen::VectorXf>(layer.bias().data(), layer.outputs())),
        precision_(layer.input_precision()),
        inputs_(inputs),
        threads_(threads),
        moment_(moment_of(layer, inputs)),
        factor_(moment_, {.damping = damping}),
        energy_(energy_of(weights_.template cast<double>())) {}
  template <std::same_as<linear> Linear>
  layer_compressor(const Linear&, input_statistics&&, executor* = nullptr, double = 0) = delete;  // they must stay

  index_t outputs() const noexcept { return weights_.rows(); }
  index_t inputs() const noexcept { return weights_.cols(); }

  // With weights removed that outputs need least (wanda_scores and refit where most go, else sparse_gpt), codes chosen
  // by gptq and a corrected bias. Throws what require_valid throws. O(outputs · inputs^2), for the first setting of a
  // sparsity also O(outputs · kept^3).
  compressed_layer compress(const layer_setting& setting) {
    require_valid(setting);
    const pruned_weights& pruned = with_sparsity(setting.sparsity);
    const quantized_codes q =
        gptq(pruned.weights, quantize_codes(pruned.weights, detail::quantize_options_of(setting)), factor_,
             {.kept = setting.sparsity > 0 ? &pruned.kept : nullptr, .threads = threads_});
    row_major_matrix rounded(q.rows, q.cols);
    dequantize(q, rounded);
    const Eigen::VectorXf bias = correct_bias(bias_, weights_, rounded, inputs_.mean());
    compressed_layer result{linear(pack(q, encoding_for(setting)), bias, precision_)};
    const Eigen::MatrixXd error = (rounded - weights_).cast<double>();
    const Eigen::VectorXd shift = (bias - bias_).cast<double>();
    // The corrected bias takes back the mean of the error.
    const double squares = energy_of(error) + 2 * shift.dot(error * inputs_.mean()) + shift.squaredNorm();
    result.error = energy_ > 0 ? std::max(0.0, squares / energy_) : 0;
    result.bytes = coded_size(result.layer);
    return result;
  }

 private:
  static Eigen::MatrixXd moment_of(const linear& layer, const input_statistics& inputs) {
    detail::require<shape_error>(inputs.inputs() == layer.inputs(), "the statistics are of ", inputs.inputs(),
                                 " inputs, the layer has ", layer.inputs());
    detail::require<value_error>(inputs.samples() > 0, "the inputs have seen no samples, at least 1 is needed");
    return inputs.second_moment();
  }

  struct pruned_weights {
    row_major_matrix weights;
    mask kept;
  };

  // sum over outputs of E[(m x)^2].
  double energy_of(const Eigen::MatrixXd& m) const { return (m * moment_).cwiseProduct(m).sum(); }

  const pruned_weights& with_sparsity(double sparsity_wanted) {
    const auto found = pruned_.find(sparsity_wanted);
    if (found != pruned_.end()) return found->second;
    pruned_weights pruned{weights_, {}};
    const double kept = (1 - sparsity_wanted) * static_cast<double>(inputs());
    constexpr double few_are_left_above = 0.6, most_multiplications = 3e10;
    if (sparsity_wanted > few_are_left_above &&
        static_cast<double>(outputs()) * kept * kept * kept / 3 < most_multiplications) {
      const row_major_matrix scores = wanda_scores(weights_, inputs_);
      pruned.kept = make_mask(by_score(scores), sparsity{sparsity_wanted});
      refit(pruned.weights, pruned.kept, moment_, {.damping = factor_.damping(), .threads = threads_});
    } else if (sparsity_wanted > 0) {
      pruned.kept = sparse_gpt(pruned.weights, factor_, sparsity{sparsity_wanted});
    }
    return pruned_.emplace(sparsity_wanted, std::move(pruned)).first->second;
  }

  // Lists of what is not zero are multiplied as fast as codes where 95 % are zero, which no measurement is needed for.
  static encoding encoding_for(const layer_setting& setting) {
    return setting.sparsity >= 0.95 ? encoding::very_sparse : encoding::codes;
  }

  row_major_matrix weights_;
  Eigen::VectorXf bias_;
  precision precision_;
  const input_statistics& inputs_;
  executor* threads_;
  Eigen::MatrixXd moment_;
  inverse_factor factor_;
  double energy_;
  std::map<double, pruned_weights> pruned_;
};

}  // namespace pare
