// Training: what it learns, keeps, repeats and refuses.
#include <pare/parallel/thread_pool.hpp>
#include <pare/train/digits.hpp>
#include <pare/train/progress.hpp>
#include <pare/train/trainer.hpp>

#include <limits>
#include <sstream>
#include <stdexcept>

#include "allocations.hpp"
#include "catch.hpp"
#include "training_runs.hpp"

using pare::index_t;
using pare::mlp;
using pare::training_options;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

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

TEST_CASE("one step of sgd goes against the mean gradient and l2") {
  const pare::dataset data = make_clouds(32);
  const mlp before = pare::make_mlp({3, 3}, 3);
  const int shards = GENERATE(1, 3, 50);
  mlp model = before;
  pare::train(model, data,
              {.epochs = 1,
               .batch_size = 32,
               .learning_rate = 0.25,
               .optimizer = pare::sgd{0.0f},
               .schedule = {pare::constant_rate{}},
               .regularization = {.l2 = 0.5f},
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
  const double expected = pare::evaluate(before, pare::cross_entropy{}, data).loss;
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
      .epochs = 3, .batch_size = 16, .optimizer = method, .regularization = {.l2 = 1e-3f}, .seed = 9, .shards = shards};
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
  const mlp before = small_mlp();
  const mlp model = trained({.epochs = 3,
                             .batch_size = 16,
                             .optimizer = method,
                             .regularization = {.l2 = 0.01f},
                             .constraints = pare::keep(masks),
                             .shards = shards});
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
  const mlp before = small_mlp();
  CHECK(same(trained({.epochs = 0}), before));
  const std::vector<pare::mask> masks = {pare::mask(20, 3), pare::mask()};
  const mlp masked = trained({.epochs = 0, .constraints = pare::keep(masks)});
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
    CHECK(reports[i].learning_rate == 0.01 * pare::rate_factor({}, static_cast<double>(4 * i + 3) / 4, 4));
  }
  CHECK(reports.back().loss < reports.front().loss);
}

TEST_CASE("bad options are refused by name, the model untouched") {
  const mlp before = small_mlp();
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
  CHECK(message({.schedule = {.warm_up = -1}}) == "warm_up is -1 epochs, must be finite and not negative");
  CHECK(message({.regularization = {.l2 = -1.0f}}) == "l2 is -1, must be finite and not negative");
  CHECK(message({.averaging = {.from_epoch = -1}}) == "averaging from_epoch is -1, must not be negative");
  CHECK(message({.pruning = {.every = -1}}) == "pruning every -1 steps, must not be negative");
  CHECK(message({.distillation = {.temperature = 0}}) == "distillation temperature is 0, must be positive and finite");
  CHECK(message({.distillation = {.logits = gaussian(2, 30, 1)}}) ==
        "distillation: the logits are [2, 30], must be [3, 30]");
  CHECK(message({.early_stopping = {.patience = -1}}) == "early_stopping patience is -1, must not be negative");
  CHECK(message({.early_stopping = {.patience = 1}}) == "early_stopping needs validation data");
  CHECK(message({.constraints = {{.quantizer = pare::learned_step{0}}, {}}}) ==
        "learned_step levels is 0, must be 1 to 127");
  CHECK(message({.constraints = std::vector<pare::weight_constraint>(2), .variational = pare::variational_dropout{}}) ==
        "variational dropout chooses its own mask, must be without constraints and pruning");
  CHECK(message({.shards = 0}) == "training: shards is 0, must be 1 to 1024");
  CHECK(message({.pruning = {.schedule = {.final = 0.5}}}) ==
        "pruning to 0.5 of zeros every 0 steps, must be every 1 or more");
  CHECK(message({.epochs = 3, .batch_size = 10, .pruning = {.every = 1, .schedule = {.end = 10, .final = 0.5}}}) ==
        "pruning ends at step 10, the run has 9");
  CHECK(message({.epochs = 3, .schedule = {.warm_up = 3.5}}) == "warm_up is 3.5 epochs, the run has 3");
  CHECK(message({.epochs = 3, .averaging = {.from_epoch = 4}}) == "averaging from_epoch is 4, the run has 3 epochs");
  const std::vector<pare::mask> few(1);
  CHECK(message({.constraints = pare::keep(few)}) == "training: 1 constraints for 2 layers");
  const std::vector<pare::mask> turned = {pare::mask(3, 20), pare::mask()};
  CHECK(message({.constraints = pare::keep(turned)}) == "training: mask 0 is [3, 20], the layer is [20, 3]");
}

