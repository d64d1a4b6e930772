// Training: what it learns, keeps, repeats and refuses.
#include <pare/parallel/thread_pool.hpp>
#include <pare/train/digits.hpp>
#include <pare/train/trainer.hpp>

#include <limits>
#include <stdexcept>

#include "catch.hpp"
#include "support.hpp"

using pare::index_t;
using pare::mlp;
using pare::training_options;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

bool same(const mlp& a, const mlp& b) {
  bool equal = a.layers.size() == b.layers.size();
  for (std::size_t i = 0; equal && i < a.layers.size(); ++i)
    equal = a.layers[i].weights == b.layers[i].weights && a.layers[i].bias == b.layers[i].bias;
  return equal;
}

// Three clouds of points, told apart by their largest coordinate.
pare::dataset make_clouds(index_t samples) {
  pare::dataset data{gaussian(3, samples, 5), {}, 3, "clouds"};
  for (index_t i = 0; i < samples; ++i) {
    data.labels.push_back(static_cast<int>(i % 3));
    data.inputs(i % 3, i) += 2.0f;
  }
  return data;
}

mlp trained(const training_options& options) {
  mlp model = pare::make_mlp({3, 20, 3}, 1);
  pare::train(model, make_clouds(100), options);
  return model;
}

}  // namespace

TEST_CASE("training learns synthetic digits") {
  const pare::dataset digits = pare::make_digits(600, 1);
  const pare::dataset_split split = pare::hold_out_last(digits, 100);
  const pare::optimizer method = GENERATE(pare::optimizer(pare::adam{}), pare::optimizer(pare::sgd{0.9f}));
  mlp model = pare::make_mlp({784, 32, 10}, 1);
  CHECK(pare::error_rate(model, split.train) > 0.7);  // 0.9 by chance
  const double rate = std::holds_alternative<pare::adam>(method) ? 3e-3 : 3e-2;
  pare::train(model, split.train, {.epochs = 30, .batch_size = 32, .learning_rate = rate, .optimizer = method});
  CHECK(pare::error_rate(model, split.train) < 0.02);
  CHECK(pare::error_rate(model, split.test) < 0.4);
}

TEST_CASE("one step of sgd goes against the mean gradient and the weight decay") {
  const pare::dataset data = make_clouds(32);
  const mlp before = pare::make_mlp({3, 3}, 3);
  const int shards = GENERATE(1, 3, 50);
  mlp model = before;
  pare::train(model, data,
              {.epochs = 1,
               .batch_size = 32,
               .learning_rate = 0.25,
               .optimizer = pare::sgd{0.0f},
               .weight_decay = 0.5f,
               .shards = shards});
  // By hand in double precision: dL/dW = (softmax(W x) - onehot) x^T / n.
  const Eigen::MatrixXd w = before.layers[0].weights.cast<double>(), x = data.inputs.cast<double>();
  Eigen::MatrixXd p = (w * x).array().exp();
  for (index_t j = 0; j < 32; ++j) {
    p.col(j) /= p.col(j).sum();
    p(data.labels[static_cast<std::size_t>(j)], j) -= 1;
  }
  const Eigen::MatrixXd expected = w - 0.25 * (p * x.transpose() / 32 + 0.5 * w);
  const Eigen::VectorXd bias = -0.25 * p.rowwise().sum() / 32;
  // 32 terms of at most max|x|, the logits' 3 terms of at most max|w x|, and a dozen roundings more.
  const double size = (1 + 2 * (w.cwiseAbs() * x.cwiseAbs()).maxCoeff()) * x.cwiseAbs().maxCoeff() + w.norm();
  const double tolerance = static_cast<double>(std::numeric_limits<float>::epsilon()) * (32 + 3 + 12) * size;
  CHECK((model.layers[0].weights.cast<double>() - expected).cwiseAbs().maxCoeff() <= tolerance);
  CHECK((model.layers[0].bias.cast<double>() - bias).cwiseAbs().maxCoeff() <= tolerance);
}

