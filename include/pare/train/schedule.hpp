// How the learning rate changes over a training run.
#pragma once

#include <cmath>
#include <numbers>

namespace pare {

enum class learning_rate_schedule {
  constant,
  cosine,  // initial (1 + cos(pi progress)) / 2: Loshchilov and Hutter 2017, eq. 5, without restarts, down to 0
};

// The learning rate when the part `progress` of all steps, in [0, 1], is done.
inline double scheduled_learning_rate(learning_rate_schedule schedule, double initial, double progress) {
  if (schedule == learning_rate_schedule::constant) return initial;
  return initial * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace pare
