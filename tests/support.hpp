// What the tests share.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>

#include <Eigen/Core>

#include <pare/kernels/isa.hpp>
#include <pare/tensor/error.hpp>

inline constexpr double float_eps = std::numeric_limits<float>::epsilon();

// The slope of f by x(i, j), up to h^2 / 6 f''' and the roundings of f over h.
template <class Function>
double central_difference(const Function& f, const Eigen::MatrixXd& x, Eigen::Index i, Eigen::Index j, double h) {
  Eigen::MatrixXd above = x, below = x;
  above(i, j) += h;
  below(i, j) -= h;
  return (f(above) - f(below)) / (2 * h);
}

// The message of the Error that a call throws, empty if it throws nothing. An error of another type fails the test.
template <class Error = pare::error, class Call>
std::string error_message(Call&& call) {
  try {
    std::forward<Call>(call)();
  } catch (const Error& caught) {
    return caught.what();
  }
  return {};
}

// Independent normally distributed numbers, mean 0 and variance 1.
inline Eigen::MatrixXf gaussian(Eigen::Index rows, Eigen::Index cols, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  return Eigen::MatrixXf::NullaryExpr(rows, cols, [&] { return normal(generator); });
}

// The same, of which a third is zero.
inline Eigen::MatrixXf gaussian_third_zero(Eigen::Index rows, Eigen::Index cols, std::uint32_t seed) {
  Eigen::MatrixXf numbers = gaussian(rows, cols, seed);
  for (Eigen::Index i = 0; i < numbers.size(); ++i)
    if (i % 7 == 0 || i % 5 == 1) numbers(i) = 0;
  return numbers;
}

// Calls test(isa) with each instruction set of this machine in force, and puts back the one before.
template <class Test>
void for_each_instruction_set(Test&& test) {
  const struct restore {
    pare::instruction_set before = pare::active_instruction_set();
    ~restore() { pare::force_instruction_set(before); }
  } at_the_end;
  for (const pare::instruction_set isa : pare::available_instruction_sets()) {
    pare::force_instruction_set(isa);
    test(isa);
  }
}