TEST_CASE("the reported loss is the mean over all samples, the last batch counted by its size") {
  const pare::dataset data = make_clouds(50);
  const mlp before = pare::make_mlp({3, 8, 3}, 4);
  Eigen::MatrixXf gradient(3, 50);
  const double expected = pare::softmax_cross_entropy(pare::forward(before, data.inputs), data.labels, gradient);
  double reported = 0;
  mlp model = before;
  // Too small a rate to change a loss.
  pare::train(model, data,
              {.epochs = 1,
               .batch_size = 16,
               .learning_rate = 1e-30,
               .optimizer = pare::sgd{0.0f},
               .progress = [&](const pare::epoch_report& report) { reported = report.loss; }});
  // Each loss is off by a few roundings of logits below 10.
  CHECK(std::abs(reported - expected) <= 20 * 10 * static_cast<double>(std::numeric_limits<float>::epsilon()));
}

TEST_CASE("training repeats itself bit by bit for a seed, whatever the number of threads") {
  const int shards = GENERATE(1, 2, 4, 7);
  const pare::optimizer method = GENERATE(pare::optimizer(pare::adam{}), pare::optimizer(pare::sgd{0.9f}));
  training_options options{
      .epochs = 3, .batch_size = 16, .optimizer = method, .weight_decay = 1e-3f, .seed = 9, .shards = shards};
  const mlp reference = trained(options);
  CHECK(same(trained(options), reference));
  for (const int threads : {1, 2, 3}) {
    pare::thread_pool pool(threads);
    options.executor = &pool;
    CHECK(same(trained(options), reference));
  }
  options.executor = nullptr;
  options.seed = 10;
  CHECK(!same(trained(options), reference));
}

TEST_CASE("masked weights are zero after training, the others and an empty mask's are trained") {
  const pare::optimizer method = GENERATE(pare::optimizer(pare::adam{}), pare::optimizer(pare::sgd{0.9f}));
  const int shards = GENERATE(1, 4);
  std::vector<pare::mask> masks(2);
  masks[0] = pare::mask(20, 3);
  for (index_t row = 0; row < 20; ++row) masks[0].set(row, row % 3);
  const mlp before = pare::make_mlp({3, 20, 3}, 1);
  const mlp model = trained(
      {.epochs = 3, .batch_size = 16, .optimizer = method, .weight_decay = 0.01f, .shards = shards, .masks = masks});
  for (index_t row = 0; row < 20; ++row)
    for (index_t col = 0; col < 3; ++col) {
      if (col == row % 3)
        CHECK(model.layers[0].weights(row, col) != before.layers[0].weights(row, col));
      else
        CHECK(model.layers[0].weights(row, col) == 0.0f);
    }
  CHECK((model.layers[1].weights.array() != 0.0f).all());
}

TEST_CASE("no epochs leave the model as it is, but for the masks") {
  const mlp before = pare::make_mlp({3, 20, 3}, 1);
  CHECK(same(trained({.epochs = 0}), before));
  const std::vector<pare::mask> masks = {pare::mask(20, 3), pare::mask()};
  const mlp masked = trained({.epochs = 0, .masks = masks});
  CHECK((masked.layers[0].weights.array() == 0.0f).all());
  CHECK(masked.layers[1].weights == before.layers[1].weights);
}

TEST_CASE("progress reports every epoch with a falling learning rate") {
  std::vector<pare::epoch_report> reports;
  trained({.epochs = 4, .batch_size = 25, .learning_rate = 0.01, .progress = [&](const pare::epoch_report& report) {
             reports.push_back(report);
           }});
  REQUIRE(reports.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(reports[i].epoch == static_cast<int>(i) + 1);
    CHECK(reports[i].epochs == 4);
    CHECK(reports[i].seconds >= 0);
    // Step 4 i + 3 of 16.
    CHECK(reports[i].learning_rate == pare::scheduled_learning_rate(pare::learning_rate_schedule::cosine, 0.01,
                                                                    static_cast<double>(4 * i + 3) / 16));
  }
  CHECK(reports.back().loss < reports.front().loss);
}

