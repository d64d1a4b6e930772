// How a gradient changes the parameters.
#pragma once

#include <cmath>
#include <concepts>
#include <variant>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {

// v <- momentum v + g,  w <- w - rate v  (Polyak 1964, with the rate outside as in PyTorch).
struct sgd {
  float momentum = 0.9f;  // in [0, 1)
};

// Kingma and Ba 2015, algorithm 1.
struct adam {
  float beta1 = 0.9f;     // decay of the mean of the gradient, in [0, 1)
  float beta2 = 0.999f;   // decay of the mean of its square, in [0, 1)
  float epsilon = 1e-8f;  // > 0
};

using optimizer = std::variant<sgd, adam>;

// What an optimizer remembers of one run of parameters.
struct optimizer_memory {
  optimizer_memory(const optimizer& method, index_t parameters)
      : first(Eigen::ArrayXf::Zero(parameters)),
        second(Eigen::ArrayXf::Zero(std::holds_alternative<adam>(method) ? parameters : 0)) {}

  Eigen::ArrayXf first;   // v of sgd, m of adam
  Eigen::ArrayXf second;  // v of adam
  index_t steps = 0;      // t of adam: steps taken
};

// Throws value_error for a momentum, beta or epsilon outside its range.
inline void validate(const optimizer& method) {
  const auto in_range = [](std::string_view what, float value) {
    detail::require<value_error>(value >= 0.0f && value < 1.0f, what, " is ", value, ", must be at least 0, below 1");
  };
  if (const auto* m = std::get_if<sgd>(&method)) in_range("sgd momentum", m->momentum);
  if (const auto* m = std::get_if<adam>(&method)) {
    in_range("adam beta1", m->beta1);
    in_range("adam beta2", m->beta2);
    detail::require<value_error>(m->epsilon > 0.0f && detail::is_finite(m->epsilon), "adam epsilon is ", m->epsilon,
                                 ", must be positive and finite");
  }
}

// One step on a run of parameters, given its gradient and memory, all of one length, and the learning rate. Allocates
// nothing.
template <std::same_as<sgd> Method, class Parameters, class Gradient>
void step(const Method& method, optimizer_memory& memory, Parameters&& parameters, const Gradient& gradient,
          double rate) {
  ++memory.steps;
  memory.first = method.momentum * memory.first + gradient;
  parameters -= static_cast<float>(rate) * memory.first;
}

template <std::same_as<adam> Method, class Parameters, class Gradient>
void step(const Method& method, optimizer_memory& memory, Parameters&& parameters, const Gradient& gradient,
          double rate) {
  const auto t = static_cast<double>(++memory.steps);
  const double mean_correction = 1.0 - std::pow(static_cast<double>(method.beta1), t);
  const double square_correction = 1.0 - std::pow(static_cast<double>(method.beta2), t);
  const auto corrected_rate = static_cast<float>(rate / mean_correction);
  const auto inverse_correction = static_cast<float>(1.0 / square_correction);
  memory.first = method.beta1 * memory.first + (1.0f - method.beta1) * gradient;
  memory.second = method.beta2 * memory.second + (1.0f - method.beta2) * gradient.square();
  parameters -= corrected_rate * memory.first / ((inverse_correction * memory.second).sqrt() + method.epsilon);
}

template <std::same_as<optimizer> Method, class Parameters, class Gradient>
void step(const Method& method, optimizer_memory& memory, Parameters&& parameters, const Gradient& gradient,
          double rate) {
  std::visit([&](const auto& m) { step(m, memory, parameters, gradient, rate); }, method);
}

}  // namespace pare
