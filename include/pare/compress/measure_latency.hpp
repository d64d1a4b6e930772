// measure_latency: how long a network takes on this machine.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include <pare/nn/network.hpp>

namespace pare {

// Microseconds of a run with `batch` made-up samples, on the calling thread: the median of several, for about 20 ms
// and at least 5 runs. Throws value_error for a batch below 1.
template <std::same_as<network> Network>
double measure_latency(const Network& net, index_t batch = 1) {
  using clock = std::chrono::steady_clock;
  workspace room = net.workspace(batch);
  Eigen::MatrixXf x(net.inputs(), batch), y(net.outputs(), batch);
  for (index_t i = 0; i < x.size(); ++i) x(i) = static_cast<float>(i * 73 % 101) / 50 - 1;
  net.run(x, y, room);
  std::vector<double> microseconds;
  const auto begin = clock::now();
  while (microseconds.size() < 5 ||
         (microseconds.size() < 10000 && clock::now() - begin < std::chrono::milliseconds(20))) {
    const auto start = clock::now();
    net.run(x, y, room);
    microseconds.push_back(std::chrono::duration<double, std::micro>(clock::now() - start).count());
  }
  const auto middle = microseconds.begin() + static_cast<std::ptrdiff_t>(microseconds.size() / 2);
  std::nth_element(microseconds.begin(), middle, microseconds.end());
  return *middle;
}

}  // namespace pare
