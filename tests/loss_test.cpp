// Softmax cross-entropy against double precision and central differences.
#include <pare/train/loss.hpp>

#include <array>
#include <limits>

#include "catch.hpp"
#include "support.hpp"

namespace {

constexpr double float_eps = std::numeric_limits<float>::epsilon();

double oracle(const Eigen::MatrixXd& logits, const std::vector<int>& labels) {
  double sum = 0;
  for (Eigen::Index j = 0; j < logits.cols(); ++j)
    sum += std::log(logits.col(j).array().exp().sum()) - logits(labels[static_cast<std::size_t>(j)], j);
  return sum / static_cast<double>(logits.cols());
}

}  // namespace

TEST_CASE("softmax cross-entropy is the mean of -log softmax at the label") {
  const std::vector<int> labels = {0, 4, 2, 2, 1, 3, 0};
  const Eigen::MatrixXf logits = 3.0f * gaussian(5, 7, 1);
  Eigen::MatrixXf gradient(5, 7);
  const double loss = pare::softmax_cross_entropy(logits, labels, gradient);
  // The sum of 5 exponentials and each argument are off by eps relative to themselves.
  const double tolerance = float_eps * (5 + 4 + 2 * static_cast<double>(logits.cwiseAbs().maxCoeff()));
  CHECK(std::abs(loss - oracle(logits.cast<double>(), labels)) <= tolerance);
}

TEST_CASE("the gradient of softmax cross-entropy is that of central differences") {
  const std::vector<int> labels = {0, 4, 2, 2, 1, 3, 0};
  const Eigen::MatrixXf logits = 3.0f * gaussian(5, 7, 2);
  Eigen::MatrixXf gradient(5, 7);
  pare::softmax_cross_entropy(logits, labels, gradient);
  const double h = 1e-5;  // error h^2/6 f''' + 2^-52 f / h, below 1e-9
  const double largest = static_cast<double>(logits.cwiseAbs().maxCoeff());
  const double tolerance = float_eps * (5 + 4 + 2 * largest) / 7 + 1e-9;
  for (Eigen::Index j = 0; j < 7; ++j)
    for (Eigen::Index i = 0; i < 5; ++i) {
      Eigen::MatrixXd above = logits.cast<double>(), below = above;
      above(i, j) += h;
      below(i, j) -= h;
      const double slope = (oracle(above, labels) - oracle(below, labels)) / (2 * h);
      CHECK(std::abs(static_cast<double>(gradient(i, j)) - slope) <= tolerance);
    }
}

TEST_CASE("softmax cross-entropy of equal logits is the logarithm of the number of classes") {
  Eigen::MatrixXf gradient(4, 1);
  const std::array labels = {2};
  const double loss = pare::softmax_cross_entropy(Eigen::MatrixXf::Constant(4, 1, 7.0f), labels, gradient);
  CHECK(loss == std::log(4.0));
  CHECK(gradient == (Eigen::MatrixXf(4, 1) << 0.25f, 0.25f, -0.75f, 0.25f).finished());
}

TEST_CASE("softmax cross-entropy neither overflows nor loses a hopeless sample") {
  Eigen::MatrixXf logits(2, 2), gradient(2, 2);
  logits << 1e30f, -1e4f, -1e30f, 1e4f;
  const std::array labels = {0, 0};
  CHECK(pare::softmax_cross_entropy(logits, labels, gradient) == 1e4);  // (0 + 2e4) / 2
  CHECK(gradient == (Eigen::MatrixXf(2, 2) << 0.0f, -0.5f, 0.0f, 0.5f).finished());
}

TEST_CASE("the gradient of softmax cross-entropy may overwrite the logits") {
  const std::vector<int> labels = {1, 0, 2};
  Eigen::MatrixXf logits = gaussian(3, 3, 3);
  Eigen::MatrixXf gradient(3, 3);
  const double loss = pare::softmax_cross_entropy(logits, labels, gradient);
  CHECK(pare::softmax_cross_entropy(logits, labels, logits) == loss);
  CHECK(logits == gradient);
}

TEST_CASE("softmax cross-entropy refuses what does not fit, gradient untouched") {
  const Eigen::MatrixXf logits = gaussian(3, 2, 4);
  Eigen::MatrixXf gradient = Eigen::MatrixXf::Constant(3, 2, 5.0f);
  Eigen::MatrixXf narrow(3, 1), none(3, 0);
  const std::array good = {0, 1};
  const std::array below = {0, -1};
  const std::array above = {3, 0};
  const std::array few = {0};
  CHECK(error_message<pare::value_error>([&] { pare::softmax_cross_entropy(logits, below, gradient); }) ==
        "loss: label 1 is -1, must be 0 to 2");
  CHECK(error_message<pare::value_error>([&] { pare::softmax_cross_entropy(logits, above, gradient); }) ==
        "loss: label 0 is 3, must be 0 to 2");
  CHECK(error_message<pare::shape_error>([&] { pare::softmax_cross_entropy(logits, few, gradient); }) ==
        "loss: 2 samples but 1 labels");
  CHECK(error_message<pare::shape_error>([&] { pare::softmax_cross_entropy(logits, good, narrow); }) ==
        "loss: the gradient is [3, 1], the logits are [3, 2]");
  CHECK_THROWS_AS(pare::softmax_cross_entropy(none, std::span<const int>(), none), pare::shape_error);
  CHECK(gradient == Eigen::MatrixXf::Constant(3, 2, 5.0f));
}
