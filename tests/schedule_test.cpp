// pruning_schedule at its ends and in between.
#include <pare/prune/schedule.hpp>

#include "catch.hpp"
#include "support.hpp"

using pare::pruning_schedule;
using pare::schedule_shape;

TEST_CASE("every shape starts at the initial sparsity and ends at the final one") {
  for (const schedule_shape shape : {schedule_shape::one_shot, schedule_shape::linear, schedule_shape::cubic}) {
    const pruning_schedule s{.shape = shape, .begin = 100, .end = 300, .initial = 0.1, .final = 0.9};
    CHECK(s.at(0).value == 0.1);
    CHECK(s.at(99).value == 0.1);
    CHECK(s.at(300).value == 0.9);
    CHECK(s.at(1'000'000).value == 0.9);
  }
}

TEST_CASE("one shot jumps at its first step") {
  const pruning_schedule s{.shape = schedule_shape::one_shot, .begin = 100, .end = 300, .initial = 0.1, .final = 0.9};
  CHECK(s.at(100).value == 0.9);
  CHECK(s.at(200).value == 0.9);
}

TEST_CASE("linear goes up by the same amount in each step") {
  const pruning_schedule s{.shape = schedule_shape::linear, .begin = 8, .end = 12, .initial = 0.0, .final = 1.0};
  CHECK(s.at(8).value == 0.0);
  CHECK(s.at(9).value == 0.25);
  CHECK(s.at(10).value == 0.5);
  CHECK(s.at(11).value == 0.75);
}

TEST_CASE("cubic is equation 1 of Zhu and Gupta") {
  // s_t = s_f + (s_i - s_f) (1 - (t - t_0) / span)^3, in eighths: exact in double.
  const pruning_schedule s{.shape = schedule_shape::cubic, .begin = 10, .end = 14, .initial = 0.25, .final = 0.75};
  CHECK(s.at(10).value == 0.25);
  CHECK(s.at(11).value == 0.75 - 0.5 * 27.0 / 64.0);
  CHECK(s.at(12).value == 0.75 - 0.5 / 8.0);
  CHECK(s.at(13).value == 0.75 - 0.5 / 64.0);
}

TEST_CASE("cubic prunes faster than linear at first") {
  const pruning_schedule linear{.shape = schedule_shape::linear, .begin = 0, .end = 50, .initial = 0.0, .final = 0.9};
  const pruning_schedule cubic{.shape = schedule_shape::cubic, .begin = 0, .end = 50, .initial = 0.0, .final = 0.9};
  for (pare::index_t step = 1; step < 50; ++step) {
    CHECK(cubic.at(step).value > linear.at(step).value);
    CHECK(cubic.at(step).value >= cubic.at(step - 1).value);
    CHECK(cubic.at(step).value <= 0.9);
  }
}

TEST_CASE("a schedule of no length is one shot") {
  for (const schedule_shape shape : {schedule_shape::one_shot, schedule_shape::linear, schedule_shape::cubic}) {
    const pruning_schedule s{.shape = shape, .begin = 5, .end = 5, .initial = 0.0, .final = 0.5};
    CHECK(s.at(4).value == 0.0);
    CHECK(s.at(5).value == 0.5);
  }
}

TEST_CASE("a schedule that is not one is refused") {
  const auto message = [](const pruning_schedule& s) { return error_message<pare::value_error>([&s] { s.at(0); }); };
  CHECK(message({.begin = 7, .end = 3}) == "the schedule begins at step 7, must not be after its end 3");
  CHECK(message({.initial = -0.5}) == "the initial sparsity is -0.5, must be 0 to 1");
  CHECK(message({.final = 1.5}) == "the final sparsity is 1.5, must be 0 to 1");
  CHECK(message({.final = std::numeric_limits<double>::quiet_NaN()}) == "the final sparsity is nan, must be 0 to 1");
}