TEST_CASE("bad data are refused by place, the model untouched") {
  const mlp before = small_mlp();
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
  CHECK(message([](dataset& d) { d.classes = -1; }) == "clouds: -1 classes, must not be negative");
}

TEST_CASE("targets outside of what a loss takes are refused by place") {
  pare::dataset data{gaussian(3, 30, 1), {}, 0, "shares", Eigen::MatrixXf::Constant(3, 30, 0.5f)};
  const auto message = [&](const pare::loss& by) {
    mlp model = small_mlp();
    return error_message<pare::value_error>([&] { pare::train(model, data, {.epochs = 1, .loss = by}); });
  };
  CHECK(message(pare::binary_cross_entropy{}).empty());
  data.targets(1, 7) = 2;
  CHECK(message(pare::binary_cross_entropy{}) == "shares: target [1, 7] is 2, must be 0 to 1");
  CHECK(message(pare::cross_entropy{}).empty());
  data.targets(2, 4) = -1;
  CHECK(message(pare::cross_entropy{}) == "shares: target [2, 4] is -1, must not be negative");
  CHECK(message(pare::mean_squared_error{}).empty());
}

TEST_CASE("an activation without training is refused, the model untouched") {
  mlp model = small_mlp();
  model.layers[0].function = pare::activation::gelu;
  const mlp before = model;
  CHECK(error_message<pare::value_error>([&] { pare::train(model, make_clouds(30)); }) ==
        "mlp: layer 0 has activation gelu, must be identity, relu, leaky_relu, sigmoid or tanh");
  CHECK(same(model, before));
}

TEST_CASE("training that diverges or is stopped by its observer gives the model back as it was") {
  const mlp before = small_mlp();
  mlp model = before;
  CHECK_THROWS_AS(pare::train(model, make_clouds(30), {.epochs = 20, .learning_rate = 1e30, .optimizer = pare::sgd{}}),
                  pare::value_error);
  CHECK(same(model, before));
  // Nothing measures a loss behind the last step.
  CHECK_THROWS_AS(pare::train(model, make_clouds(30),
                              {.epochs = 1, .batch_size = 30, .learning_rate = 1e300, .optimizer = pare::sgd{}}),
                  pare::value_error);
  CHECK(same(model, before));
  pare::dataset far = make_clouds(30);
  far.inputs *= 1e30f;
  CHECK(error_message<pare::value_error>([&] {
          pare::train(model, make_clouds(30), {.epochs = 3, .loss = pare::mean_squared_error{}, .validation = &far});
        }).find("training: the loss of the validation data is ") == 0);
  const auto stop = [&](const pare::epoch_report& report) {
    if (report.epoch == 2) throw std::runtime_error("stop");
  };
  CHECK_THROWS_AS(pare::train(model, make_clouds(30), {.epochs = 5, .progress = stop}), std::runtime_error);
  CHECK(same(model, before));
}

TEST_CASE("everything at once repeats itself bit by bit, whatever the number of threads", "[threads]") {
  const pare::dataset validation = make_clouds(30, 6);
  training_options options = everything(validation);
  options.shards = GENERATE(1, 3, 5);
  const mlp reference = trained(options);
  CHECK(same(trained(options), reference));
  pare::thread_pool pool(3);
  options.executor = &pool;
  CHECK(same(trained(options), reference));
}

TEST_CASE("a variational run repeats itself bit by bit, whatever the number of threads", "[threads]") {
  training_options options{.epochs = 5, .batch_size = 16, .variational = pare::variational_dropout{.ramp_end = 3}};
  const mlp reference = trained(options);
  pare::thread_pool pool(3);
  options.executor = &pool;
  CHECK(same(trained(options), reference));
}

