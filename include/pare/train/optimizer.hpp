// How a gradient changes the parameters.
#pragma once

#include <cmath>
#include <concepts>
#include <variant>

#include <pare/tensor/eigen.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {

// v <- momentum v + g,  w <- w - rate v  (Polyak 1964, with the rate outside as in PyTorch); with Nesterov's look-ahead
// w <- w - rate (g + momentum v)  (Sutskever et al. 2013, in the form of PyTorch).
struct sgd {
  float momentum = 0.9f;  // in [0, 1)
  bool nesterov = false;
};

// Kingma and Ba 2015, algorithm 1.
struct adam {
  float beta1 = 0.9f;     // decay of the mean of the gradient, in [0, 1)
  float beta2 = 0.999f;   // decay of the mean of its square, in [0, 1)
  float epsilon = 1e-8f;  // > 0
};

// The same with weights decaying beside it, w <- (1 - rate weight_decay) w first: Loshchilov and Hutter 2019, algorithm
// 2, with the rate in both as in PyTorch. Weights decay; biases, variances and levels do not.
struct adamw {
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0.01f;  // >= 0
};

// s <- decay s + (1 - decay) g^2,  v <- momentum v + g / (sqrt(s) + epsilon),  w <- w - rate v  (Hinton 2012, lecture
// 6)
struct rmsprop {
  float decay = 0.99f;    // in [0, 1)
  float epsilon = 1e-8f;  // > 0
  float momentum = 0.0f;  // in [0, 1)
};

using optimizer = std::variant<sgd, adam, adamw, rmsprop>;

// Throws value_error for a number outside its range.
template <std::same_as<optimizer> Method = optimizer>
void validate(const Method& method);

// The part of the parameters that decays per unit of learning rate; 0 but for adamw.
inline float weight_decay(const optimizer& method) {
  const auto* decoupled = std::get_if<adamw>(&method);
  return decoupled != nullptr ? decoupled->weight_decay : 0.0f;
}

// The t-th step, from 1, on a run of parameters given its gradient, the two memories of the method (zero before the
// first step) and the learning rate; all arrays have one length. Allocates nothing. Decay of weights is not part of it.
template <std::same_as<sgd> Method, class First, class Second, class Parameters, class Gradient>
void step(const Method& method, index_t, First&& v, Second&&, Parameters&& w, const Gradient& g, double rate) {
  v = method.momentum * v + g;
  if (method.nesterov)
    w -= static_cast<float>(rate) * (g + method.momentum * v);
  else
    w -= static_cast<float>(rate) * v;
}

template <class Method, class First, class Second, class Parameters, class Gradient>
requires(std::same_as<Method, adam> || std::same_as<Method, adamw>)  //
    void step(const Method& method, index_t t, First&& m, Second&& v, Parameters&& w, const Gradient& g, double rate) {
  const double mean_correction = 1.0 - std::pow(static_cast<double>(method.beta1), static_cast<double>(t));
  const double square_correction = 1.0 - std::pow(static_cast<double>(method.beta2), static_cast<double>(t));
  const auto corrected_rate = static_cast<float>(rate / mean_correction);
  const auto inverse_correction = static_cast<float>(1.0 / square_correction);
  m = method.beta1 * m + (1.0f - method.beta1) * g;
  v = method.beta2 * v + (1.0f - method.beta2) * g.square();
  w -= corrected_rate * m / ((inverse_correction * v).sqrt() + method.epsilon);
}

template <std::same_as<rmsprop> Method, class First, class Second, class Parameters, class Gradient>
void step(const Method& method, index_t, First&& v, Second&& s, Parameters&& w, const Gradient& g, double rate) {
  s = method.decay * s + (1.0f - method.decay) * g.square();
  v = method.momentum * v + g / (s.sqrt() + method.epsilon);
  w -= static_cast<float>(rate) * v;
}

template <std::same_as<optimizer> Method, class First, class Second, class Parameters, class Gradient>
void step(const Method& method, index_t t, First&& first, Second&& second, Parameters&& w, const Gradient& g,
          double rate) {
  std::visit([&](const auto& m) { step(m, t, first, second, w, g, rate); }, method);
}

namespace detail {

// What the mean of squared gradients is after t steps with the gradient 1; 0 for a method that keeps none.
inline float steady_square(const sgd&, index_t) { return 0.0f; }
inline float steady_square(const rmsprop& method, index_t t) {
  return 1.0f - std::pow(method.decay, static_cast<float>(t));
}
template <class Method>
float steady_square(const Method& method, index_t t) {
  return 1.0f - std::pow(method.beta2, static_cast<float>(t));
}
template <std::same_as<optimizer> Method>
float steady_square(const Method& method, index_t t) {
  return std::visit([&](const auto& m) { return steady_square(m, t); }, method);
}

inline void require_decay(std::string_view what, float value) {
  require<value_error>(value >= 0.0f && value < 1.0f, what, " is ", value, ", must be at least 0, below 1");
}
inline void require_positive(std::string_view what, double value) {
  require<value_error>(value > 0 && is_finite(value), what, " is ", value, ", must be positive and finite");
}
inline void require_not_negative(std::string_view what, double value) {
  require<value_error>(value >= 0 && is_finite(value), what, " is ", value, ", must be finite and not negative");
}

inline void validate(const sgd& m) { require_decay("sgd momentum", m.momentum); }
inline void validate(const adam& m) {
  require_decay("adam beta1", m.beta1);
  require_decay("adam beta2", m.beta2);
  require_positive("adam epsilon", static_cast<double>(m.epsilon));
}
inline void validate(const adamw& m) {
  validate(adam{m.beta1, m.beta2, m.epsilon});
  require_not_negative("adamw weight_decay", static_cast<double>(m.weight_decay));
}
inline void validate(const rmsprop& m) {
  require_decay("rmsprop decay", m.decay);
  require_decay("rmsprop momentum", m.momentum);
  require_positive("rmsprop epsilon", static_cast<double>(m.epsilon));
}

}  // namespace detail

template <std::same_as<optimizer> Method>
void validate(const Method& method) {
  std::visit([](const auto& m) { detail::validate(m); }, method);
}

}  // namespace pare
