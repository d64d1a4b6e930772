// The memory in which samples are packed for a multiply, and how samples come in and go out.
#pragma once

#include <pare/kernels/contract.hpp>

namespace pare {

// What a multiply does to its inputs first.
enum class precision {
  int8,     // quantizes them on the fly to 8 bits, one scale per sample and group of columns: the fast path
  float32,  // keeps them as they are: exact products of the same weights
};

namespace detail {

inline constexpr index_t lanes = 16;

// Elements between packed samples: whole vectors of 16 may be written at the last group, and a block read from any
// step.
inline index_t packed_stride(const packed_matrix& w) {
  return round_up((w.layout().steps + most_block_steps) * step_cols, 64);
}

// Weights that are floats are multiplied with floats.
inline precision effective_precision(const packed_matrix& w, precision wanted) {
  return w.format().encoding == encoding::dense ? precision::float32 : wanted;
}

// Packed inputs of up to `batch` samples, for any matrix it was grown for.
class input_buffer {
 public:
  explicit input_buffer(index_t batch) : batch_(batch) {}

  // Makes room for multiplies with `w`. Throws std::bad_alloc.
  void grow_for(const packed_matrix& w, precision inputs) {
    elements_ = std::max(elements_, packed_stride(w));
    groups_ = std::max(groups_, w.layout().groups);
    codes_ = codes_ || effective_precision(w, inputs) == precision::int8;
    values_ = values_ || effective_precision(w, inputs) == precision::float32;
  }
  void allocate() {
    const std::size_t elements = static_cast<std::size_t>(batch_ * elements_);
    const std::size_t sums = static_cast<std::size_t>(batch_ * groups_ + lanes);
    if (codes_) {
      int8_ = aligned_array<std::int8_t>(elements);
      scales_ = aligned_array<float>(sums);
      zero_sums_ = aligned_array<std::int32_t>(sums);
    }
    if (values_) floats_ = aligned_array<float>(elements);
    value_sums_ = aligned_array<float>(sums);
  }

  // For `batch` samples, at most as many as there is room for.
  packed_inputs for_matrix(const packed_matrix& w, index_t batch) const noexcept {
    packed_inputs inputs;
    inputs.stride = packed_stride(w);
    inputs.codes = int8_.get();
    inputs.values = floats_.get();
    inputs.samples = batch;
    inputs.scales = scales_.get();
    inputs.zero_sums = zero_sums_.get();
    inputs.value_sums = value_sums_.get();
    return inputs;
  }

 private:
  index_t batch_;
  index_t elements_ = 0;
  index_t groups_ = 0;
  bool codes_ = false;
  bool values_ = false;
  aligned_array<std::int8_t> int8_;
  aligned_array<float> scales_;
  aligned_array<std::int32_t> zero_sums_;
  aligned_array<float> floats_;
  aligned_array<float> value_sums_;
};

// Copies samples [batch, features] to out, `stride` floats apart.
template <class T>
void read_samples(const matrix_view<T>& samples, float* out, index_t stride) noexcept {
  for (index_t b = 0; b < samples.rows(); ++b, out += stride)
    if constexpr (std::is_same_v<typename matrix_view<T>::compute_type, float>) {
      samples.read_row(b, out);
    } else {
      float* next = out;
      samples.for_each_in_row(b, [&](const T& value) { *next++ = static_cast<float>(value); });
    }
}

template <class T>
void write_samples(const float* in, index_t stride, const matrix_view<T>& samples) noexcept {
  for (index_t b = 0; b < samples.rows(); ++b, in += stride)
    if constexpr (std::is_same_v<typename matrix_view<T>::compute_type, float>) {
      samples.write_row(b, in);
    } else {
      const float* next = in;
      samples.for_each_in_row(b, [&](T& value) { value = static_cast<T>(*next++); });
    }
}

// Throws shape_error unless x is [inputs, batch].
template <class X>
void require_inputs(const matrix_view<X>& x, index_t inputs) {
  require<shape_error>(x.cols() == inputs, "x is [", x.cols(), ", ", x.rows(), "], must be [", inputs, ", batch]",
                       x.rows() == inputs ? ": samples are columns, pass its transpose" : "");
}

// Throws shape_error unless x is [inputs, batch] and y is [outputs, batch], of one batch.
template <class X, class Y>
void require_samples(const matrix_view<X>& x, index_t inputs, const matrix_view<Y>& y, index_t outputs) {
  require_inputs(x, inputs);
  require<shape_error>(y.cols() == outputs && y.rows() == x.rows(), "y is [", y.cols(), ", ", y.rows(), "], must be [",
                       outputs, ", ", x.rows(), "]");
}

}  // namespace detail
}  // namespace pare