TEST_CASE("a batch allocates nothing") {
  if (!allocations::counted) return;
  const pare::dataset validation = make_clouds(30, 6);
  training_options options;
  SECTION("with everything on") {
    options = everything(validation);
    options.pruning = {};
  }
  SECTION("of a variational run") { options.variational = pare::variational_dropout{}; }
  SECTION("plain") {}
  options.validation = nullptr;
  options.early_stopping = {};
  options.batch_size = 16;
  options.epochs = 4;
  pare::thread_pool pool(2);
  options.executor = &pool;
  const auto allocated = [&](index_t samples) {
    const pare::dataset data = make_clouds(samples);
    options.distillation.logits = Eigen::MatrixXf(gaussian(3, samples, 8));
    pare::trainer run(small_mlp(), data, options);
    run.epoch();
    run.epoch();
    run.epoch();
    return allocations_of([&] { run.epoch(); }).count;
  };
  CHECK(allocated(16 * 6) == allocated(16 * 60));  // what an epoch allocates, no batch does
}

TEST_CASE("a regression learns a linear function") {
  const auto of = GENERATE(pare::loss(pare::mean_squared_error{}), pare::loss(pare::huber{}));
  pare::dataset data{gaussian(4, 200, 1), {}, 0, "line"};
  const Eigen::MatrixXf slope = gaussian(2, 4, 2);
  data.targets = slope * data.inputs;
  mlp model = pare::make_mlp({4, 2}, 3);
  pare::train(model, data, {.epochs = 200, .batch_size = 20, .loss = of, .learning_rate = 0.02});
  CHECK((model.layers[0].weights - slope).cwiseAbs().maxCoeff() < 1e-3f);
  CHECK(pare::evaluate(model, of, data).loss < 1e-6);
}

TEST_CASE("early stopping ends the run and gives the best epoch") {
  const pare::dataset data = make_clouds(60), validation = make_clouds(30, 6);
  std::vector<pare::epoch_report> reports;
  std::vector<mlp> models;
  training_options options{.epochs = 100,
                           .batch_size = 10,
                           .learning_rate = 0.1,
                           .schedule = {pare::constant_rate{}},
                           .validation = &validation,
                           .early_stopping = {.patience = 3}};
  pare::trainer steps(small_mlp(), data, options);
  while (!steps.finished()) {
    reports.push_back(steps.epoch());
    models.push_back(steps.model());
  }
  REQUIRE(reports.size() < 100);
  std::size_t best = 0;
  for (std::size_t i = 0; i < reports.size(); ++i)
    if (reports[i].validation->loss < reports[best].validation->loss) best = i;
  CHECK(reports.size() == best + 4);
  CHECK(same(steps.model(), models[best]));
  mlp model = small_mlp();
  pare::train(model, data, options);
  CHECK(same(model, models[best]));
  CHECK(pare::evaluate(model, options.loss, validation).loss == reports[best].validation->loss);
  CHECK_THROWS_AS(steps.epoch(), pare::value_error);
}

TEST_CASE("early stopping waits for pruning and for the divergence of variational dropout") {
  const pare::dataset data = make_clouds(60), validation = make_clouds(30, 6);
  training_options options{.epochs = 12,
                           .batch_size = 10,
                           .learning_rate = 1e-30,
                           .optimizer = pare::sgd{0.0f},
                           .validation = &validation,
                           .early_stopping = {.patience = 1}};
  // Nothing becomes better: the second epoch that competes is the last.
  const auto epochs = [&] {
    pare::trainer run(small_mlp(), data, options);
    run.run();
    return run.epochs_done();
  };
  CHECK(epochs() == 2);
  options.pruning = {.every = 100, .schedule = {.begin = 42, .end = 42, .final = 0.5}};  // in the seventh
  CHECK(epochs() == 8);
  options.pruning = {};
  options.variational = pare::variational_dropout{.ramp_begin = 1, .ramp_end = 4};
  CHECK(epochs() == 5);
}

TEST_CASE("a plateau of the validation loss lowers the learning rate") {
  const pare::dataset data = make_clouds(60), validation = make_clouds(30, 6);
  std::vector<double> rates;
  trained({.epochs = 8,
           .learning_rate = 1e-30,  // changes nothing
           .optimizer = pare::sgd{0.0f},
           .schedule = {pare::plateau_rate{.factor = 0.5, .patience = 2}},
           .validation = &validation,
           .progress = [&](const pare::epoch_report& done) { rates.push_back(done.learning_rate / 1e-30); }});
  CHECK(rates == std::vector<double>{1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125});
  // The validation loss decides where that of training falls: here it rises with each step.
  pare::dataset contrary = validation;
  for (int& label : contrary.labels) label = (label + 1) % 3;
  rates.clear();
  trained({.epochs = 4,
           .batch_size = 10,
           .learning_rate = 0.125,
           .optimizer = pare::sgd{0.0f},
           .schedule = {pare::plateau_rate{.factor = 0.5, .patience = 1}},
           .validation = &contrary,
           .progress = [&](const pare::epoch_report& done) { rates.push_back(done.learning_rate / 0.125); }});
  CHECK(rates == std::vector<double>{1, 1, 0.5, 0.25});
}

