// inverse_factor: the second moment of a layer's inputs, ready for methods that change weights one after another and
// let those behind make up for it.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include <pare/prune/second_moment.hpp>

namespace pare {

// The order in which columns of weights are visited.
enum class column_order {
  falling_energy,  // by falling E[x_j^2]: errors of the inputs that matter most find the most columns to make up for
                   // them
  as_they_are,
};

struct factor_options {
  double damping = 0.01;  // of the mean of the diagonal, added to all of it; ten times as much until it suffices
  column_order order = column_order::falling_energy;
};

namespace detail {

// L^-1 in place of a lower triangular L, whose upper triangle is not looked at: by halves, in n^3 / 3 operations.
inline void invert_lower(Eigen::Ref<Eigen::MatrixXd> l) {
  const index_t n = l.rows(), half = n / 2;
  if (n <= 64) {
    const Eigen::MatrixXd inverse = l.triangularView<Eigen::Lower>().solve(Eigen::MatrixXd::Identity(n, n));
    l.triangularView<Eigen::Lower>() = inverse;
    return;
  }
  invert_lower(l.topLeftCorner(half, half));
  invert_lower(l.bottomRightCorner(n - half, n - half));
  auto below = l.bottomLeftCorner(n - half, half);
  const Eigen::MatrixXd left = l.bottomRightCorner(n - half, n - half).triangularView<Eigen::Lower>() * below;
  below.noalias() = -(left * l.topLeftCorner(half, half).triangularView<Eigen::Lower>());
}

}  // namespace detail

// The upper triangular U of H^-1 = Uᵀ U for H = E[x xᵀ], damped, its rows and columns in the order of visiting. Where
// the weight w visited p-th becomes q, each later column j takes over -(w - q) U_pj / U_pp, and the squared error of
// the output grows by ((w - q) / U_pp)^2 (Frantar et al. 2023, "GPTQ", arXiv 2210.17323, section 3.3).
class inverse_factor {
 public:
  // Of a symmetric second moment [inputs, inputs]. Columns whose input is always zero take part in nothing. Throws
  // shape_error unless it is square, and value_error for a negative damping, an element that is not finite, a negative
  // one on the diagonal, or a matrix that no damping makes positive definite. O(inputs^3).
  explicit inverse_factor(const Eigen::MatrixXd& second_moment, const factor_options& options = {}) {
    const index_t n = second_moment.rows();
    detail::require<shape_error>(n >= 1 && second_moment.cols() == n, "the second moment is ", n, " x ",
                                 second_moment.cols(), ", must be square");
    detail::require_damping(options.damping);
    detail::require_finite(as_matrix(second_moment), "the second moment");
    const Eigen::VectorXd energy = second_moment.diagonal();
    for (index_t j = 0; j < n; ++j)
      detail::require<value_error>(energy[j] >= 0, "the second moment of input ", j, " is ", energy[j],
                                   ", must not be negative");
    order_.resize(static_cast<std::size_t>(n));
    std::iota(order_.begin(), order_.end(), 0);
    if (options.order == column_order::falling_energy)
      std::stable_sort(order_.begin(), order_.end(), [&](index_t a, index_t b) { return energy[a] > energy[b]; });
    for (const index_t col : order_) dead_.push_back(energy[col] == 0);
    factorize(second_moment, options.damping);
  }

  index_t size() const noexcept { return ratios_.rows(); }

  // The column that is visited p-th.
  index_t column(index_t p) const { return order_[static_cast<std::size_t>(p)]; }

  // Whether the input of the column visited p-th is always zero: what its weights are makes no difference.
  bool is_dead(index_t p) const { return dead_[static_cast<std::size_t>(p)]; }

  // U_pp.
  double diagonal(index_t p) const { return diagonal_[p]; }

  // U_pj / U_pp [inputs, inputs], zero for j < p.
  const row_major_matrix& ratios() const noexcept { return ratios_; }

  // The share of the mean of the diagonal that was added.
  double damping() const noexcept { return damping_; }

 private:
  // H = R Rᵀ with an upper R, whose inverse is U: the Cholesky factor of H with rows and columns turned around.
  void factorize(const Eigen::MatrixXd& moment, double damping) {
    const std::vector<index_t> turned_order(order_.rbegin(), order_.rend());
    constexpr int trials = 12;
    for (int trial = 0; trial < trials; ++trial) {
      const Eigen::MatrixXd h = detail::damped(moment, damping);
      Eigen::MatrixXd turned = h(turned_order, turned_order);
      const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> factor(turned);
      if (factor.info() == Eigen::Success) {
        damping_ = damping;
        detail::invert_lower(turned);
        return store(turned);
      }
      damping = damping > 0 ? 10 * damping : 1e-6;
    }
    detail::fail<value_error>({"the second moment is not positive definite, however much is added to its diagonal"});
  }

  // U, from itself with rows and columns turned around.
  void store(const Eigen::MatrixXd& turned) {
    const index_t n = turned.rows();
    diagonal_ = turned.diagonal().reverse();
    ratios_.setZero(n, n);
    for (index_t p = 0; p < n; ++p)
      for (index_t j = p; j < n; ++j) ratios_(p, j) = static_cast<float>(turned(n - 1 - p, n - 1 - j) / diagonal_[p]);
  }

  std::vector<index_t> order_;
  std::vector<bool> dead_;
  Eigen::VectorXd diagonal_;
  row_major_matrix ratios_;
  double damping_ = 0;
};

}  // namespace pare
