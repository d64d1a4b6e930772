// network::trace and calibrate: what linear layers see, beside networks that end before them.
#include <pare/compress/calibrate.hpp>
#include <pare/nn/quantize.hpp>
#include <pare/parallel/thread_pool.hpp>

#include "calibrated.hpp"
#include "catch.hpp"

using pare::index_t;

namespace {

// Two linear layers with all that may stand between them.
pare::network make_network() {
  pare::network net(12);
  net.add(pare::linear(pare::quantize(gaussian(20, 12, 1), {.bits = 5}), gaussian(20, 1, 2)));
  net.add(pare::activation_layer{pare::activation::relu});
  net.add(pare::linear(pare::pack_dense(gaussian(12, 20, 3)), gaussian(12, 1, 4), pare::precision::float32));
  net.add(pare::residual{0});
  net.add(pare::activation_layer{pare::activation::tanh});
  net.add(pare::linear(pare::quantize(gaussian(3, 12, 5), {.bits = 3}), gaussian(3, 1, 6)));
  return net;
}

// The first layers alone.
Eigen::MatrixXf outputs_of(const pare::network& net, std::size_t layers, const Eigen::MatrixXf& x) {
  pare::network part(net.inputs());
  for (std::size_t i = 0; i < layers; ++i) part.add(net.layers()[i]);
  pare::workspace room = part.workspace(x.cols());
  Eigen::MatrixXf y(part.outputs(), x.cols());
  part.run(x, y, room);
  return y;
}

}  // namespace

TEST_CASE("a trace shows what goes into every layer, and what comes out at last") {
  const pare::network net = make_network();
  const Eigen::MatrixXf x = gaussian(12, 37, 7);
  pare::workspace room = net.workspace(40);
  std::size_t next = 0;
  net.trace(x, room, [&](std::size_t i, const auto& features) {
    REQUIRE(i == next++);
    const Eigen::MatrixXf expected = outputs_of(net, i, x);
    REQUIRE(features.extent(0) == expected.rows());
    REQUIRE(features.extent(1) == expected.cols());
    bool equal = true;
    for (index_t row = 0; row < expected.rows(); ++row)
      for (index_t col = 0; col < expected.cols(); ++col) equal = equal && features(row, col) == expected(row, col);
    CHECK(equal);
  });
  CHECK(next == net.layers().size() + 1);
  CHECK(error_message<pare::shape_error>([&] {
          net.trace(gaussian(11, 2, 1), room, [](std::size_t, const auto&) {});
        }) == "x is [11, 2], must be [12, batch]");
  CHECK(error_message<pare::shape_error>([&] {
          net.trace(gaussian(12, 41, 1), room, [](std::size_t, const auto&) {});
        }) == "the batch is 41, the workspace has room for 40");
}

TEST_CASE("calibration has the statistics of every linear layer's inputs, in one go or in several") {
  const pare::network net = make_network();
  const Eigen::MatrixXf x = gaussian(12, 600, 8);
  pare::thread_pool threads(2);
  const pare::calibration whole = pare::calibrate(net, x, &threads);
  pare::calibration parts(net);
  parts.add(net, x.leftCols(256));
  parts.add(net, x.rightCols(344));
  CHECK(whole.samples() == 600);
  for (const std::size_t layer : {0u, 2u, 5u}) {
    CHECK(whole.inputs_of(layer).samples() == 600);
    const pare::input_statistics expected = statistics_of(outputs_of(net, layer, x));
    CHECK(whole.inputs_of(layer).second_moment() == expected.second_moment());
    CHECK(parts.inputs_of(layer).second_moment() == expected.second_moment());
    CHECK(whole.inputs_of(layer).mean() == expected.mean());
  }
  CHECK(error_message<pare::value_error>([&] { whole.inputs_of(1); }) ==
        "layer 1 is not a linear layer of the network");
  CHECK(error_message<pare::value_error>([&] { whole.inputs_of(6); }) ==
        "layer 6 is not a linear layer of the network");
}

TEST_CASE("calibration refuses what it cannot use, and is as it was") {
  const pare::network net = make_network();
  pare::calibration seen = pare::calibrate(net, gaussian(12, 10, 9));
  Eigen::MatrixXf x = gaussian(12, 300, 10);
  x(7, 299) = std::nanf("");
  CHECK(error_message<pare::value_error>([&] { seen.add(net, x); }) ==
        "feature 7 of sample 309 is nan, must be finite in float");
  CHECK(error_message<pare::shape_error>([&] { seen.add(net, gaussian(11, 3, 1)); }) ==
        "x is [11, 3], must be [12, batch]");
  CHECK(seen.samples() == 10);
  pare::network other(12);
  other.add(pare::linear(pare::quantize(gaussian(20, 12, 1))));
  CHECK(error_message<pare::shape_error>([&] { seen.add(other, x.leftCols(1)); }) ==
        "the network has 1 layers, the calibration is of one with 6");
  CHECK(error_message<pare::value_error>([&] { pare::calibrate(net, Eigen::MatrixXf(12, 0)); }) ==
        "there are no calibration inputs, at least 1 is needed");
}

TEST_CASE("an input that overflows in a hidden layer leaves a calibration as it was, whatever came before it") {
  pare::network net(1);
  net.add(pare::linear(pare::pack_dense(Eigen::MatrixXf(Eigen::MatrixXf::Constant(2, 1, 1e30f))),
                       Eigen::VectorXf(Eigen::VectorXf::Zero(2)), pare::precision::float32));
  net.add(pare::linear(pare::pack_dense(gaussian(1, 2, 1)), gaussian(1, 1, 2), pare::precision::float32));
  Eigen::MatrixXf x = Eigen::MatrixXf::Constant(1, 600, 2);
  pare::calibration seen = pare::calibrate(net, x.leftCols(5));
  x(0, 599) = 1e10f;
  CHECK_THROWS_AS(seen.add(net, x), pare::value_error);
  CHECK(seen.samples() == 5);
  CHECK(seen.inputs_of(0).samples() == 5);
  CHECK(seen.inputs_of(0).second_moment()(0, 0) == 4);
}