TEST_CASE("a step of sgd moves weights through their rounding, and the step that they are rounded to") {
  const pare::dataset data = make_clouds(32);
  const mlp before = pare::make_mlp({3, 3}, 3);
  const int levels = 2;
  training_options options{.epochs = 1,
                           .batch_size = 32,
                           .learning_rate = 0.25,
                           .optimizer = pare::sgd{0.0f},
                           .schedule = {pare::constant_rate{}},
                           .constraints = {{.quantizer = pare::learned_step{.levels = levels}}},
                           .shards = GENERATE(1, 3)};
  pare::trainer run(before, data, options);
  const double step = static_cast<double>(run.quantization()[0].levels(0));
  run.run();
  // By hand in double precision, with v = w / step: dL/dstep = sum G (round(v) - v), or G ±levels out of range, scaled.
  const Eigen::MatrixXd w = before.layers[0].weights.cast<double>(), x = data.inputs.cast<double>();
  const Eigen::MatrixXd v = w / step;
  const Eigen::MatrixXd codes = v.unaryExpr([](double at) { return std::clamp(std::nearbyint(at), -2.0, 2.0); });
  Eigen::MatrixXd p = (step * codes * x).array().exp();
  for (index_t j = 0; j < 32; ++j) {
    p.col(j) /= p.col(j).sum();
    p(data.labels[static_cast<std::size_t>(j)], j) -= 1;
  }
  const Eigen::MatrixXd gradient = p * x.transpose() / 32;
  double slope = 0;
  for (index_t i = 0; i < 9; ++i) slope += gradient(i) * (std::abs(v(i)) < levels ? codes(i) - v(i) : codes(i));
  const double expected = step - 0.25 * slope / std::sqrt(9.0 * levels);
  const auto moved = static_cast<double>(run.quantization()[0].levels(0));
  CHECK(std::abs(moved - step) > 1e-4);
  // Each of the gradients is off by some 50 roundings of terms below max|x|, and nine are summed.
  CHECK(std::abs(moved - expected) <= 9 * 50 * float_eps * x.cwiseAbs().maxCoeff());
}

TEST_CASE("averaged weights fade by their decay from their epoch on") {
  const pare::dataset data = make_clouds(32);
  training_options options{.epochs = 5, .batch_size = 32};  // a step per epoch
  options.averaging = {.from_epoch = 3, .decay = 0.75f};
  pare::trainer averaged(small_mlp(), data, options);
  options.averaging = {};
  pare::trainer plain(small_mlp(), data, options);
  Eigen::MatrixXf average;
  for (int epoch = 1; epoch <= 5; ++epoch) {
    if (epoch == 3) average = plain.model().layers[0].weights;
    averaged.epoch();
    plain.epoch();
    const Eigen::MatrixXf now = plain.model().layers[0].weights;
    if (epoch < 3) {
      CHECK(averaged.model().layers[0].weights == now);
      continue;
    }
    average += 0.25f * (now - average);
    const float eps = std::numeric_limits<float>::epsilon();
    CHECK((averaged.model().layers[0].weights - average).cwiseAbs().maxCoeff() <= 3 * 4 * eps);
  }
}

TEST_CASE("a clipped step is no longer than its norm, and no component larger than its value") {
  const pare::dataset data = make_clouds(32);
  training_options options{.epochs = 1,
                           .batch_size = 32,
                           .learning_rate = 1.0,
                           .optimizer = pare::sgd{0.0f},
                           .schedule = {pare::constant_rate{}}};
  const mlp before = small_mlp();
  const auto step = [&] {
    mlp model = before;
    pare::train(model, data, options);
    Eigen::VectorXf moved(3 * 20 + 20 + 20 * 3 + 3);
    moved << (model.layers[0].weights - before.layers[0].weights).reshaped(),
        (model.layers[1].weights - before.layers[1].weights).reshaped(), model.layers[0].bias - before.layers[0].bias,
        model.layers[1].bias - before.layers[1].bias;
    return moved;
  };
  const Eigen::VectorXf whole = step();
  REQUIRE(whole.norm() > 0.2f);
  const float eps = std::numeric_limits<float>::epsilon();
  options.clipping = {.norm = 0.1f};
  CHECK((step() - 0.1f * whole.normalized()).cwiseAbs().maxCoeff() <= 16 * eps);  // weights are below 4
  options.clipping = {.value = 0.01f};
  CHECK((step() - whole.cwiseMin(0.01f).cwiseMax(-0.01f)).cwiseAbs().maxCoeff() <= 16 * eps);
}

