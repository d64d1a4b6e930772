// linear: y = W x + b on a packed matrix, in whichever format its weights are stored.
#pragma once

#include <vector>

#include <pare/kernels/multiply.hpp>
#include <pare/storage/pack.hpp>

namespace pare {
namespace detail {

// Floats padded with zeros to whole vectors of 16.
template <tensor_like X>
std::vector<float> padded_floats(const X& x, std::string_view what) {
  const auto values = as_matrix(x);
  require<shape_error>(values.rows() == 1 || values.cols() == 1, what, " is ", values.rows(), " x ", values.cols(),
                       ", must be a vector");
  std::vector<float> padded(static_cast<std::size_t>(round_up(values.size(), lanes)));
  std::vector<float> row_values;
  for (index_t row = 0; row < values.rows(); ++row) {
    read_floats(values, row, row_values, what);
    std::copy(row_values.begin(), row_values.end(), padded.data() + row * values.cols());
  }
  return padded;
}

}  // namespace detail

// A fully connected layer with weights [outputs, inputs] and bias [outputs].
class linear {
 public:
  // Without a bias it is zero.
  explicit linear(packed_matrix weights, precision inputs = precision::int8)
      : weights_(std::move(weights)),
        bias_(static_cast<std::size_t>(detail::round_up(weights_.rows(), detail::lanes))),
        inputs_(inputs) {}

  // Throws shape_error unless the bias has one element per row, value_error naming the first that is not finite.
  template <tensor_like Bias>
  linear(packed_matrix weights, const Bias& bias, precision inputs = precision::int8)
      : weights_(std::move(weights)), bias_(detail::padded_floats(bias, "bias")), inputs_(inputs) {
    const index_t size = as_matrix(bias).size();
    detail::require<shape_error>(size == weights_.rows(), "the bias has ", size, " elements, the weights have ",
                                 weights_.rows(), " rows");
  }

  index_t inputs() const noexcept { return weights_.cols(); }
  index_t outputs() const noexcept { return weights_.rows(); }
  const packed_matrix& weights() const noexcept { return weights_; }
  std::span<const float> bias() const noexcept { return {bias_.data(), static_cast<std::size_t>(outputs())}; }
  precision input_precision() const noexcept { return inputs_; }

  // Bytes that a run reads.
  std::size_t bytes() const noexcept { return weights_.bytes().size() + bias_.size() * sizeof(float); }

  // The bias padded with zeros to whole panels.
  const float* padded_bias() const noexcept { return bias_.data(); }

 private:
  packed_matrix weights_;
  std::vector<float> bias_;
  precision inputs_;
};

}  // namespace pare
