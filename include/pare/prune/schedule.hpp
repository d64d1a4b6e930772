// pruning_schedule: how sparse a network is to be at each step of its training.
#pragma once

#include <cmath>

#include <pare/prune/patterns.hpp>

namespace pare {

enum class schedule_shape {
  one_shot,  // `initial` before step `begin`, `final` from then on
  linear,    // s_t = s_f + (s_i - s_f) r
  cubic,     // s_t = s_f + (s_i - s_f) r^3, Zhu & Gupta 2017, arXiv 1710.01878, equation 1
};

// From s_i = `initial` up to step `begin` to s_f = `final` from step `end` on; between, r = (end - t) / (end - begin).
struct pruning_schedule {
  schedule_shape shape = schedule_shape::cubic;
  index_t begin = 0;
  index_t end = 0;
  double initial = 0.0;
  double final = 0.0;

  // The sparsity at a step. Throws value_error unless begin <= end, 0 <= initial <= 1 and 0 <= final <= 1.
  sparsity at(index_t step) const {
    detail::require<value_error>(begin <= end, "the schedule begins at step ", begin, ", must not be after its end ",
                                 end);
    require_share("initial", initial);
    require_share("final", final);
    if (step >= (shape == schedule_shape::one_shot ? begin : end)) return {final};
    if (step <= begin || shape == schedule_shape::one_shot) return {initial};
    const double rest = static_cast<double>(end - step) / static_cast<double>(end - begin);
    const double share = shape == schedule_shape::linear ? rest : rest * rest * rest;
    return {std::fma(initial - final, share, final)};
  }

 private:
  static void require_share(const char* name, double value) {
    detail::require<value_error>(value >= 0.0 && value <= 1.0, "the ", name, " sparsity is ", value,
                                 ", must be 0 to 1");
  }
};

}  // namespace pare
