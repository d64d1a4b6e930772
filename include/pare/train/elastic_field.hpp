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
  // `displacement` is the root mean square of the length of a displacement, sigma the standard deviation of the
  // Gaussian, in pixels. No displacement makes no field.
  elastic_field(index_t height, index_t width, double displacement, double sigma, double unit)
      : height_(height), width_(width), kernel_(displacement > 0 ? gaussian_kernel(sigma) : std::vector<float>{}) {
    if (kernel_.empty()) return;
    reach_ = static_cast<index_t>(kernel_.size()) - 1;
    noise_.resize(static_cast<std::size_t>((height + 2 * reach_) * noise_width()));
    smooth_.resize(static_cast<std::size_t>(noise_width()));
    field_.resize(static_cast<std::size_t>(2 * height * width));
    // A smoothed number has the variance of the noise, 85, times the squares of the weights in both directions.
    double squares = -static_cast<double>(kernel_[0]) * static_cast<double>(kernel_[0]);
    for (const float weight : kernel_) squares += 2.0 * static_cast<double>(weight) * static_cast<double>(weight);
    scale_ = static_cast<float>(displacement * unit / (std::sqrt(2.0 * 85.0) * squares));
  }

  bool empty() const { return kernel_.empty(); }

  // A template, as what it calls, since they compute with Eigen: see mlp.hpp.
  template <std::same_as<random> Source>
  void draw(Source& source) {
    for (std::size_t begin = 0; begin < noise_.size(); begin += 16) {
      std::uint64_t bits = source.bits();
      const std::size_t end = std::min(begin + 16, noise_.size());
      for (std::size_t i = begin; i < end; ++i, bits >>= 4)
        noise_[i] = static_cast<float>(2 * static_cast<int>(bits & 15) - 15);
    }
    for (index_t row = 0; row < height_; ++row) {
      smooth(noise_.data() + (row + reach_) * noise_width(), noise_width(), smooth_.data(), noise_width());
      const float* const middle = smooth_.data() + reach_;
      smooth(middle, 1, field_.data() + row * width_, width_);
      smooth(middle + noise_width() / 2, 1, field_.data() + (height_ + row) * width_, width_);
    }
  }

  // The displacement of a pixel in 1 / `unit` pixels.
  index_t x(index_t row, index_t col) const { return component(row, col); }
  index_t y(index_t row, index_t col) const { return component(height_ + row, col); }

 private:
  // Noise of x on the left and of y on the right, each with as much around as the kernel reaches.
  index_t noise_width() const { return 2 * (width_ + 2 * reach_); }

  index_t component(index_t row, index_t col) const {
    return static_cast<index_t>(field_[static_cast<std::size_t>(row * width_ + col)] * scale_);
  }

  // out[i] is the sum under the kernel of in[i] and its neighbours at multiples of `stride` to both sides.
  template <std::same_as<float> Float>
  void smooth(const Float* in, index_t stride, Float* out, index_t size) const {
    using array = Eigen::Array<Float, 1, Eigen::Dynamic>;
    const auto at = [&](index_t i) { return Eigen::Map<const array>(in + i * stride, size); };
    Eigen::Map<array> sum(out, size);
    sum = kernel_[0] * at(0);
    for (index_t i = 1; i <= reach_; ++i) sum += kernel_[static_cast<std::size_t>(i)] * (at(-i) + at(i));
  }

  index_t height_;
  index_t width_;
  std::vector<float> kernel_;
  index_t reach_ = 0;
  float scale_ = 0;
  std::vector<float> noise_;   // [height + 2 reach, noise width]
  std::vector<float> smooth_;  // one row of it, smoothed down the columns
  std::vector<float> field_;   // [2 height, width]: x, then y
};

}  // namespace pare::detail
