// Removal of weights that looks at inputs: refit, Wanda, SparseGPT and optimal brain surgery, each against what it is
// defined by and against removal by magnitude.
#include <pare/parallel/thread_pool.hpp>
#include <pare/prune/prune.hpp>
#include <pare/prune/refit.hpp>
#include <pare/prune/sparse_gpt.hpp>
#include <pare/prune/surgery.hpp>
#include <pare/prune/wanda.hpp>
#include <pare/tensor/xtensor.hpp>

#include <Eigen/LU>
#include <xtensor/xarray.hpp>

#include "calibrated.hpp"
#include "catch.hpp"

using pare::index_t;
using pare::mask;

namespace {

Eigen::MatrixXd damped(Eigen::MatrixXd moment) {
  moment.diagonal().array() += 0.01 * moment.diagonal().mean();
  return moment;
}

double error_of(const Eigen::MatrixXf& w, const Eigen::MatrixXf& changed, const Eigen::MatrixXd& moment) {
  return output_error(w.cast<double>(), changed.cast<double>(), moment);
}

double magnitude_error(const calibrated_layer& l, double share) {
  Eigen::MatrixXf pruned = l.w;
  pare::prune(pruned, pare::sparsity{share});
  return error_of(l.w, pruned, l.moment);
}

}  // namespace

TEST_CASE("refitted weights are where the slope of the output's error is zero") {
  const calibrated_layer l(7, 30, 1);
  const mask kept = pare::make_mask(pare::by_magnitude(l.w), pare::sparsity{0.6});
  Eigen::MatrixXf changed = l.w;
  pare::refit(changed, kept, l.moment);
  // The slope 2 (q - w) H at the kept weights, which are off by the rounding to float.
  const Eigen::MatrixXd slope = (changed - l.w).cast<double>() * damped(l.moment);
  const Eigen::MatrixXd bound = float_eps * changed.cast<double>().cwiseAbs() * damped(l.moment).cwiseAbs();
  for (index_t row = 0; row < 7; ++row)
    for (index_t col = 0; col < 30; ++col)
      if (kept.test(row, col))
        CHECK(std::abs(slope(row, col)) <= bound(row, col));
      else
        CHECK(changed(row, col) == 0);
  CHECK(error_of(l.w, changed, l.moment) < 0.5 * magnitude_error(l, 0.6));
}

TEST_CASE("refit keeps all, none, or a tensor of another library") {
  const calibrated_layer l(3, 10, 2);
  Eigen::MatrixXf changed = l.w;
  pare::refit(changed, ~mask(3, 10), l.moment);
  CHECK(changed == l.w);
  pare::refit(changed, mask(3, 10), l.moment);
  CHECK(changed == Eigen::MatrixXf::Zero(3, 10));
  xt::xarray<double> other = xt::zeros<double>({3, 2, 5});
  for (index_t row = 0; row < 3; ++row)
    for (index_t col = 0; col < 10; ++col)
      other(static_cast<std::size_t>(row), static_cast<std::size_t>(col / 5), static_cast<std::size_t>(col % 5)) =
          static_cast<double>(l.w(row, col));
  const mask kept = mask::where(3, 10, [](index_t, index_t col) { return col % 2 == 0; });
  changed = l.w;
  pare::refit(changed, kept, l.moment);
  pare::refit(other, kept, l.moment);
  CHECK(static_cast<float>(other(1, 0, 4)) == changed(1, 4));
  CHECK(other(1, 0, 3) == 0);
}

TEST_CASE("wanda ranks by the weight times the root mean square of its input") {
  const calibrated_layer l(4, 12, 3);
  const pare::row_major_matrix scores = pare::wanda_scores(l.w, l.inputs);
  for (index_t row = 0; row < 4; ++row)
    for (index_t col = 0; col < 12; ++col)
      CHECK(scores(row, col) == std::abs(l.w(row, col)) * static_cast<float>(std::sqrt(l.moment(col, col))));
  CHECK(error_message<pare::shape_error>([&] { pare::wanda_scores(gaussian(2, 11, 1), l.inputs); }) ==
        "the weights have 11 columns, the inputs are 12");
}

