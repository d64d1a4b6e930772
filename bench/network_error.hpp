// How often a network that was loaded is wrong.
#pragma once

#include <algorithm>
#include <vector>

#include <pare/nn/network.hpp>

namespace bench {

// The logits [outputs, samples].
inline Eigen::MatrixXf run_all(const pare::network& net, const Eigen::MatrixXf& inputs) {
  constexpr pare::index_t batch = 500;
  Eigen::MatrixXf logits(net.outputs(), inputs.cols());
  pare::workspace room = net.workspace(batch);
  for (pare::index_t begin = 0; begin < inputs.cols(); begin += batch) {
    const pare::index_t count = std::min(batch, inputs.cols() - begin);
    net.run(inputs.middleCols(begin, count), logits.middleCols(begin, count), room);
  }
  return logits;
}

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
