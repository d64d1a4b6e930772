// Proximal steps, norms and clipping against their formulas.
#include <pare/train/regularization.hpp>

#include <limits>

#include "catch.hpp"
#include "support.hpp"

using Eigen::MatrixXd;
using Eigen::MatrixXf;
using pare::detail::clipping_factor;
using pare::detail::regularize;

TEST_CASE("the proximal step of l1 shrinks each weight and makes small ones zero") {
  MatrixXf w(1, 5);
  w << 1.0f, -1.0f, 0.25f, -0.125f, 0.0f;
  regularize({.l1 = 0.5f}, w, 0.5);
  CHECK(w == (MatrixXf(1, 5) << 0.75f, -0.75f, 0.0f, 0.0f, 0.0f).finished());
}

TEST_CASE("the proximal step of the group lasso is the minimizer that it stands for") {
  const MatrixXf before = gaussian(6, 9, 1).array().colwise() * Eigen::ArrayXf::LinSpaced(6, 0.05f, 1.0f);
  MatrixXf w = before;
  const double shrink = 0.125 * 0.5 * 3;  // rate · weight · sqrt(9)
  regularize({.group_lasso = 0.5f}, w, 0.125);
  int zero_rows = 0;
  for (int i = 0; i < 6; ++i) {
    const Eigen::VectorXd old = before.row(i).cast<double>(), now = w.row(i).cast<double>();
    zero_rows += now.isZero(0);
    // argmin |x - old|^2 / 2 + shrink |x|: x - old + shrink x / |x| = 0, or |old| <= shrink and x = 0.
    if (now.isZero(0))
      CHECK(old.norm() <= shrink * (1 + 12 * float_eps));
    else
      CHECK((now - old + shrink * now.normalized()).cwiseAbs().maxCoeff() <= 16 * float_eps * old.norm());
  }
  CHECK(zero_rows > 0);
  CHECK(zero_rows < 6);
}

TEST_CASE("the largest norm scales down longer rows and leaves the others") {
  MatrixXf w(2, 2);
  w << 3.0f, 4.0f, 0.5f, 0.5f;
  regularize({.max_norm = 2.5f}, w, 1.0);
  CHECK(w == (MatrixXf(2, 2) << 1.5f, 2.0f, 0.5f, 0.5f).finished());
}

TEST_CASE("clipping scales to the norm, and only what is longer") {
  CHECK(clipping_factor({.norm = 2.0f}, 16.0) == 0.5f);
  CHECK(clipping_factor({.norm = 2.0f}, 4.0) == 1.0f);
  CHECK(clipping_factor({}, 1e30) == 1.0f);
}

TEST_CASE("regularization and clipping refuse numbers outside their range") {
  const auto message = [](const auto& options) {
    return error_message<pare::value_error>([&] { pare::validate(options); });
  };
  CHECK(message(pare::regularization{.l1 = -1}) == "l1 is -1, must be finite and not negative");
  CHECK(message(pare::regularization{.l2 = -1}) == "l2 is -1, must be finite and not negative");
  CHECK(message(pare::regularization{.group_lasso = -1}) == "group_lasso is -1, must be finite and not negative");
  CHECK(message(pare::regularization{.max_norm = -1}) == "max_norm is -1, must be finite and not negative");
  CHECK(message(pare::regularization{.dropout = 1}) == "dropout is 1, must be at least 0, below 1");
  CHECK(message(pare::regularization{.input_dropout = -1}) == "input_dropout is -1, must be at least 0, below 1");
  CHECK(message(pare::gradient_clipping{.value = -1}) == "clipping value is -1, must be finite and not negative");
  CHECK(message(pare::gradient_clipping{.norm = -1}) == "clipping norm is -1, must be finite and not negative");
}
