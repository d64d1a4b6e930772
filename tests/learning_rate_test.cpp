// Schedules of the learning rate against their formulas.
#include <pare/train/schedule.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::learning_rate_schedule;
using pare::rate_factor;

namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double tolerance = 8 * std::numeric_limits<double>::epsilon();  // a handful of operations on numbers up to 1

bool close(double a, double b) { return std::abs(a - b) <= tolerance; }

}  // namespace

TEST_CASE("the shapes of the learning rate follow their formulas") {
  for (const double epoch : {0.0, 1.5, 5.0, 7.25, 12.0, 19.0, 20.0}) {
    const double part = epoch / 20;
    CHECK(rate_factor({pare::constant_rate{}}, epoch, 20) == 1.0);
    CHECK(close(rate_factor({pare::linear_rate{}}, epoch, 20), 1 - part));
    CHECK(close(rate_factor({pare::cosine_rate{}}, epoch, 20), (1 + std::cos(pi * part)) / 2));
    CHECK(close(rate_factor({pare::cosine_rate{0.25}}, epoch, 20), 0.25 + 0.75 * (1 + std::cos(pi * part)) / 2));
    CHECK(close(rate_factor({pare::step_rate{.every = 5, .factor = 0.5}}, epoch, 20),
                std::pow(0.5, static_cast<int>(epoch) / 5)));
    const double rising = 0.1 + 0.9 * (1 - std::cos(pi * part / 0.4)) / 2;
    const double falling = 0.01 + 0.99 * (1 + std::cos(pi * (part - 0.4) / 0.6)) / 2;
    CHECK(close(rate_factor({pare::one_cycle_rate{.peak_at = 0.4, .first = 0.1, .last = 0.01}}, epoch, 20),
                part < 0.4 ? rising : falling));
  }
  CHECK(rate_factor({pare::cosine_rate{}}, 20, 20) == 0.0);
}

TEST_CASE("a warm-up rises linearly and leaves the shape the rest of the run") {
  const learning_rate_schedule schedule{.shape = pare::linear_rate{}, .warm_up = 4};
  CHECK(rate_factor(schedule, 0, 20) == 0.0);
  CHECK(rate_factor(schedule, 1, 20) == 0.25);
  CHECK(rate_factor(schedule, 4, 20) == 1.0);
  CHECK(rate_factor(schedule, 12, 20) == 0.5);
  CHECK(rate_factor(schedule, 20, 20) == 0.0);
  CHECK(rate_factor({.shape = pare::step_rate{.every = 3, .factor = 0.5}, .warm_up = 2}, 5, 20) == 0.5);
}

TEST_CASE("a plateau lowers the rate when the loss has not fallen for a while") {
  const pare::plateau_rate shape{.factor = 0.5, .patience = 2, .least = 0.2};
  pare::detail::plateau state;
  const double losses[] = {3, 2, 2, 2.5, 1, 1, 1, 1, 1, 1, 1};
  const double factors[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2};
  for (int i = 0; i < 11; ++i) {
    state.update(shape, losses[i]);
    CHECK(state.factor == factors[i]);
  }
}

TEST_CASE("a schedule refuses numbers outside their range") {
  const auto message = [](const learning_rate_schedule& schedule) {
    return error_message<pare::value_error>([&] { pare::validate(schedule); });
  };
  CHECK(message({pare::cosine_rate{2}}) == "cosine_rate last is 2, must be 0 to 1");
  CHECK(message({pare::step_rate{.every = 0}}) == "step_rate every is 0, must be at least 1");
  CHECK(message({pare::step_rate{.factor = 0}}) == "step_rate factor is 0, must be above 0, at most 1");
  CHECK(message({pare::one_cycle_rate{.peak_at = 1}}) == "one_cycle_rate peak_at is 1, must be above 0, below 1");
  CHECK(message({pare::one_cycle_rate{.first = -1}}) == "one_cycle_rate first is -1, must be 0 to 1");
  CHECK(message({pare::plateau_rate{.patience = 0}}) == "plateau_rate patience is 0, must be at least 1");
  CHECK(message({pare::plateau_rate{.factor = 1.5}}) == "plateau_rate factor is 1.5, must be above 0, at most 1");
  CHECK(message({.warm_up = -1}) == "warm_up is -1 epochs, must be finite and not negative");
  CHECK(message({}).empty());
}
