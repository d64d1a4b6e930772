// Removing a share of the neurons of every hidden layer.
#include <pare/train/narrow.hpp>

#include "catch.hpp"
#include "perceptrons.hpp"
#include "support.hpp"

using pare::activation;
using pare::index_t;
using numbers = std::vector<index_t>;

TEST_CASE("constant neurons of every hidden layer go first, and the outputs stay") {
  pare::mlp model{{whole_layer(8, 10, 1, activation::relu), whole_layer(6, 8, 2, activation::relu),
                   whole_layer(3, 6, 3, activation::identity)}};
  for (const index_t j : {1, 2, 5, 6}) model.layers[0].weights.row(j).setZero();
  for (const index_t j : {0, 3, 4}) model.layers[1].weights.row(j).setZero();
  const Eigen::MatrixXf x = whole_numbers(10, 64, 4);
  const pare::narrowed_mlp result = pare::remove_neurons(model, pare::sparsity{0.5}, x);
  CHECK(result.kept == std::vector<numbers>{{0, 3, 4, 7}, {1, 2, 5}});
  CHECK(result.model.layers[0].outputs() == 4);
  CHECK(result.model.layers[1].inputs() == 4);
  CHECK(result.model.layers[1].outputs() == 3);
  CHECK(result.model.layers[2].inputs() == 3);
  CHECK(pare::forward(result.model, x) == pare::forward(model, x));
  CHECK(result.outputs.largest == 0);
}

TEST_CASE("what removed neurons give on average goes into the next bias") {
  const pare::mlp model{{whole_layer(8, 10, 1, activation::relu), whole_layer(3, 8, 3, activation::identity)}};
  const Eigen::MatrixXf x = whole_numbers(10, 64, 4);
  const pare::narrowed_mlp result = pare::remove_neurons(model, pare::sparsity{0.5}, x);
  REQUIRE(result.kept[0].size() == 4);
  // With an affine last layer the mean output is as it was, up to the rounding of means: 64 terms.
  const Eigen::MatrixXd before = pare::forward(model, x).cast<double>();
  const Eigen::MatrixXd after = pare::forward(result.model, x).cast<double>();
  const Eigen::VectorXd moved = (after - before).rowwise().mean();
  CHECK(moved.cwiseAbs().maxCoeff() <= 128 * float_eps * before.cwiseAbs().maxCoeff());
  CHECK(result.outputs.largest == (before - after).cwiseAbs().maxCoeff());
  CHECK(result.outputs.largest > 0);
}

TEST_CASE("a score, a multiple and missing samples count when neurons are removed from a perceptron") {
  const pare::mlp model = pare::make_mlp({10, 30, 4}, 1);
  const Eigen::MatrixXf x = gaussian(10, 50, 2);
  CHECK(pare::remove_neurons(model, pare::sparsity{0.9}, x, pare::neuron_score::l2, 8).kept[0].size() == 8);
  // The kept are those of the largest mean, by hand.
  const Eigen::VectorXf mean = (model.layers[0].weights * x).cwiseMax(0.0f).rowwise().mean();
  const auto by_mean = pare::remove_neurons(model, pare::sparsity{0.9}, x, pare::neuron_score::mean_activation);
  CHECK(by_mean.kept[0].size() == 3);
  for (const index_t j : by_mean.kept[0]) CHECK((mean.array() > mean[j]).count() < 3);
  CHECK(error_message<pare::shape_error>([&] {
          pare::remove_neurons(model, pare::sparsity{0.5}, Eigen::MatrixXf(10, 0));
        }) == "remove_neurons: no samples, at least 1 is needed");
}
