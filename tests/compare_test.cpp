// Comparing the outputs of perceptrons.
#include <pare/train/compare.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;

TEST_CASE("outputs of equal perceptrons do not differ") {
  const pare::mlp model = pare::make_mlp({4, 6, 3}, 1);
  const Eigen::MatrixXf x = gaussian(4, 700, 1);
  const pare::output_difference none = pare::compare_outputs(model, model, x);
  CHECK(none.largest == 0);
  CHECK(none.relative() == 0);
  CHECK(none.magnitude == static_cast<double>(pare::forward(model, x).cwiseAbs().maxCoeff()));
}

TEST_CASE("the largest difference is found in whichever sample it is") {
  const pare::mlp plain{{{Eigen::Matrix2f::Identity(), Eigen::Vector2f::Zero(), activation::identity}}};
  pare::mlp rectified = plain;
  rectified.layers[0].function = activation::relu;
  Eigen::MatrixXf x = Eigen::MatrixXf::Ones(2, 1200);
  for (const pare::index_t sample : {0, 511, 512, 1199}) {
    x.setOnes();
    x(1, sample) = -4;
    const pare::output_difference found = pare::compare_outputs(plain, rectified, x);
    CHECK(found.largest == 4);
    CHECK(found.magnitude == 4);
    CHECK(found.relative() == 1);
    CHECK(pare::compare_outputs(rectified, plain, x).relative() == 4);
  }
}

TEST_CASE("each perceptron may have inputs of its own") {
  const pare::mlp sum{{{Eigen::RowVector2f(1, 1), Eigen::VectorXf::Zero(1), activation::identity}}};
  const pare::mlp pass{{{Eigen::Matrix<float, 1, 1>(1.0f), Eigen::VectorXf::Zero(1), activation::identity}}};
  const Eigen::MatrixXf x = whole_numbers(2, 5, 1);
  CHECK(pare::compare_outputs(sum, x, pass, x.colwise().sum()).largest == 0);
}

TEST_CASE("what cannot be compared is refused") {
  const pare::mlp two = pare::make_mlp({4, 2}, 1), three = pare::make_mlp({4, 3}, 1);
  const Eigen::MatrixXf x = gaussian(4, 5, 1);
  const auto message = [](const auto& call) { return error_message<pare::shape_error>(call); };
  CHECK(message([&] { pare::compare_outputs(two, three, x); }) == "one mlp has 2 outputs, the other 3");
  CHECK(message([&] { pare::compare_outputs(two, two, Eigen::MatrixXf(4, 0)); }) ==
        "outputs are compared over 0 samples and 0, must be as many and at least 1");
  CHECK(message([&] { pare::compare_outputs(two, x, two, x.leftCols(4)); }) ==
        "outputs are compared over 5 samples and 4, must be as many and at least 1");
  CHECK(message([&] { pare::compare_outputs(two, two, x.topRows(3)); }) ==
        "mlp: samples have 3 features, the first layer takes 4");
  pare::mlp huge = two;
  huge.layers[0].weights.setConstant(1e38f);
  CHECK(error_message<pare::value_error>([&] { pare::compare_outputs(two, huge, (1e9f * x).eval()); }) ==
        "outputs to compare are not finite for some of samples 0 to 4");
}
