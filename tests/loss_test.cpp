// Losses against double precision and central differences.
#include <pare/train/loss.hpp>

#include <array>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "support.hpp"

using Eigen::MatrixXd;
using Eigen::MatrixXf;
using pare::index_t;

namespace {

// The loss of one sample, from its definition.
double of_sample(const pare::loss& of, const Eigen::VectorXd& z, const Eigen::VectorXd& t) {
  const double count = static_cast<double>(z.size());
  if (const auto* l = std::get_if<pare::cross_entropy>(&of)) {
    const double smoothing = static_cast<double>(l->label_smoothing);
    const Eigen::ArrayXd smooth = (1 - smoothing) * t.array() + smoothing / count;
    return -(smooth * (z.array() - std::log(z.array().exp().sum()))).sum();
  }
  if (std::holds_alternative<pare::mean_squared_error>(of)) return (z - t).squaredNorm() / count;
  double sum = 0;
  for (index_t i = 0; i < z.size(); ++i) {
    if (const auto* l = std::get_if<pare::huber>(&of)) {
      const double e = std::abs(z(i) - t(i)), delta = static_cast<double>(l->delta);
      sum += e <= delta ? e * e / 2 : delta * (e - delta / 2);
    } else {
      const double p = 1 / (1 + std::exp(-z(i)));
      sum -= t(i) * std::log(p) + (1 - t(i)) * std::log(1 - p);
    }
  }
  return sum / count;
}

double oracle(const pare::loss& of, const MatrixXd& z, const MatrixXd& t, double weight) {
  double sum = 0;
  for (index_t j = 0; j < z.cols(); ++j) sum += of_sample(of, z.col(j), t.col(j));
  return weight * sum;
}

const std::array<pare::loss, 6> losses = {pare::cross_entropy{},      pare::cross_entropy{.label_smoothing = 0.25f},
                                          pare::mean_squared_error{}, pare::huber{},
                                          pare::huber{.delta = 0.5f}, pare::binary_cross_entropy{}};

// In (0, 1), each column a distribution.
MatrixXf some_targets(index_t rows, index_t cols) {
  MatrixXf targets = gaussian(rows, cols, 9).array().exp();
  return targets.array().rowwise() / targets.array().colwise().sum();
}

}  // namespace

TEST_CASE("every loss and its gradient are those of double precision, scaled by the weight") {
  const pare::loss of = losses[GENERATE(range(std::size_t{0}, losses.size()))];
  const MatrixXf logits = 2.0f * gaussian(5, 7, 1), targets = some_targets(5, 7);
  MatrixXf gradient(5, 7);
  const double got = pare::loss_and_gradient(of, logits, targets, gradient, 0.25f);
  const MatrixXd z = logits.cast<double>(), t = targets.cast<double>();
  // A sum of 5 terms per sample and 7 samples, each term with a few roundings of numbers up to the largest difference,
  // which the losses square or give to exp.
  const double size = 1 + z.cwiseAbs().maxCoeff() + t.cwiseAbs().maxCoeff();
  const double tolerance = 0.25 * float_eps * (5 + 7 + 8) * 7 * size * size;
  CHECK(std::abs(got - oracle(of, z, t, 0.25)) <= tolerance);
  const double h = 1e-5;  // error h^2/6 f''' + 2^-52 f / h, below 1e-9
  for (index_t j = 0; j < 7; ++j)
    for (index_t i = 0; i < 5; ++i) {
      const double slope = central_difference([&](const MatrixXd& at) { return oracle(of, at, t, 0.25); }, z, i, j, h);
      CHECK(std::abs(static_cast<double>(gradient(i, j)) - slope) <= 0.25 * float_eps * (5 + 8) * size + 1e-9);
    }
}

TEST_CASE("cross-entropy of equal logits is the logarithm of the number of classes") {
  MatrixXf gradient(4, 1);
  const MatrixXf target = (MatrixXf(4, 1) << 0, 0, 1, 0).finished();
  const MatrixXf logits = MatrixXf::Constant(4, 1, 7.0f);
  CHECK(pare::loss_and_gradient(pare::cross_entropy{}, logits, target, gradient, 1.0f) == std::log(4.0));
  CHECK(gradient == (MatrixXf(4, 1) << 0.25f, 0.25f, -0.75f, 0.25f).finished());
}

