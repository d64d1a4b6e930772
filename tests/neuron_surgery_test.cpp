// neuron_surgery: which neurons stay, and how well the others make up for those that go.
#include <pare/prune/neuron_surgery.hpp>

#include <Eigen/LU>

#include "calibrated.hpp"
#include "catch.hpp"

using pare::index_t;
using pare::kept_neurons;

namespace {

// y = w2 h + b2 with hidden values h = relu(w1 x + b1) of many samples.
struct two_layers {
  Eigen::MatrixXf w1, b1, w2, b2, h;

  two_layers(index_t inputs, index_t hidden, index_t outputs, std::uint32_t seed)
      : w1(gaussian(hidden, inputs, seed)),
        b1(gaussian(hidden, 1, seed + 1)),
        w2(gaussian(outputs, hidden, seed + 2)),
        b2(gaussian(outputs, 1, seed + 3)) {
    h = ((w1 * correlated(inputs, 500, seed + 4)).colwise() + b1.col(0)).cwiseMax(0.0f);
  }

  pare::narrowed_layers remove(index_t keep, double damping = 1e-3) const {
    return pare::neuron_surgery(w1, b1, w2, b2, kept_neurons{keep}, statistics_of(h), damping);
  }

  // The mean square of what outputs are off by.
  double error(const pare::narrowed_layers& small) const {
    const Eigen::MatrixXf kept = h(small.kept, Eigen::all);
    return ((w2 * h).colwise() + b2.col(0) - ((small.w2 * kept).colwise() + small.b2)).squaredNorm() /
           static_cast<float>(h.cols());
  }
};

}  // namespace

TEST_CASE("a neuron that the others and a constant can replace goes without loss, or one of them") {
  two_layers net(6, 12, 4, 1);
  net.h.row(7) = 2 * net.h.row(3) - 0.5f * net.h.row(9) + Eigen::RowVectorXf::Constant(500, 3.0f);
  // Without any damping the moment is singular but for rounding. This much costs about 1e-10 of the sum of the squares
  // of what a neuron is replaced by.
  const pare::narrowed_layers small = net.remove(11, 1e-10);
  const auto stays = [&](index_t j) { return std::find(small.kept.begin(), small.kept.end(), j) != small.kept.end(); };
  CHECK(!(stays(3) && stays(7) && stays(9)));
  CHECK(net.error(small) < 1e-8 * (net.w2 * net.h).squaredNorm() / 500);
}

TEST_CASE("dead neurons go before all others, whatever their weights") {
  two_layers net(6, 12, 4, 2);
  net.h.row(0).setZero();
  net.h.row(5).setZero();
  net.w2.col(5) *= 1000;
  const pare::narrowed_layers small = net.remove(10);
  CHECK(small.kept == std::vector<index_t>{1, 2, 3, 4, 6, 7, 8, 9, 10, 11});
}

TEST_CASE("the neuron that goes first is the one whose loss costs least, and the fit is the best there is") {
  const two_layers net(5, 8, 3, 3);
  const pare::narrowed_layers small = net.remove(7, 0);
  double least = std::numeric_limits<double>::infinity();
  std::vector<index_t> best;
  Eigen::MatrixXd solution;
  const Eigen::MatrixXd outputs = ((net.w2 * net.h).colwise() + net.b2.col(0)).cast<double>();
  for (index_t gone = 0; gone < 8; ++gone) {
    std::vector<index_t> kept;
    for (index_t j = 0; j < 8; ++j)
      if (j != gone) kept.push_back(j);
    Eigen::MatrixXd with_one(8, 500);
    with_one << net.h(kept, Eigen::all).cast<double>(), Eigen::RowVectorXd::Ones(500);
    // By the normal equations of all samples, where surgery has a downdated inverse.
    const Eigen::MatrixXd fit = (with_one * with_one.transpose()).fullPivLu().solve(with_one * outputs.transpose());
    const double error = (outputs - fit.transpose() * with_one).squaredNorm();
    if (error >= least) continue;
    least = error;
    best = kept;
    solution = fit;
  }
  CHECK(small.kept == best);
  CHECK((small.w2.cast<double>() - solution.topRows(7).transpose()).cwiseAbs().maxCoeff() <=
        1e-5 * solution.cwiseAbs().maxCoeff());
  CHECK((small.b2.cast<double>() - solution.bottomRows(1).transpose()).cwiseAbs().maxCoeff() <=
        1e-5 * solution.cwiseAbs().maxCoeff());
  CHECK(small.w1 == net.w1(best, Eigen::all));
  CHECK(small.b1 == net.b1.col(0)(best));
}

