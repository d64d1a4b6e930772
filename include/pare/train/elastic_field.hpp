// Smooth random displacements of the pixels of an image: white noise under a Gaussian (Simard, Steinkraus and Platt
// 2003, "Best practices for convolutional neural networks applied to visual document analysis", section 2).
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include <pare/train/random.hpp>

namespace pare::detail {

#include <pare/tensor/strict_fp_begin.inl>

// e^-x for 0 <= x <= 200, the same on every machine: the series at x / 1024, squared ten times.
inline double exp_of_minus(double x) {
  const double y = x / 1024.0;
  double sum = 1.0;
  for (int k = 12; k >= 1; --k) sum = std::fma(-y / k, sum, 1.0);
  for (int k = 0; k < 10; ++k) sum *= sum;
  return sum;
}

// The Gaussian from its middle outward, in integers whose sum over both sides is at most 1024. Sigma in pixels.
inline std::vector<float> gaussian_kernel(double sigma) {
  std::vector<double> values = {1.0};
  double sum = 1.0;
  for (int i = 1; i <= 4.0 * sigma; ++i) {
    values.push_back(exp_of_minus(i * i / (2.0 * sigma * sigma)));
    sum += 2.0 * values.back();
  }
  std::vector<float> kernel;
  for (const double value : values) {
    const auto weight = static_cast<float>(std::floor(1024.0 * value / sum));
    if (weight > 0.0f) kernel.push_back(weight);
  }
  return kernel;
}

#include <pare/tensor/strict_fp_end.inl>

// The noise is odd integers within 15: with a kernel as above all sums stay below 2^24 and are exact in float, in any
// order and fused or not. So the field is the same on every machine.
class elastic_field {
 public:
  // `displacement` is the root mean square of the length of a displacement, sigma that of the Gaussian. A displacement
  // is given in 1 / `unit` pixels. No displacement is no field.
  elastic_field(index_t height, index_t width, double displacement, double sigma, double unit)
      : height_(height), width_(width), kernel_(displacement > 0 ? gaussian_kernel(sigma) : std::vector<float>{}) {
    if (kernel_.empty()) return;
    const index_t border = 2 * (static_cast<index_t>(kernel_.size()) - 1);
    noise_.resize(height + border, 2 * (width + border));
    smooth_.resize(height, noise_.cols());
    field_.resize(2 * height, width);
    // A smoothed number has the variance of the noise, 85, times the squares of the weights in both directions.
    double squares = -static_cast<double>(kernel_[0]) * static_cast<double>(kernel_[0]);
    for (const float weight : kernel_) squares += 2.0 * static_cast<double>(weight) * static_cast<double>(weight);
    scale_ = static_cast<float>(displacement * unit / (std::sqrt(2.0 * 85.0) * squares));
  }

  bool empty() const { return kernel_.empty(); }

  // Templates, since they compute with Eigen: see mlp.hpp.
  template <std::same_as<random> Source>
  void draw(Source& source) {
    float* const noise = noise_.data();
    for (index_t begin = 0; begin < noise_.size(); begin += 16) {
      std::uint64_t bits = source.bits();
      const index_t end = std::min(begin + 16, noise_.size());
      for (index_t i = begin; i < end; ++i, bits >>= 4)
        noise[i] = static_cast<float>(2 * static_cast<int>(bits & 15) - 15);
    }
    smooth_columns(noise_, smooth_);
    smooth_rows(smooth_, field_);
  }

  index_t x(index_t row, index_t col) const { return static_cast<index_t>(field_(row, col) * scale_); }
  index_t y(index_t row, index_t col) const { return static_cast<index_t>(field_(height_ + row, col) * scale_); }

 private:
  using array = Eigen::Array<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

  // Noise of x on the left, of y on the right.
  template <std::same_as<array> Array>
  void smooth_columns(const Array& from, Array& to) const {
    const auto reach = static_cast<index_t>(kernel_.size()) - 1;
    for (index_t row = 0; row < height_; ++row) {
      auto sum = to.row(row);
      sum = kernel_[0] * from.row(row + reach);
      for (index_t i = 1; i <= reach; ++i)
        sum += kernel_[static_cast<std::size_t>(i)] * (from.row(row + reach - i) + from.row(row + reach + i));
    }
  }

  // Then x above, y below.
  template <std::same_as<array> Array>
  void smooth_rows(const Array& from, Array& to) const {
    const auto reach = static_cast<index_t>(kernel_.size()) - 1;
    for (index_t row = 0; row < 2 * height_; ++row) {
      const auto in = from.row(row % height_).segment(row / height_ * (from.cols() / 2), from.cols() / 2);
      auto sum = to.row(row);
      sum = kernel_[0] * in.segment(reach, width_);
      for (index_t i = 1; i <= reach; ++i)
        sum += kernel_[static_cast<std::size_t>(i)] * (in.segment(reach - i, width_) + in.segment(reach + i, width_));
    }
  }

  index_t height_;
  index_t width_;
  std::vector<float> kernel_;
  float scale_ = 0;
  array noise_;   // [height + border, 2 (width + border)]
  array smooth_;  // [height, 2 (width + border)]
  array field_;   // [2 height, width]
};

}  // namespace pare::detail
