// Normalizations: layer norm and RMS norm as layers, batch norm folded into the layer before it.
#pragma once

#include <Eigen/Core>

#include <pare/nn/linear.hpp>
#include <pare/tensor/eigen.hpp>

namespace pare {

// A layer norm (Ba 2016, arXiv 1607.06450) or, without a shift, an RMS norm (Zhang 2019, arXiv 1910.07467).
class normalization {
 public:
  // From values padded with zeros to whole vectors of 16; layer_norm and rms_norm do that.
  normalization(std::vector<float> gain, std::vector<float> shift, index_t size, float epsilon)
      : gain_(std::move(gain)), shift_(std::move(shift)), size_(size), epsilon_(epsilon) {
    const auto padded = static_cast<std::size_t>(detail::round_up(std::max<index_t>(size_, 0), detail::lanes));
    detail::require<shape_error>(gain_.size() == padded && (shift_.empty() || shift_.size() == padded), "the gain has ",
                                 gain_.size(), " and the shift ", shift_.size(), " elements, padded they must have ",
                                 padded);
    detail::require<shape_error>(size_ >= 1, "the gain is empty, must have at least one element");
    detail::require<value_error>(epsilon_ >= 0 && detail::is_finite(epsilon_), "epsilon is ", epsilon_,
                                 ", must be finite and not negative");
  }

  index_t size() const noexcept { return size_; }
  std::span<const float> gain() const noexcept { return {gain_.data(), static_cast<std::size_t>(size_)}; }
  // Empty for an RMS norm.
  std::span<const float> shift() const noexcept {
    return {shift_.data(), shift_.empty() ? 0 : static_cast<std::size_t>(size_)};
  }
  float epsilon() const noexcept { return epsilon_; }
  std::size_t bytes() const noexcept { return (gain_.size() + shift_.size()) * sizeof(float); }

  const float* padded_gain() const noexcept { return gain_.data(); }
  const float* padded_shift() const noexcept { return shift_.empty() ? nullptr : shift_.data(); }

 private:
  std::vector<float> gain_;
  std::vector<float> shift_;
  index_t size_;
  float epsilon_;
};

// (x - mean) / sqrt(variance + epsilon) · gain + shift over the features of each sample. Throws shape_error unless gain
// and shift have the same size, value_error for what is not finite.
template <tensor_like Gain, tensor_like Shift>
normalization layer_norm(const Gain& gain, const Shift& shift, float epsilon = 1e-5f) {
  const index_t size = as_matrix(gain).size();
  detail::require<shape_error>(as_matrix(shift).size() == size, "the shift has ", as_matrix(shift).size(),
                               " elements, the gain has ", size);
  return {detail::padded_floats(gain, "gain"), detail::padded_floats(shift, "shift"), size, epsilon};
}

// x / sqrt(mean of x^2 + epsilon) · gain.
template <tensor_like Gain>
normalization rms_norm(const Gain& gain, float epsilon = 1e-5f) {
  return {detail::padded_floats(gain, "gain"), {}, as_matrix(gain).size(), epsilon};
}

// Running statistics and parameters of a batch norm over `size` features (Ioffe 2015, arXiv 1502.03167).
struct batch_norm {
  Eigen::VectorXf mean;
  Eigen::VectorXf variance;
  Eigen::VectorXf gain;
  Eigen::VectorXf shift;
  float epsilon = 1e-5f;
};

// Folds a batch norm into the linear layer before it, in place: with f = gain / sqrt(variance + epsilon), row r of the
// weights [outputs, inputs] is scaled by f_r and the bias [outputs] becomes (bias - mean) f + shift. Throws shape_error
// for sizes that differ, value_error for a variance + epsilon that is not positive and for anything that is not finite;
// nothing is changed then.
template <mutable_tensor W, mutable_tensor Bias>
void fold_batch_norm(W&& weights, Bias&& bias, const batch_norm& norm) {
  const auto w = as_matrix(weights);
  const auto b = as_matrix(bias);
  const index_t size = w.rows();
  detail::require<shape_error>(b.size() == size && (b.rows() == 1 || b.cols() == 1), "bias is ", b.rows(), " x ",
                               b.cols(), ", must be a vector of ", size);
  for (const auto* part : {&norm.mean, &norm.variance, &norm.gain, &norm.shift}) {
    detail::require<shape_error>(part->size() == size, "the batch norm has ", part->size(), " features, the weights ",
                                 size, " rows");
    detail::require_finite(as_matrix(*part), "batch norm");
  }
  detail::require_finite(w, "weights");
  detail::require_finite(b, "bias");
  const auto variance = [&](index_t r) {
    return static_cast<double>(norm.variance(r)) + static_cast<double>(norm.epsilon);
  };
  for (index_t r = 0; r < size; ++r)
    detail::require<value_error>(variance(r) > 0, "variance + epsilon is ", variance(r), " at feature ", r,
                                 ", must be positive");
  for (index_t r = 0; r < size; ++r) {
    const double factor = static_cast<double>(norm.gain(r)) / std::sqrt(variance(r));
    const auto scaled = [factor](auto& element, double shift) {
      element = static_cast<std::remove_reference_t<decltype(element)>>(
          std::fma(static_cast<double>(element), factor, shift));
    };
    w.for_each_in_row(r, [&](auto& element) { scaled(element, 0); });
    scaled(b.rows() == 1 ? b(0, r) : b(r, 0),
           std::fma(-static_cast<double>(norm.mean(r)), factor, static_cast<double>(norm.shift(r))));
  }
}

}  // namespace pare