TEST_CASE("sparse_gpt removes exactly its share, and less error comes of it than of magnitude") {
  for (const index_t cols : {50, 128, 300})
    for (const double share : {0.3, 0.5}) {
      const calibrated_layer l(20, cols, 4);
      Eigen::MatrixXf changed = l.w;
      const mask kept = pare::sparse_gpt(changed, pare::inverse_factor(l.moment), pare::sparsity{share});
      CHECK(kept.count() == pare::kept_count(20 * cols, share));
      for (index_t row = 0; row < 20; ++row)
        for (index_t col = 0; col < cols; ++col) CHECK((changed(row, col) != 0) == kept.test(row, col));
      CHECK(error_of(l.w, changed, l.moment) < 0.6 * magnitude_error(l, share));
      // The columns behind make up for each, but those before cannot any more: a refit does better.
      Eigen::MatrixXf best = l.w;
      pare::refit(best, kept, l.moment);
      const Eigen::MatrixXd h = damped(l.moment);
      CHECK(error_of(l.w, best, h) < error_of(l.w, changed, h));
    }
}

TEST_CASE("sparse_gpt keeps n of m, by what columns have become when their turn comes") {
  const calibrated_layer l(9, 42, 5);
  const pare::inverse_factor factor(l.moment, {.order = pare::column_order::as_they_are});
  Eigen::MatrixXf changed = l.w;
  const mask kept = pare::sparse_gpt(changed, factor, pare::n_of_m{2, 4});
  // The same with an explicit inverse of what is left of H.
  Eigen::MatrixXd w = l.w.cast<double>(), h = damped(l.moment);
  for (index_t col = 0; col < 42; ++col) {
    const Eigen::MatrixXd inverse = h.bottomRightCorner(42 - col, 42 - col).inverse();
    for (index_t row = 0; row < 9; ++row) {
      if (!kept.test(row, col)) w.row(row).tail(42 - col) -= w(row, col) / inverse(0, 0) * inverse.row(0);
      CHECK(std::abs(static_cast<double>(changed(row, col)) - w(row, col)) <= 1e-4);
    }
  }
  for (index_t row = 0; row < 9; ++row)
    for (index_t col = 0; col < 42; col += 4) CHECK((kept.run(row, col) & 15) != 0);
  CHECK(kept.count() == 9 * (10 * 2 + 2));
  CHECK(error_message<pare::value_error>([&] {
          pare::sparse_gpt(changed, pare::inverse_factor(l.moment), pare::n_of_m{2, 4});
        }).rfind("n_of_m takes columns as they are, the factor visits column ", 0) == 0);
}

TEST_CASE("surgery removes what a search over all weights left removes") {
  const index_t rows = 3, cols = 9, keep = 8;
  const calibrated_layer l(rows, cols, 6);
  const Eigen::MatrixXd h = damped(l.moment);
  // The squared error of a row with the weights that are kept at their best: w_R (H^-1_RR)^-1 w_R.
  const auto loss = [&](index_t row, const std::vector<index_t>& removed) {
    if (removed.empty()) return 0.0;
    const Eigen::VectorXd w = l.w.row(row).cast<double>()(removed);
    return w.dot(Eigen::MatrixXd(h.inverse()(removed, removed)).inverse() * w);
  };
  std::vector<std::vector<index_t>> removed(rows);
  for (index_t left = rows * cols; left > keep; --left) {
    double least = std::numeric_limits<double>::infinity();
    std::pair<std::size_t, index_t> best;
    for (std::size_t row = 0; row < removed.size(); ++row)
      for (index_t col = 0; col < cols; ++col) {
        std::vector<index_t> tried = removed[row];
        if (std::find(tried.begin(), tried.end(), col) != tried.end()) continue;
        tried.push_back(col);
        const double more = loss(static_cast<index_t>(row), tried) - loss(static_cast<index_t>(row), removed[row]);
        if (more >= least) continue;
        least = more;
        best = {row, col};
      }
    removed[best.first].push_back(best.second);
  }
  mask expected = ~mask(rows, cols);
  for (std::size_t row = 0; row < removed.size(); ++row)
    for (const index_t col : removed[row]) expected.set(static_cast<index_t>(row), col, false);
  Eigen::MatrixXf changed = l.w, refitted = l.w;
  CHECK(pare::optimal_brain_surgeon(changed, l.moment, pare::sparsity{1 - 8.0 / 27}) == expected);
  pare::refit(refitted, expected, l.moment);
  CHECK(changed == refitted);
}

