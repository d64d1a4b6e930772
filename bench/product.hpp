// y = W x, ready to be timed, and how far its answer may be from the exact one.
#pragma once

#include <functional>
#include <string>

#include <Eigen/Core>

#include <pare/tensor/eigen.hpp>

#include "stopwatch.hpp"

namespace bench {

using dense_matrix = pare::row_major_matrix;

// Something to be timed, and how much a call of it does.
struct job {
  std::string library;
  contestant timed = {};
  double bytes = 0;          // read, of what is large
  double operations = 0;     // a multiplication and an addition are two
  std::string missing = {};  // why there is nothing to time
};

// How a product rounds.
struct rounding {
  dense_matrix weights;         // that it multiplies with
  dense_matrix parts = {};      // |a| + |b| of weights that are computed as a + b; empty: |weights|
  Eigen::MatrixXd inputs = {};  // [cols, batch], that it multiplies with; empty: those given
  double relative = 0;          // error of each product whose factors are rounded to fewer bits than those of a float
  double output_step = 0;       // of outputs that are rounded to multiples of it
};

// A job with an answer.
struct product {
  bench::job job;
  std::function<Eigen::MatrixXf()> answer = {};  // of the last run
  bench::rounding rounding = {};
};

inline product missing_product(std::string library, std::string why) {
  return {.job = {.library = std::move(library), .missing = std::move(why)}};
}

inline double operations_of(const dense_matrix& w, const Eigen::MatrixXf& x) {
  return 2.0 * static_cast<double>(w.size()) * static_cast<double>(x.cols());
}

}  // namespace bench