TEST_CASE("adamw shrinks weights, not biases, by rate and decay beside its step") {
  const pare::dataset data = make_clouds(32);
  training_options options{.epochs = 1, .batch_size = 32, .learning_rate = 0.125, .schedule = {pare::constant_rate{}}};
  mlp before = small_mlp(), with = before, without = before;
  pare::train(without, data, options);
  options.optimizer = pare::adamw{.weight_decay = 0.5f};
  pare::train(with, data, options);
  const Eigen::MatrixXf difference = without.layers[0].weights - with.layers[0].weights;
  const float eps = std::numeric_limits<float>::epsilon();
  CHECK((difference - 0.0625f * before.layers[0].weights).cwiseAbs().maxCoeff() <= 4 * 4 * eps);
  CHECK(with.layers[0].bias == without.layers[0].bias);
}

TEST_CASE("l1 makes weights zero and the group lasso neurons") {
  training_options options{.epochs = 40, .batch_size = 10, .learning_rate = 0.1, .optimizer = pare::sgd{0.0f}};
  options.regularization = {.l1 = 0.05f};
  const mlp sparse = trained(options);
  CHECK((sparse.layers[0].weights.array() == 0.0f).count() > 15);
  CHECK((sparse.layers[0].weights.array() != 0.0f).any());
  options.regularization = {.group_lasso = 0.05f};
  const mlp narrow = trained(options);
  const auto dead = (narrow.layers[0].weights.array() == 0.0f).rowwise().all();
  CHECK(dead.count() > 3);
  CHECK(dead.count() < 20);
}

TEST_CASE("each epoch may have data of its own") {
  const pare::dataset data = make_clouds(100);
  pare::dataset other = data;
  other.inputs.setZero();
  training_options options{.epochs = 2, .batch_size = 16};
  const mlp plain = trained(options);
  std::vector<int> asked;
  options.data_of_epoch = [&](int epoch) -> const pare::dataset& {
    asked.push_back(epoch);
    return data;
  };
  CHECK(same(trained(options), plain));
  CHECK(asked == std::vector{1, 2});
  options.data_of_epoch = [&](int epoch) -> const pare::dataset& { return epoch == 1 ? data : other; };
  CHECK(!same(trained(options), plain));
  const pare::dataset few = make_clouds(99);
  options.data_of_epoch = [&](int) -> const pare::dataset& { return few; };
  CHECK(error_message<pare::shape_error>([&] { trained(options); }) == "clouds: 99 samples in epoch 1, must be 100");
}

TEST_CASE("dropout changes the training, not what the result computes") {
  const mlp plain = trained({.epochs = 30, .batch_size = 10, .learning_rate = 0.01});
  const mlp dropped =
      trained({.epochs = 30, .batch_size = 10, .learning_rate = 0.01, .regularization = {.dropout = 0.25f}});
  CHECK(!same(plain, dropped));
  CHECK(pare::error_rate(dropped, make_clouds(100)) < 0.15);
}

TEST_CASE("progress is printed as a line per epoch") {
  std::ostringstream out;
  const auto print = pare::print_progress(out);
  print({.epoch = 3, .epochs = 12, .loss = 0.25, .learning_rate = 0.001, .seconds = 1.5});
  print({.epoch = 4,
         .epochs = 12,
         .loss = 0.125,
         .validation = pare::evaluation{0.5, 0.02},
         .learning_rate = 0.001,
         .density = 0.1,
         .seconds = 1.5});
  CHECK(out.str() ==
        "epoch   3 of 12  loss 0.2500  rate 0.001  1.5 s\n"
        "epoch   4 of 12  loss 0.1250  validation loss 0.5000  error 2.00 %  density 10.00 %  rate 0.001  1.5 s\n");
}
