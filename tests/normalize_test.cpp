// Batch norm folded into a linear layer, and what normalizations refuse.
#include <pare/nn/normalize.hpp>

#include <pare/tensor/eigen.hpp>

#include "catch.hpp"
#include "support.hpp"

using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

pare::batch_norm some_batch_norm(Eigen::Index size) {
  return {gaussian(size, 1, 1), gaussian(size, 1, 2).cwiseAbs(), gaussian(size, 1, 3), gaussian(size, 1, 4), 1e-3f};
}

// (y - mean) / sqrt(variance + epsilon) · gain + shift
MatrixXd apply(const pare::batch_norm& norm, const MatrixXd& y) {
  const Eigen::ArrayXd deviation = (norm.variance.cast<double>().array() + static_cast<double>(norm.epsilon)).sqrt();
  const Eigen::ArrayXXd centered = (y.colwise() - norm.mean.cast<double>()).array();
  return ((centered.colwise() / deviation).colwise() * norm.gain.cast<double>().array()).colwise() +
         norm.shift.cast<double>().array();
}

// What a folded layer's result may be off by: the parts of the sum, each of `roundings` roundings of `unit`.
MatrixXd bound(const pare::batch_norm& norm, const MatrixXd& w, const VectorXd& b, const MatrixXd& x, double unit) {
  const Eigen::ArrayXd deviation = (norm.variance.cast<double>().array() + static_cast<double>(norm.epsilon)).sqrt();
  const Eigen::ArrayXd factor = norm.gain.cast<double>().array().abs() / deviation;
  const VectorXd offset = b.cwiseAbs() + norm.mean.cwiseAbs().cast<double>();
  const Eigen::ArrayXXd parts = ((w.cwiseAbs() * x.cwiseAbs()).colwise() + offset).array();
  return ((parts.colwise() * factor).colwise() + norm.shift.cwiseAbs().cast<double>().array()) *
         (unit * static_cast<double>(x.rows() + 8));
}

}  // namespace

TEMPLATE_TEST_CASE("a folded batch norm gives what the layer and the batch norm give", "", float, double) {
  using matrix = Eigen::Matrix<TestType, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using vector = Eigen::Matrix<TestType, Eigen::Dynamic, 1>;
  const pare::batch_norm norm = some_batch_norm(11);
  const matrix w = gaussian(11, 7, 5).cast<TestType>();
  const vector b = gaussian(11, 1, 6).cast<TestType>();
  const MatrixXd x = gaussian(7, 20, 7).cast<double>();
  const MatrixXd wd = w.template cast<double>();
  const VectorXd bd = b.template cast<double>();
  matrix folded_w = w;
  vector folded_b = b;
  pare::fold_batch_norm(folded_w, folded_b, norm);
  const MatrixXd expected = apply(norm, (wd * x).colwise() + bd);
  const MatrixXd y = (folded_w.template cast<double>() * x).colwise() + folded_b.template cast<double>();
  const double unit = static_cast<double>(std::numeric_limits<TestType>::epsilon()) / 2;
  CHECK(((y - expected).array().abs() <= bound(norm, wd, bd, x, unit).array()).all());
  CHECK(((wd * x).colwise() + bd - expected).cwiseAbs().maxCoeff() > 0.1);
}

TEST_CASE("a batch norm is folded into views of weights and a bias that is a row") {
  const pare::batch_norm norm = some_batch_norm(3);
  Eigen::MatrixXf w = gaussian(3, 5, 1);
  Eigen::VectorXf b = gaussian(3, 1, 2);
  Eigen::MatrixXf frame = Eigen::MatrixXf::Constant(6, 9, 2);
  frame.block(1, 2, 3, 5) = w;
  Eigen::RowVectorXf row = b.transpose();
  pare::fold_batch_norm(w, b, norm);
  pare::fold_batch_norm(frame.block(1, 2, 3, 5), row, norm);
  CHECK(frame.block(1, 2, 3, 5) == w);
  CHECK(row.transpose() == b);
  frame.block(1, 2, 3, 5).setConstant(2);
  CHECK(frame == Eigen::MatrixXf::Constant(6, 9, 2));
}

TEST_CASE("a batch norm that does not fit is refused, and nothing is changed") {
  const Eigen::MatrixXf w = gaussian(3, 5, 1);
  const Eigen::VectorXf b = gaussian(3, 1, 2);
  const auto message = [&](const pare::batch_norm& norm, const Eigen::VectorXf& bias) {
    Eigen::MatrixXf changed_w = w;
    Eigen::VectorXf changed_b = bias;
    const std::string text = error_message([&] { pare::fold_batch_norm(changed_w, changed_b, norm); });
    CHECK(changed_w == w);
    CHECK(changed_b == bias);
    return text;
  };
  pare::batch_norm norm = some_batch_norm(3);
  CHECK(message(norm, gaussian(2, 1, 1)) == "bias is 1 x 2, must be a vector of 3");
  norm.gain.resize(4);
  CHECK(message(norm, b) == "the batch norm has 4 features, the weights 3 rows");
  norm = some_batch_norm(3);
  norm.variance(2) = -0.25f;
  norm.epsilon = 0.125f;
  CHECK(message(norm, b) == "variance + epsilon is -0.125 at feature 2, must be positive");
}

TEST_CASE("normalizations refuse parameters out of range") {
  const Eigen::Vector3f three(1, 2, 3);
  CHECK(error_message<pare::shape_error>([&] { pare::layer_norm(three, Eigen::Vector2f(1, 2)); }) ==
        "the shift has 2 elements, the gain has 3");
  CHECK(error_message<pare::shape_error>([] { pare::rms_norm(Eigen::VectorXf()); }) ==
        "the gain is empty, must have at least one element");
  CHECK(error_message<pare::value_error>([&] { pare::rms_norm(three, -1.0f); }) ==
        "epsilon is -1, must be finite and not negative");
  CHECK(error_message<pare::value_error>([] { pare::rms_norm(Eigen::Vector2f(1, HUGE_VALF)); }) ==
        "gain[0, 1] is inf, must be finite in float");
}

TEST_CASE("a batch norm that cannot be folded leaves the layer as it was") {
  const Eigen::MatrixXf weights = gaussian(4, 3, 5);
  Eigen::MatrixXf w = weights, bias = Eigen::MatrixXf::Zero(2, 2);
  pare::batch_norm norm = some_batch_norm(4);
  CHECK_THROWS_AS(fold_batch_norm(w, bias, norm), pare::shape_error);
  bias.setZero(4, 1);
  norm.gain(2) = std::numeric_limits<float>::infinity();
  const std::string message = error_message<pare::value_error>([&] { fold_batch_norm(w, bias, norm); });
  CHECK(message.find("[0, 2]") != std::string::npos);
  CHECK(w == weights);
}

TEST_CASE("a normalization refuses vectors that are not padded, and doubles beyond float") {
  CHECK_THROWS_AS(pare::normalization(std::vector<float>(3, 1.0f), {}, 3, 1e-5f), pare::shape_error);
  CHECK_THROWS_AS(pare::rms_norm(Eigen::VectorXd(Eigen::VectorXd::Constant(3, 1e300))), pare::value_error);
}
