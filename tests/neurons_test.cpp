// remove_neurons: which neurons stay, what comes out, and that a constant neuron costs nothing.
#include <pare/prune/neurons.hpp>
#include <pare/tensor/xtensor.hpp>

#include <numeric>
#include <random>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::kept_neurons;
using pare::neuron_score;
using pare::sparsity;

namespace {

// Small whole numbers, so that every sum in these tests is exact.
template <class T>
struct two_layers {
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> w1, w2;
  Eigen::Matrix<T, Eigen::Dynamic, 1> b1, b2;

  two_layers(index_t inputs, index_t hidden, index_t outputs)
      : w1(hidden, inputs), w2(outputs, hidden), b1(hidden), b2(outputs) {
    std::mt19937 bits(7);
    const auto draw = [&bits] { return T(static_cast<float>(static_cast<int>(bits() % 9) - 4)); };
    w1 = w1.NullaryExpr(hidden, inputs, draw);
    b1 = b1.NullaryExpr(hidden, draw);
    w2 = w2.NullaryExpr(outputs, hidden, draw);
    b2 = b2.NullaryExpr(outputs, draw);
  }

  template <class Target>
  pare::narrowed_layers remove(Target target, const pare::neuron_removal& options = {}) const {
    return pare::remove_neurons(w1, b1, w2, b2, target, options);
  }
};

// W2 relu(W1 x + b1) + b2
template <class Layers>
Eigen::VectorXf run(const Layers& net, const Eigen::VectorXf& x) {
  const Eigen::VectorXf h = (net.w1.template cast<float>() * x + net.b1.template cast<float>()).cwiseMax(0.0f);
  return net.w2.template cast<float>() * h + net.b2.template cast<float>();
}

// The `keep` neurons of the largest scores, by a stable sort, ascending.
std::vector<index_t> largest(const Eigen::VectorXd& scores, index_t keep) {
  std::vector<index_t> order(static_cast<std::size_t>(scores.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&scores](index_t a, index_t b) { return scores[a] > scores[b]; });
  order.resize(static_cast<std::size_t>(keep));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace

TEMPLATE_TEST_CASE("the neurons with the largest incoming rows stay, in their order", "", float, double, Eigen::half,
                   Eigen::bfloat16) {
  const two_layers<TestType> net(6, 20, 3);
  const Eigen::MatrixXd w1 = net.w1.template cast<double>();
  for (index_t keep = 1; keep <= 20; ++keep) {
    CHECK(net.remove(kept_neurons{keep}, {.score = neuron_score::l1}).kept ==
          largest(w1.cwiseAbs().rowwise().sum(), keep));
    CHECK(net.remove(kept_neurons{keep}, {.score = neuron_score::l2}).kept ==
          largest(w1.rowwise().squaredNorm(), keep));
  }
}

TEST_CASE("mean activation ranks by what the caller measured") {
  const two_layers<float> net(2, 5, 2);
  const Eigen::VectorXf measured = (Eigen::VectorXf(5) << 1.0f, 0.0f, 3.0f, 2.0f, 3.0f).finished();
  const pare::neuron_removal options{.score = neuron_score::mean_activation, .mean_magnitude = measured};
  CHECK(net.remove(kept_neurons{1}, options).kept == std::vector<index_t>{2});
  CHECK(net.remove(kept_neurons{3}, options).kept == std::vector<index_t>{2, 3, 4});
}

TEST_CASE("of equal neurons the lowest index stays") {
  two_layers<float> net(4, 6, 2);
  net.w1.setConstant(-2.0f);
  CHECK(net.remove(kept_neurons{4}).kept == std::vector<index_t>{0, 1, 2, 3});
}

TEMPLATE_TEST_CASE("what comes out are the rows, biases and columns of the neurons that stay", "", float, double,
                   Eigen::half, Eigen::bfloat16) {
  const two_layers<TestType> net(6, 20, 3);
  const pare::narrowed_layers small = net.remove(kept_neurons{7});
  REQUIRE(small.kept.size() == 7);
  REQUIRE(small.w1.rows() == 7);
  REQUIRE(small.w1.cols() == 6);
  REQUIRE(small.b1.size() == 7);
  REQUIRE(small.w2.rows() == 3);
  REQUIRE(small.w2.cols() == 7);
  for (index_t j = 0; j < 7; ++j) {
    const index_t from = small.kept[static_cast<std::size_t>(j)];
    CHECK(small.w1.row(j) == net.w1.row(from).template cast<float>());
    CHECK(small.b1[j] == static_cast<float>(net.b1[from]));
    CHECK(small.w2.col(j) == net.w2.col(from).template cast<float>());
  }
  CHECK(small.b2 == net.b2.template cast<float>());
}

TEST_CASE("a share to remove leaves the rounded count, and at least one neuron") {
  const two_layers<float> net(3, 10, 2);
  CHECK(net.remove(sparsity{0.0}).kept.size() == 10);
  CHECK(net.remove(sparsity{0.25}).kept.size() == 8);
  CHECK(net.remove(sparsity{0.5}).kept.size() == 5);
  CHECK(net.remove(sparsity{1.0}).kept.size() == 1);
}

TEST_CASE("the kept width is rounded up to a multiple, at most to the width") {
  const two_layers<float> net(3, 20, 2);
  const auto width = [&net](auto target, index_t multiple) {
    return net.remove(target, {.multiple = multiple}).kept.size();
  };
  CHECK(width(kept_neurons{1}, 8) == 8);
  CHECK(width(kept_neurons{8}, 8) == 8);
  CHECK(width(kept_neurons{9}, 8) == 16);
  CHECK(width(kept_neurons{17}, 8) == 20);
  CHECK(width(kept_neurons{20}, 8) == 20);
  CHECK(width(sparsity{1.0}, 4) == 4);
  CHECK(width(kept_neurons{3}, std::numeric_limits<index_t>::max()) == 20);
}

TEST_CASE("a removed constant neuron with its mean folded leaves the outputs as they were") {
  two_layers<float> net(6, 12, 4);
  Eigen::VectorXf mean = Eigen::VectorXf::Zero(12);
  for (const index_t constant : {2, 3, 9}) {
    net.w1.row(constant).setZero();
    net.b1[constant] = static_cast<float>(constant);
    mean[constant] = static_cast<float>(constant);
  }
  mean[0] = 1000.0f;  // a neuron that stays is not folded
  const pare::narrowed_layers small = net.remove(kept_neurons{9}, {.mean = mean});
  CHECK(small.kept == std::vector<index_t>{0, 1, 4, 5, 6, 7, 8, 10, 11});
  const pare::narrowed_layers unfolded = net.remove(kept_neurons{9});
  CHECK(unfolded.b2 == net.b2);
  std::mt19937 bits(1);
  for (int sample = 0; sample < 20; ++sample) {
    const Eigen::VectorXf x =
        Eigen::VectorXf::NullaryExpr(6, [&bits] { return static_cast<float>(static_cast<int>(bits() % 15) - 7); });
    CHECK(run(small, x) == run(net, x));
    CHECK(run(unfolded, x) != run(net, x));
  }
}

TEST_CASE("neurons are removed from layers that are spans and xtensor tensors") {
  const std::vector<double> w1{1.0, 2.0, 0.5, 0.5, -3.0, 1.0};
  const xt::xtensor<float, 1> b1{10.0f, 20.0f, 30.0f};
  const xt::xarray<double> w2{{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}};
  const std::vector<float> b2{7.0f, 8.0f};
  const auto small = pare::remove_neurons(pare::view(w1.data(), 3, 2), b1, w2, std::span<const float>(b2),
                                          kept_neurons{2}, {.mean = Eigen::Vector3f(1.0f, 10.0f, 100.0f)});
  CHECK(small.kept == std::vector<index_t>{0, 2});
  CHECK(small.w1 == (Eigen::Matrix2f() << 1.0f, 2.0f, -3.0f, 1.0f).finished());
  CHECK(small.b1 == Eigen::Vector2f(10.0f, 30.0f));
  CHECK(small.w2 == (Eigen::Matrix2f() << 1.0f, 3.0f, 4.0f, 6.0f).finished());
  CHECK(small.b2 == Eigen::Vector2f(27.0f, 58.0f));
}

TEST_CASE("a layer without inputs or outputs has neurons to remove all the same") {
  CHECK(two_layers<float>(0, 5, 2).remove(kept_neurons{2}).kept == std::vector<index_t>{0, 1});
  CHECK(two_layers<float>(3, 5, 0).remove(kept_neurons{2}).w2.cols() == 2);
}

TEST_CASE("neurons are not removed between layers that do not fit together") {
  const two_layers<float> net(3, 5, 2);
  const Eigen::VectorXf four = Eigen::VectorXf::Zero(4);
  const Eigen::MatrixXf narrow = Eigen::MatrixXf::Zero(2, 4), none(0, 3);
  const auto message = [](const auto& w1, const auto& b1, const auto& w2, const auto& b2) {
    return error_message<pare::shape_error>([&] { pare::remove_neurons(w1, b1, w2, b2, kept_neurons{1}); });
  };
  CHECK(message(net.w1, four, net.w2, net.b2) == "b1 is 1 x 4, must be a vector of 5");
  CHECK(message(net.w1, net.b1, net.w2, four) == "b2 is 1 x 4, must be a vector of 2");
  CHECK(message(net.w1, net.b1, narrow, net.b2) == "w2 has 4 columns, w1 has 5 rows, must be as many");
  CHECK(message(none, four, narrow, net.b2) == "w1 has no rows, a layer has at least one neuron");
}

TEST_CASE("a width or a share of neurons outside its range is refused") {
  const two_layers<float> net(3, 5, 2);
  const auto message = [&net](auto target, const pare::neuron_removal& options = {}) {
    return error_message<pare::value_error>([&] { net.remove(target, options); });
  };
  CHECK(message(kept_neurons{0}) == "kept_neurons is 0, must be 1 to 5");
  CHECK(message(kept_neurons{6}) == "kept_neurons is 6, must be 1 to 5");
  CHECK(message(sparsity{1.25}) == "sparsity is 1.25, must be 0 to 1");
  CHECK(message(kept_neurons{2}, {.multiple = 0}) == "multiple is 0, must be at least 1");
}

TEST_CASE("measured activations that do not fit the layer are refused") {
  const two_layers<float> net(3, 3, 2);
  const Eigen::VectorXf two = Eigen::VectorXf::Ones(2);
  const Eigen::VectorXf bad = Eigen::Vector3f(1.0f, std::numeric_limits<float>::quiet_NaN(), 1.0f);
  const auto ranked = [](const Eigen::VectorXf& magnitude) {
    return pare::neuron_removal{.score = neuron_score::mean_activation, .mean_magnitude = magnitude};
  };
  const auto shape_message = [&net](const pare::neuron_removal& options) {
    return error_message<pare::shape_error>([&] { net.remove(kept_neurons{2}, options); });
  };
  CHECK(shape_message({.mean = two}) == "mean has 2 elements, must have 3 or none");
  CHECK(shape_message(ranked(two)) == "mean_magnitude has 2 elements, must have 3 to rank by mean_activation");
  CHECK(shape_message(ranked({})) == "mean_magnitude has 0 elements, must have 3 to rank by mean_activation");
  const auto value_message = [&net](const pare::neuron_removal& options) {
    return error_message<pare::value_error>([&] { net.remove(kept_neurons{2}, options); });
  };
  CHECK(value_message({.mean = bad}) == "mean[0, 1] is nan, must be finite");
  CHECK(value_message(ranked(bad)) == "mean_magnitude[0, 1] is nan, must be finite");
  CHECK(value_message(ranked(Eigen::Vector3f(0.0f, 1.0f, -2.0f))) == "mean_magnitude[2] is -2, must be at least 0");
}

TEST_CASE("a layer with a number that is not finite in float is refused by its place") {
  const auto message = [](const auto& spoil) {
    two_layers<double> net(3, 5, 2);
    spoil(net);
    return error_message<pare::value_error>([&] { net.remove(kept_neurons{2}); });
  };
  CHECK(message([](auto& net) { net.w1(4, 2) = 1e300; }) == "w1[4, 2] is 1e+300, must be finite in float");
  CHECK(message([](auto& net) { net.b1(3) = std::nan(""); }) == "b1[0, 3] is nan, must be finite in float");
  CHECK(message([](auto& net) { net.w2(1, 0) = -HUGE_VAL; }) == "w2[1, 0] is -inf, must be finite in float");
  CHECK(message([](auto& net) { net.b2(1) = HUGE_VAL; }) == "b2[0, 1] is inf, must be finite in float");
}

TEST_CASE("a folded bias beyond float is refused") {
  two_layers<float> net(3, 2, 1);
  net.w1.row(1).setZero();
  net.w2.setConstant(std::numeric_limits<float>::max());
  const auto fold = [&net] { net.remove(kept_neurons{1}, {.mean = Eigen::Vector2f(2.0f, 2.0f)}); };
  CHECK(error_message<pare::value_error>(fold).find("b2[0] with the means folded is") == 0);
}
