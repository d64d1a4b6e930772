// How often logits are wrong.
#pragma once

#include <vector>

#include <Eigen/Core>

#include <pare/tensor/view.hpp>

namespace bench {

// The share of samples, in [0, 1], whose largest logit is not that of their label.
inline double error_rate(const Eigen::MatrixXf& logits, const std::vector<int>& labels) {
  pare::index_t wrong = 0;
  for (pare::index_t j = 0; j < logits.cols(); ++j) {
    pare::index_t largest = 0;
    logits.col(j).maxCoeff(&largest);
    wrong += largest != labels[static_cast<std::size_t>(j)];
  }
  return static_cast<double>(wrong) / static_cast<double>(logits.cols());
}

}  // namespace bench