TEST_CASE("surgery does better than sparse_gpt, which does better than wanda, which does better than magnitude") {
  calibrated_layer l(24, 60, 7);
  Eigen::MatrixXf x = correlated(60, 240, 8);
  for (index_t j = 0; j < 60; ++j) x.row(j) *= static_cast<float>(1 + j % 5);  // inputs of unlike size
  l.moment = statistics_of(x).second_moment();
  for (const double share : {0.5, 0.7}) {
    Eigen::MatrixXf by_surgery = l.w, by_gpt = l.w, by_wanda = l.w;
    pare::optimal_brain_surgeon(by_surgery, l.moment, pare::sparsity{share});
    pare::sparse_gpt(by_gpt, pare::inverse_factor(l.moment), pare::sparsity{share});
    const pare::row_major_matrix scores = pare::wanda_scores(l.w, statistics_of(x));
    pare::make_mask(pare::by_score(scores), pare::row_sparsity{share}).apply(by_wanda);
    CHECK(error_of(l.w, by_surgery, l.moment) < error_of(l.w, by_gpt, l.moment));
    CHECK(error_of(l.w, by_gpt, l.moment) < error_of(l.w, by_wanda, l.moment));
    CHECK(error_of(l.w, by_wanda, l.moment) < magnitude_error(l, share));
  }
}

TEST_CASE("how many threads prune changes nothing", "[threads]") {
  const calibrated_layer l(30, 40, 13);
  pare::thread_pool threads(3);
  Eigen::MatrixXf one = l.w, several = l.w;
  CHECK(pare::optimal_brain_surgeon(one, l.moment, pare::sparsity{0.6}) ==
        pare::optimal_brain_surgeon(several, l.moment, pare::sparsity{0.6}, {.threads = &threads}));
  CHECK(one == several);
}

TEST_CASE("weights that are zero already go first, and none come back") {
  calibrated_layer l(5, 20, 9);
  for (index_t i = 0; i < l.w.size(); i += 3) l.w(i) = 0;
  const index_t nonzeros = (l.w.array() != 0).count();
  Eigen::MatrixXf changed = l.w;
  const mask kept =
      pare::optimal_brain_surgeon(changed, l.moment, pare::sparsity{1 - static_cast<double>(nonzeros) / 100});
  CHECK(kept.count() == nonzeros);
  CHECK(changed == l.w);
}

TEST_CASE("weights of inputs that are always zero go first, however large they are") {
  calibrated_layer l(6, 20, 11);
  l.w.col(4).setConstant(100);
  Eigen::MatrixXf x = correlated(20, 80, 12);
  x.row(4).setZero();
  const Eigen::MatrixXd moment = statistics_of(x).second_moment();
  for (const bool by_surgery : {false, true}) {
    Eigen::MatrixXf w = l.w;
    const pare::sparsity share{6.0 / 120};
    const mask kept = by_surgery ? pare::optimal_brain_surgeon(w, moment, share)
                                 : pare::sparse_gpt(w, pare::inverse_factor(moment), share);
    CHECK(kept == mask::where(6, 20, [](index_t, index_t col) { return col != 4; }));
    CHECK(error_of(l.w, w, moment) == 0);
  }
}

TEST_CASE("what does not fit is refused, and the weights are as they were") {
  const calibrated_layer l(3, 8, 10);
  Eigen::MatrixXf w = l.w;
  const Eigen::MatrixXd small = Eigen::MatrixXd::Identity(7, 7);
  CHECK(error_message<pare::shape_error>([&] { pare::refit(w, mask(3, 8), small); }) ==
        "the second moment is 7 x 7, the weights have 8 columns");
  CHECK(error_message<pare::shape_error>([&] { pare::refit(w, mask(2, 8), l.moment); }) ==
        "the weights are 3 x 8, the mask 2 x 8");
  CHECK(error_message<pare::value_error>([&] { pare::refit(w, ~mask(3, 8), l.moment, {.damping = -0.5}); }) ==
        "damping is -0.5, must not be negative");
  CHECK(error_message<pare::value_error>([&] {
          pare::sparse_gpt(w, pare::inverse_factor(l.moment), pare::sparsity{1.5});
        }) == "sparsity is 1.5, must be 0 to 1");
  const Eigen::MatrixXd rank_one = Eigen::VectorXd::Ones(8) * Eigen::RowVectorXd::Ones(8);
  CHECK(error_message<pare::value_error>([&] {
          pare::optimal_brain_surgeon(w, rank_one, pare::sparsity{0.5}, {.damping = 0});
        }) == "the second moment is singular with a damping of 0");
  CHECK(w == l.w);
  w(2, 5) = std::nanf("");
  CHECK(error_message<pare::value_error>([&] {
          pare::sparse_gpt(w, pare::inverse_factor(l.moment), pare::sparsity{0.5});
        }) == "weights[2, 5] is nan, must be finite in float");
}
