// Distillation against its formula; teachers of other kinds and shapes.
#include <pare/train/distill.hpp>

#include <pare/parallel/thread_pool.hpp>
#include <pare/train/convert.hpp>

#include "catch.hpp"
#include "training_runs.hpp"

using Eigen::MatrixXd;
using Eigen::MatrixXf;
using pare::index_t;

namespace {

MatrixXd softmax(const MatrixXd& z) {
  const MatrixXd e = z.array().exp();
  return e.array().rowwise() / e.array().colwise().sum();
}

// weight T^2 sum KL(softmax(teacher / T) || softmax(student / T))
double exact(const MatrixXd& student, const MatrixXd& teacher, double temperature, double weight) {
  const MatrixXd s = softmax(student / temperature), t = softmax(teacher / temperature);
  return weight * temperature * temperature * (t.array() * (t.array() / s.array()).log()).sum();
}

}  // namespace

TEST_CASE("the loss of distillation and its gradient are those of double precision") {
  const float temperature = GENERATE(1.0f, 4.0f);
  const MatrixXf student = 2.0f * gaussian(5, 6, 1), teacher = 2.0f * gaussian(5, 6, 2);
  MatrixXf targets = teacher;
  pare::detail::soften(targets, temperature);
  MatrixXf scratch(5, 6), gradient = MatrixXf::Constant(5, 6, 1.0f);
  const double got = pare::detail::add_distillation(student, targets, temperature, 0.25f, scratch, gradient);
  const MatrixXd s = student.cast<double>(), t = teacher.cast<double>();
  const double heat = static_cast<double>(temperature), eps = std::numeric_limits<float>::epsilon();
  // 30 terms of at most T^2 / 4 times logits below 10, each with a dozen roundings.
  const double tolerance = eps * 12 * 10 * heat * heat / 4;
  CHECK(std::abs(got - exact(s, t, heat, 0.25)) <= 30 * tolerance);
  const double h = 1e-5;
  for (index_t j = 0; j < 6; ++j)
    for (index_t i = 0; i < 5; ++i) {
      const double slope = central_difference([&](const MatrixXd& z) { return exact(z, t, heat, 0.25); }, s, i, j, h);
      CHECK(std::abs(static_cast<double>(gradient(i, j)) - 1 - slope) <= tolerance + 1e-8);
    }
}

TEST_CASE("distillation of weight 0 is plain training") {
  pare::training_options options{.epochs = 3, .batch_size = 16};
  const pare::mlp plain = trained(options);
  options.distillation = {.logits = gaussian(3, 100, 8), .temperature = 3.0f, .weight = 0.0f};
  CHECK(same(trained(options), plain));
  options.distillation.weight = 0.5f;
  CHECK(!same(trained(options), plain));
}

TEST_CASE("a teacher that is asked during the run teaches as its logits do, and what inputs are left to it") {
  const pare::dataset data = make_clouds(100);
  const pare::network teacher = to_network(pare::make_mlp({3, 16, 3}, 4));
  pare::training_options options{.epochs = 3, .batch_size = 16, .shards = 3};
  options.distillation = {.logits = pare::logits_of(teacher, data.inputs), .temperature = 2.0f};
  const pare::mlp by_logits = trained(options);
  options.distillation = {.teacher = &teacher, .temperature = 2.0f};
  CHECK(same(trained(options), by_logits));

  // A teacher that answers with its inputs, scaled as dropout scales them, and a student that is told nothing else.
  pare::mlp identity = pare::make_mlp({3, 3}, 1);
  identity.layers[0].weights.setIdentity();
  const pare::network echo = to_network(identity);
  options.regularization.input_dropout = 0.5f;
  options.distillation = {.teacher = &echo, .temperature = 1.0f, .weight = 1.0f};
  pare::trainer<> student(identity, data, options);
  CHECK(student.epoch().loss < 1e-6);  // they agree on whatever was dropped
  options.distillation = {.logits = pare::logits_of(echo, data.inputs), .temperature = 1.0f, .weight = 1.0f};
  CHECK(pare::trainer<>(identity, data, options).epoch().loss > 1e-2);

  const auto refusal = [&](const pare::distillation& d) {
    options.distillation = d;
    return error_message<pare::error>([&] { trained(options); });
  };
  const pare::network wide = to_network(pare::make_mlp({4, 3}, 1));
  CHECK(refusal({.teacher = &wide}) ==
        "distillation: the teacher takes 4 features and gives 3 outputs, the student 3 and 3");
  CHECK(refusal({.logits = gaussian(3, 100, 8), .teacher = &echo}) ==
        "distillation has logits and a teacher, must have at most one of them");
  MatrixXf infinite = gaussian(3, 100, 8);
  infinite(1, 2) = std::numeric_limits<float>::infinity();
  CHECK(refusal({.logits = infinite}) == "distillation: logits[1, 2] is inf, must be finite");
  const pare::network nothing(3);  // gives its inputs back
  CHECK(refusal({.teacher = &nothing}).empty());
  pare::network sure = echo;
  sure.add(pare::activation::softmax);
  CHECK(refusal({.teacher = &sure}) ==
        "distillation: the teacher ends in softmax, must give logits: leave that layer out");
  options.loss = pare::mean_squared_error{};
  CHECK(refusal({.teacher = &echo}) ==
        "distillation compares distributions over classes, the loss must be cross_entropy");
}

TEST_CASE("teachers give the same logits as a perceptron, as a network and on many threads") {
  const pare::dataset data = make_clouds(600);
  const pare::mlp teacher = pare::make_mlp({3, 7, 3}, 4);
  const MatrixXf expected = pare::forward(teacher, data.inputs);
  pare::thread_pool pool(2);
  // Sums of 3 and of 7 products of numbers below 10, and biases.
  const float tolerance = 10 * 16 * std::numeric_limits<float>::epsilon();
  CHECK((pare::logits_of(teacher, data.inputs) - expected).cwiseAbs().maxCoeff() <= tolerance);
  CHECK(pare::logits_of(teacher, data.inputs, &pool) == pare::logits_of(teacher, data.inputs));
  const pare::network net = pare::to_network(teacher);
  CHECK((pare::logits_of(net, data.inputs) - expected).cwiseAbs().maxCoeff() <= tolerance);
  CHECK(pare::logits_of(net, data.inputs, &pool) == pare::logits_of(net, data.inputs));
  CHECK_THROWS_AS(pare::logits_of(pare::to_network(pare::make_mlp({4, 3}, 1)), data.inputs), pare::shape_error);
  CHECK_THROWS_AS(pare::logits_of(pare::make_mlp({4, 3}, 1), data.inputs), pare::shape_error);
}

TEST_CASE("a student of another shape learns what its teacher says, labels unseen") {
  const pare::dataset data = make_clouds(300);
  pare::mlp teacher = pare::make_mlp({3, 20, 3}, 4);
  pare::train(teacher, data, {.epochs = 20, .batch_size = 20, .learning_rate = 0.01});
  pare::dataset unlabelled = data;
  for (int& label : unlabelled.labels) label = 0;
  pare::mlp student = pare::make_mlp({3, 5, 3}, 5);
  pare::train(student, unlabelled,
              {.epochs = 60,
               .batch_size = 20,
               .learning_rate = 0.01,
               .distillation = {.logits = pare::logits_of(teacher, data.inputs), .temperature = 2.0f, .weight = 1.0f}});
  const std::vector<int> a = pare::predict(teacher, data.inputs), b = pare::predict(student, data.inputs);
  index_t agree = 0;
  for (std::size_t i = 0; i < a.size(); ++i) agree += a[i] == b[i];
  CHECK(agree > 285);
}