TEST_CASE("bad options are refused by name, the model untouched") {
  const mlp before = pare::make_mlp({3, 20, 3}, 1);
  const auto message = [&](const training_options& options) {
    mlp model = before;
    const std::string text = error_message([&] { pare::train(model, make_clouds(30), options); });
    CHECK(same(model, before));
    return text;
  };
  CHECK(message({.epochs = -1}) == "training: epochs is -1, must not be negative");
  CHECK(message({.batch_size = 0}) == "training: batch_size is 0, must be at least 1");
  CHECK(message({.learning_rate = 0}) == "training: learning_rate is 0, must be positive and finite");
  CHECK(message({.learning_rate = static_cast<double>(not_a_number)}) ==
        "training: learning_rate is nan, must be positive and finite");
  CHECK(message({.learning_rate = static_cast<double>(infinity)}) ==
        "training: learning_rate is inf, must be positive and finite");
  CHECK(message({.optimizer = pare::sgd{1.5f}}) == "sgd momentum is 1.5, must be at least 0, below 1");
  CHECK(message({.weight_decay = -1.0f}) == "training: weight_decay is -1, must be finite and not negative");
  CHECK(message({.shards = 0}) == "training: shards is 0, must be 1 to 1024");
  const std::vector<pare::mask> few(1);
  CHECK(message({.masks = few}) == "training: 1 masks for 2 layers");
  const std::vector<pare::mask> turned = {pare::mask(3, 20), pare::mask()};
  CHECK(message({.masks = turned}) == "training: mask 0 is [3, 20], the layer is [20, 3]");
}

TEST_CASE("bad data are refused by place, the model untouched") {
  const mlp before = pare::make_mlp({3, 20, 3}, 1);
  const auto message = [&](auto&& spoil) {
    mlp model = before;
    pare::dataset data = make_clouds(30);
    spoil(data);
    const std::string text = error_message([&] { pare::train(model, data); });
    CHECK(same(model, before));
    return text;
  };
  using pare::dataset;
  CHECK(message([](dataset& d) { d.labels[7] = 3; }) == "clouds: label 7 is 3, must be 0 to 2");
  CHECK(message([](dataset& d) { d.inputs(2, 11) = not_a_number; }) == "clouds: inputs[2, 11] is nan, must be finite");
  CHECK(message([](dataset& d) { d.inputs(0, 5) = -infinity; }) == "clouds: inputs[0, 5] is -inf, must be finite");
  CHECK(message([](dataset& d) { d.labels.pop_back(); }) == "clouds: 30 samples but 29 labels");
  CHECK(message([](dataset& d) { d.classes = 4; }) == "clouds: 4 classes, the last layer has 3 outputs");
  CHECK(message([](dataset& d) { d.inputs = Eigen::MatrixXf::Zero(2, 30); }) ==
        "clouds: samples have 2 features, the first layer takes 3");
  CHECK(message([](dataset& d) { d = pare::first(d, 0); }) == "clouds: no samples, at least 1 is needed");
}

TEST_CASE("an activation without training is refused, the model untouched") {
  mlp model = pare::make_mlp({3, 20, 3}, 1);
  model.layers[0].function = pare::activation::gelu;
  const mlp before = model;
  CHECK(error_message<pare::value_error>([&] { pare::train(model, make_clouds(30)); }) ==
        "mlp: layer 0 has activation gelu, must be identity, relu, leaky_relu, sigmoid or tanh");
  CHECK(same(model, before));
}

TEST_CASE("training that diverges or is stopped by its observer gives the model back as it was") {
  const mlp before = pare::make_mlp({3, 20, 3}, 1);
  mlp model = before;
  CHECK_THROWS_AS(pare::train(model, make_clouds(30), {.epochs = 20, .learning_rate = 1e30, .optimizer = pare::sgd{}}),
                  pare::value_error);
  CHECK(same(model, before));
  bool changed = false;
  const auto stop = [&](const pare::epoch_report& report) {
    changed = !same(model, before);
    if (report.epoch == 2) throw std::runtime_error("stop");
  };
  CHECK_THROWS_AS(pare::train(model, make_clouds(30), {.epochs = 5, .progress = stop}), std::runtime_error);
  CHECK(changed);  // the observer sees the model as it learns
  CHECK(same(model, before));
}