TEST_CASE("losses of logits neither overflow nor lose a hopeless sample") {
  MatrixXf logits(2, 2), gradient(2, 2), targets(2, 2);
  logits << 1e30f, -1e4f, -1e30f, 1e4f;
  targets << 1, 1, 0, 0;
  CHECK(pare::loss_and_gradient(pare::cross_entropy{}, logits, targets, gradient, 0.5f) == 1e4);  // (0 + 2e4) / 2
  // The least that a vectorized exp gives may be a little above nothing.
  const float nothing = std::numeric_limits<float>::min();
  CHECK((gradient - (MatrixXf(2, 2) << 0.0f, -0.5f, 0.0f, 0.5f).finished()).cwiseAbs().maxCoeff() <= nothing);
  CHECK(pare::loss_and_gradient(pare::binary_cross_entropy{}, logits, targets, gradient, 0.5f) == 5e3);
  CHECK(std::abs(gradient(1, 0)) <= nothing);
  CHECK(std::abs(gradient(0, 1) + 0.25f) <= nothing);
  // A vectorized sigmoid is a quotient of polynomials, each a few roundings off: on NEON it stops short of 1.
  const double short_of_1 = 0.25 * 4 * float_eps;
  CHECK(std::abs(static_cast<double>(gradient(0, 0))) <= short_of_1);
  CHECK(std::abs(static_cast<double>(gradient(1, 1)) - 0.25) <= short_of_1);
}

TEST_CASE("the gradient of cross-entropy may overwrite the logits") {
  MatrixXf logits = gaussian(3, 4, 3), gradient(3, 4);
  const MatrixXf targets = some_targets(3, 4);
  const double loss = pare::loss_and_gradient(pare::cross_entropy{}, logits, targets, gradient, 1.0f);
  CHECK(pare::loss_and_gradient(pare::cross_entropy{}, logits, targets, logits, 1.0f) == loss);
  CHECK(logits == gradient);
}

TEST_CASE("losses refuse shapes that do not fit, gradient untouched") {
  const MatrixXf logits = gaussian(3, 2, 4), narrow = gaussian(3, 1, 4);
  MatrixXf gradient = MatrixXf::Constant(3, 2, 5.0f), short_gradient(2, 2);
  CHECK(error_message<pare::shape_error>([&] {
          pare::loss_and_gradient(pare::huber{}, logits, narrow, gradient, 1.0f);
        }) == "loss: the targets are [3, 1], the logits [3, 2]");
  CHECK(error_message<pare::shape_error>([&] {
          pare::loss_and_gradient(pare::huber{}, logits, logits, short_gradient, 1.0f);
        }) == "loss: the gradients are [2, 2], the logits [3, 2]");
  CHECK(gradient == MatrixXf::Constant(3, 2, 5.0f));
}

TEST_CASE("one_hot marks each label and refuses others") {
  MatrixXf targets = MatrixXf::Constant(3, 2, 5.0f);
  pare::one_hot(std::array{2, 0}, targets);
  CHECK(targets == (MatrixXf(3, 2) << 0, 1, 0, 0, 1, 0).finished());
  const MatrixXf before = targets;
  CHECK(error_message<pare::value_error>([&] {
          pare::one_hot(std::array{0, -1}, targets);
        }) == "one_hot: label 1 is -1, must be 0 to 2");
  CHECK(error_message<pare::value_error>([&] {
          pare::one_hot(std::array{3, 0}, targets);
        }) == "one_hot: label 0 is 3, must be 0 to 2");
  CHECK(error_message<pare::shape_error>([&] { pare::one_hot(std::array{0}, targets); }) ==
        "one_hot: 1 labels for 2 columns");
  CHECK(targets == before);
}

TEST_CASE("a loss refuses parameters outside their range") {
  CHECK(error_message<pare::value_error>([] { pare::validate(pare::loss(pare::cross_entropy{1.0f})); }) ==
        "label_smoothing is 1, must be at least 0, below 1");
  CHECK(error_message<pare::value_error>([] { pare::validate(pare::loss(pare::huber{0.0f})); }) ==
        "huber delta is 0, must be positive and finite");
}
