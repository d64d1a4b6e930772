// How the learning rate changes over a training run.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <numbers>
#include <variant>

#include <pare/tensor/finite.hpp>

namespace pare {

// All shapes give a factor of the learning rate at the part p of the run, in [0, 1]; `epoch` counts whole ones.
// 1
struct constant_rate {};

// 1 - p
struct linear_rate {};

// (1 - last) (1 + cos(pi p)) / 2 + last: Loshchilov and Hutter 2017, eq. 5, without restarts.
struct cosine_rate {
  double last = 0.0;  // the factor at the end, in [0, 1]
};

// factor^floor(epoch / every)
struct step_rate {
  int every = 10;       // epochs, at least 1
  double factor = 0.1;  // in (0, 1]
};

// Half a cosine up from `first` to 1 at the part `peak_at`, and another down to `last`: Smith and Topin 2018, with the
// cosines of PyTorch's OneCycleLR.
struct one_cycle_rate {
  double peak_at = 0.3;  // in (0, 1)
  double first = 0.04;   // in [0, 1]
  double last = 4e-6;    // in [0, 1]
};

// `factor` times the rate each time that the validation loss (without validation data that of training) has not been
// below its least for `patience` epochs, which are counted anew then.
struct plateau_rate {
  double factor = 0.1;  // in (0, 1]
  int patience = 5;     // epochs, at least 1
  double least = 0.0;   // of the factor, in [0, 1]
};

struct learning_rate_schedule {
  std::variant<constant_rate, linear_rate, cosine_rate, step_rate, one_cycle_rate, plateau_rate> shape = cosine_rate{};
  double warm_up = 0.0;  // epochs in which the factor rises from nothing linearly; the shape takes the rest of the run
};

// Throws value_error for a number outside its range.
template <std::same_as<learning_rate_schedule> Schedule = learning_rate_schedule>
void validate(const Schedule& schedule);

namespace detail {

inline double half_cosine(double from, double to, double part) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * part));
}

inline double factor_of(const constant_rate&, double, double) { return 1.0; }
inline double factor_of(const linear_rate&, double part, double) { return 1.0 - part; }
inline double factor_of(const cosine_rate& shape, double part, double) { return half_cosine(1.0, shape.last, part); }
inline double factor_of(const step_rate& shape, double, double epoch) {
  return std::pow(shape.factor, std::floor(epoch / shape.every));
}
inline double factor_of(const one_cycle_rate& shape, double part, double) {
  if (part < shape.peak_at) return half_cosine(shape.first, 1.0, part / shape.peak_at);
  return half_cosine(1.0, shape.last, (part - shape.peak_at) / (1.0 - shape.peak_at));
}
inline double factor_of(const plateau_rate&, double, double) { return 1.0; }  // see plateau

inline void require_part(std::string_view what, double value) {
  require<value_error>(value >= 0 && value <= 1, what, " is ", value, ", must be 0 to 1");
}
inline void require_factor(std::string_view what, double value) {
  require<value_error>(value > 0 && value <= 1, what, " is ", value, ", must be above 0, at most 1");
}
inline void require_at_least_one(std::string_view what, int value) {
  require<value_error>(value >= 1, what, " is ", value, ", must be at least 1");
}

inline void validate(const constant_rate&) {}
inline void validate(const linear_rate&) {}
inline void validate(const cosine_rate& shape) { require_part("cosine_rate last", shape.last); }
inline void validate(const step_rate& shape) {
  require_at_least_one("step_rate every", shape.every);
  require_factor("step_rate factor", shape.factor);
}
inline void validate(const one_cycle_rate& shape) {
  require<value_error>(shape.peak_at > 0 && shape.peak_at < 1, "one_cycle_rate peak_at is ", shape.peak_at,
                       ", must be above 0, below 1");
  require_part("one_cycle_rate first", shape.first);
  require_part("one_cycle_rate last", shape.last);
}
inline void validate(const plateau_rate& shape) {
  require_at_least_one("plateau_rate patience", shape.patience);
  require_factor("plateau_rate factor", shape.factor);
  require_part("plateau_rate least", shape.least);
}

// The state of plateau_rate.
struct plateau {
  double factor = 1.0;
  double least_loss = std::numeric_limits<double>::infinity();
  int epochs = 0;  // since the least loss or the last change

  void update(const plateau_rate& shape, double loss) {
    if (loss < least_loss) {
      least_loss = loss;
      epochs = 0;
    } else if (++epochs >= shape.patience) {
      factor = std::max(factor * shape.factor, shape.least);
      epochs = 0;
    }
  }
};

}  // namespace detail

template <std::same_as<learning_rate_schedule> Schedule>
void validate(const Schedule& schedule) {
  std::visit([](const auto& shape) { detail::validate(shape); }, schedule.shape);
  detail::require<value_error>(schedule.warm_up >= 0 && detail::is_finite(schedule.warm_up), "warm_up is ",
                               schedule.warm_up, " epochs, must be finite and not negative");
}

// The factor of the learning rate when `epoch` epochs of `epochs` are done, fractions of one counted; that of
// plateau_rate, which depends on losses, comes on top.
template <std::same_as<learning_rate_schedule> Schedule = learning_rate_schedule>
double rate_factor(const Schedule& schedule, double epoch, double epochs) {
  if (epoch < schedule.warm_up) return epoch / schedule.warm_up;
  const double done = epoch - schedule.warm_up;
  const double part = std::min(1.0, done / std::max(epochs - schedule.warm_up, 1e-9));
  return std::visit([&](const auto& shape) { return detail::factor_of(shape, part, done); }, schedule.shape);
}

}  // namespace pare
