// input_statistics: what is remembered of a layer's inputs while a few hundred of them go by.
#pragma once

#include <algorithm>
#include <vector>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {
namespace detail {

// Throws value_error naming the first number that is not finite in float; samples are numbered from `first`.
template <class T>
void require_finite_samples(const matrix_view<T>& samples, index_t first) {
  std::vector<float> values(static_cast<std::size_t>(samples.cols()));
  for (index_t sample = 0; sample < samples.rows(); ++sample) {
    samples.read_row(sample, values.data());
    for (std::size_t i = 0; i < values.size(); ++i)
      require<value_error>(is_finite(values[i]), "feature ", i, " of sample ", first + sample, " is ", values[i],
                           ", must be finite in float");
  }
}

}  // namespace detail

// Moments and ranges of inputs x [inputs], of any number of samples: O(inputs^2) memory, however many they are.
class input_statistics {
 public:
  // Throws value_error unless inputs >= 1.
  explicit input_statistics(index_t inputs) : inputs_(inputs) {
    detail::require<value_error>(inputs >= 1, "input_statistics of ", inputs, " inputs, must be at least 1");
    products_.setZero(inputs, inputs);
    sum_.setZero(inputs);
    magnitude_sum_.setZero(inputs);
    low_.setConstant(inputs, std::numeric_limits<float>::infinity());
    high_.setConstant(inputs, -std::numeric_limits<float>::infinity());
  }

  // Adds samples [inputs, batch], or one [inputs]; `first` is the number of the first one in messages. Throws
  // shape_error for other extents and value_error naming the first element that is not finite in float; nothing is
  // added then. O(batch · inputs^2).
  template <tensor_like X>
  void add(const X& x, index_t first = 0) {
    const auto samples = as_samples(x);
    detail::require<shape_error>(samples.cols() == inputs_, "the samples have ", samples.cols(),
                                 " features, the statistics are of ", inputs_);
    detail::require_finite_samples(samples, first);
    for (index_t begin = 0; begin < samples.rows(); begin += most_at_once) {
      const index_t count = std::min(most_at_once, samples.rows() - begin);
      Eigen::MatrixXd part(inputs_, count);
      for (index_t i = 0; i < count; ++i) samples.read_row(begin + i, part.col(i).data());
      add_part(part);
    }
  }

  index_t inputs() const noexcept { return inputs_; }
  index_t samples() const noexcept { return samples_; }

  // E[x xᵀ], not centered; the H of second-order methods. Zero without samples, like all means here.
  Eigen::MatrixXd second_moment() const {
    Eigen::MatrixXd moment = products_.selfadjointView<Eigen::Lower>();
    return moment *= per_sample();
  }
  // E[x_j^2]: the diagonal of the above.
  Eigen::VectorXd mean_square() const { return products_.diagonal() * per_sample(); }
  Eigen::VectorXd mean() const { return sum_ * per_sample(); }
  Eigen::VectorXd mean_magnitude() const { return magnitude_sum_ * per_sample(); }

  // The least and the greatest value of each input; infinite, and the wrong way round, without samples.
  const Eigen::VectorXf& low() const noexcept { return low_; }
  const Eigen::VectorXf& high() const noexcept { return high_; }

  // Whether an input was zero in every sample: whatever its weights are, they contribute nothing.
  bool is_dead(index_t input) const { return products_(input, input) == 0; }
  index_t dead_inputs() const { return (products_.diagonal().array() == 0).count(); }

 private:
  static constexpr index_t most_at_once = 256;

  double per_sample() const { return samples_ == 0 ? 0.0 : 1 / static_cast<double>(samples_); }

  void add_part(const Eigen::MatrixXd& part) {
    products_.selfadjointView<Eigen::Lower>().rankUpdate(part);
    sum_ += part.rowwise().sum();
    magnitude_sum_ += part.cwiseAbs().rowwise().sum();
    low_ = low_.cwiseMin(part.rowwise().minCoeff().cast<float>());
    high_ = high_.cwiseMax(part.rowwise().maxCoeff().cast<float>());
    samples_ += part.cols();
  }

  index_t inputs_;
  index_t samples_ = 0;
  Eigen::MatrixXd products_;  // the lower triangle of the sum of x xᵀ
  Eigen::VectorXd sum_, magnitude_sum_;
  Eigen::VectorXf low_, high_;
};

}  // namespace pare