TEST_CASE("surgery leaves less error than removal by magnitude with means folded in") {
  const two_layers net(20, 64, 10, 4);
  const pare::input_statistics statistics = statistics_of(net.h);
  for (const index_t keep : {8, 16, 32, 48}) {
    const Eigen::VectorXf mean = statistics.mean().cast<float>();
    const pare::narrowed_layers plain =
        pare::remove_neurons(net.w1, net.b1, net.w2, net.b2, kept_neurons{keep}, {.mean = mean});
    CHECK(net.error(net.remove(keep)) < 0.5 * net.error(plain));
  }
  const pare::narrowed_layers all = net.remove(64);
  CHECK(all.kept.size() == 64);
  CHECK(net.error(all) < 1e-8 * (net.w2 * net.h).squaredNorm() / 500);
}

TEST_CASE("surgery refuses what does not fit") {
  const two_layers net(4, 6, 2, 5);
  const auto message = [&](index_t keep, const pare::input_statistics& statistics, double damping = 1e-3) {
    return error_message(
        [&] { pare::neuron_surgery(net.w1, net.b1, net.w2, net.b2, kept_neurons{keep}, statistics, damping); });
  };
  CHECK(message(0, statistics_of(net.h)) == "kept_neurons is 0, must be 1 to 6");
  CHECK(message(7, statistics_of(net.h)) == "kept_neurons is 7, must be 1 to 6");
  CHECK(message(3, statistics_of(gaussian(5, 9, 1))) == "the statistics are of 5 neurons, w1 has 6 rows");
  CHECK(message(3, pare::input_statistics(6)) == "the statistics have seen no samples, at least 1 is needed");
  CHECK(message(3, statistics_of(net.h), -1) == "damping is -1, must not be negative");
  CHECK(message(3, statistics_of(net.h.leftCols(2)), 0) == "the second moment is singular with a damping of 0");
}

TEST_CASE("an order of removal tells what fewer neurons cost, and how many a loss affords") {
  const two_layers net(6, 12, 4, 9);
  const pare::neuron_removal_order order(net.w1, net.b1, net.w2, net.b2, statistics_of(net.h), 1e-9);
  const Eigen::MatrixXd outputs = ((net.w2 * net.h).colwise() + net.b2.col(0)).cast<double>();
  const double variance = (outputs.colwise() - outputs.rowwise().mean()).squaredNorm() / 500;
  CHECK(order.neurons() == 12);
  CHECK(order.loss({12}) == 0);
  for (index_t keep = 11; keep >= 1; --keep) {
    const pare::narrowed_layers small = order.keep({keep});
    CHECK(small.kept == net.remove(keep, 1e-9).kept);
    // In floats, with a damping of 1e-9 of what neurons are on average.
    CHECK(order.loss({keep}) == Approx(net.error(small) / variance).epsilon(1e-3).margin(1e-6));
    CHECK(order.loss({keep}) >= order.loss({keep + 1}));
    CHECK(order.within(order.loss({keep})).value == keep);
  }
  CHECK(order.within(0).value == 12);
  CHECK(error_message([&] { order.loss({13}); }) == "kept_neurons is 13, must be 1 to 12");
  const pare::neuron_removal_order some(net.w1, net.b1, net.w2, net.b2, statistics_of(net.h), 1e-3, {8});
  CHECK(some.within(1).value == 8);
  CHECK(error_message([&] { some.keep({7}); }) == "kept_neurons is 7, must be 8 to 12");
}
