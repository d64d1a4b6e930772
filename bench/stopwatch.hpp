// Times things side by side: they take turns, so that a drift of the machine hits all alike.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

namespace bench {

// Something to be timed.
struct contestant {
  std::function<void()> run;
  std::function<void()> prepare = {};  // before every call, not timed; may be empty
};

// How long to measure. A turn is a few calls in a row, after one that brings the caches back.
struct timing {
  int rounds = 101;
  int calls = 8;
};

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// µs of so many calls in a row.
inline double microseconds(const std::function<void()>& run, int calls) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) run();
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begin;
  return spent.count();
}

// One turn: µs per call.
inline double microseconds_per_call(const contestant& who, int calls) {
  if (!who.prepare) {
    who.run();
    return microseconds(who.run, calls) / calls;
  }
  double spent = 0;
  for (int i = 0; i < calls; ++i) {
    who.prepare();
    spent += microseconds(who.run, 1);
  }
  return spent / calls;
}

// µs per call of each contestant [contestants, rounds]. Every round has an order of its own: a machine that has just
// moved a lot of memory, say, may be slower for a while, and that should not always hit the same one.
inline std::vector<std::vector<double>> take_turns(const std::vector<contestant>& contestants, const timing& how) {
  std::vector<std::vector<double>> turns(contestants.size());
  std::vector<std::size_t> order(contestants.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(1);
  for (int round = 0; round < how.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) turns[i].push_back(microseconds_per_call(contestants[i], how.calls));
  }
  return turns;
}

// The median over the rounds of each one's µs per call.
inline std::vector<double> median_microseconds(const std::vector<contestant>& contestants, const timing& how = {}) {
  std::vector<double> medians;
  for (const std::vector<double>& each : take_turns(contestants, how)) medians.push_back(median(each));
  return medians;
}

}  // namespace bench
