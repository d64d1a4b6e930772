// How far an approximation is from its reference.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <pare/tensor/finite.hpp>

namespace pare {

// Statistics of the error between two tensors of the same shape.
struct distortion {
  double mean_squared_error = 0;
  double max_error = 0;  // largest |reference - approximation|
  double sqnr =
      std::numeric_limits<double>::infinity();  // signal to quantization noise, 10 log10(sum r^2 / sum e^2), dB
  double cosine = 1;  // of the angle between the two as vectors; 1 if both are zero, 0 if one is
};

namespace detail {

#include <pare/tensor/strict_fp_begin.inl>

// A sum that keeps what each addition rounds away (Neumaier 1974).
class compensated_sum {
 public:
  void add(double value) {
    const double next = sum_ + value;
    rest_ += std::fabs(sum_) >= std::fabs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }
  double total() const { return sum_ + rest_; }

 private:
  double sum_ = 0;
  double rest_ = 0;
};

#include <pare/tensor/strict_fp_end.inl>

}  // namespace detail

// Throws shape_error unless both are matrices of the same rows and columns, value_error naming what is not finite.
template <tensor_like Reference, tensor_like Approximation>
distortion measure_distortion(const Reference& reference, const Approximation& approximation) {
  const auto a = as_matrix(reference);
  const auto b = as_matrix(approximation);
  detail::require<shape_error>(a.rows() == b.rows() && a.cols() == b.cols(), "the reference is ", a.rows(), " x ",
                               a.cols(), ", the approximation ", b.rows(), " x ", b.cols());
  detail::require_finite(a, "the reference");
  detail::require_finite(b, "the approximation");
  detail::compensated_sum errors, references, approximations, products;
  distortion result;
  for (index_t row = 0; row < a.rows(); ++row)
    for (index_t col = 0; col < a.cols(); ++col) {
      const double r = static_cast<double>(a(row, col));
      const double p = static_cast<double>(b(row, col));
      errors.add((r - p) * (r - p));
      references.add(r * r);
      approximations.add(p * p);
      products.add(r * p);
      result.max_error = std::max(result.max_error, std::fabs(r - p));
    }
  if (a.size() > 0) result.mean_squared_error = errors.total() / static_cast<double>(a.size());
  if (errors.total() > 0) result.sqnr = 10 * std::log10(references.total() / errors.total());
  const double norms = std::sqrt(references.total()) * std::sqrt(approximations.total());
  if (norms > 0)
    result.cosine = products.total() / norms;
  else if (references.total() > 0 || approximations.total() > 0)
    result.cosine = 0;
  return result;
}

}  // namespace pare
