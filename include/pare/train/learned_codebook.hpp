// A quantizer to a few levels that are learned with the weights: weight sharing (Han et al. 2016, "Deep Compression",
// section 3.2), here while all weights still move.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include <pare/quantize/round.hpp>
#include <pare/tensor/view.hpp>
#include <pare/train/optimizer.hpp>

namespace pare {

// Every weight becomes the nearest of `levels` values; the first one is always zero. The values are what a packed
// codebook can hold: integers in [-127, 127] times a 127th of the largest magnitude.
struct learned_codebook {
  int levels = 8;  // 2 to 256
};

inline void validate(const learned_codebook& q) {
  detail::require<value_error>(q.levels >= 2 && q.levels <= 256, "learned_codebook levels is ", q.levels,
                               ", must be 2 to 256");
}

namespace detail {

// The values that learned levels stand for, sorted, with the number of each among the levels.
class codebook_values {
 public:
  // O(levels · log levels).
  template <class Levels>
  explicit codebook_values(const Levels& levels) : count_(static_cast<std::size_t>(levels.size())) {
    const float largest = levels.size() == 0 ? 0.0f : levels.cwiseAbs().maxCoeff();
    unit_ = largest / 127.0f;
    for (std::size_t i = 0; i < count_; ++i) {
      const float multiple = unit_ > 0 ? std::nearbyint(levels(static_cast<index_t>(i)) / unit_) : 0.0f;
      const bool fits = multiple >= -127 && multiple <= 127;  // but for NaN, and rounding of subnormals
      sorted_[i] = {fits ? static_cast<int>(multiple) : 0, static_cast<int>(i)};
    }
    std::sort(sorted_.begin(), sorted_.begin() + static_cast<std::ptrdiff_t>(count_),
              [](const entry& a, const entry& b) { return a.multiple < b.multiple; });
    for (std::size_t i = 0; i < count_; ++i) values_[i] = unit_ * static_cast<float>(sorted_[i].multiple);
    limits_.fill(std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i + 1 < count_; ++i) limits_[i] = 0.5f * (values_[i] + values_[i + 1]);
  }

  float unit() const { return unit_; }
  std::size_t size() const { return count_; }

  // The number, in sorted order, of the value nearest to w; the higher of two equally near.
  std::size_t nearest(float w) const {
    std::size_t below = 0;  // binary search without branches
    for (std::size_t half = std::bit_ceil(count_) / 2; half > 0; half /= 2)
      below += limits_[below + half - 1] <= w ? half : 0;
    return std::min(below, count_ - 1);  // infinity is not below itself
  }
  float value(std::size_t i) const { return values_[i]; }
  int multiple(std::size_t i) const { return sorted_[i].multiple; }
  int level(std::size_t i) const { return sorted_[i].level; }

 private:
  struct entry {
    int multiple;
    int level;
  };
  std::size_t count_;
  float unit_;
  std::array<entry, 256> sorted_;
  std::array<float, 256> values_;
  std::array<float, 256> limits_;
};

// Levels spread evenly over the sorted weights that are not zero, behind the zero.
template <class Weights, class Levels>
void spread_levels(const Weights& weights, Levels&& levels) {
  std::vector<float> sorted;
  for (index_t i = 0; i < weights.size(); ++i)
    if (weights(i) != 0) sorted.push_back(weights(i));
  std::sort(sorted.begin(), sorted.end());
  levels.setZero();
  const index_t spread = levels.size() - 1;
  for (index_t i = 0; i < spread && !sorted.empty(); ++i) {
    const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(spread);
    levels(i + 1) = sorted[static_cast<std::size_t>(at * static_cast<double>(sorted.size()))];
  }
}

inline void round_to_codebook(const float* w, index_t size, const codebook_values& values, float* out) {
  for (index_t i = 0; i < size; ++i) out[i] = values.value(values.nearest(w[i]));
}

// Adds to each level's gradient the sum of dL/dout over the weights that are nearest to it. The weights' own gradient
// is dL/dout, straight through.
template <class Levels>
void add_level_gradient(const float* w, index_t size, const codebook_values& values, const float* gradient,
                        Levels&& level_gradient) {
  for (index_t i = 0; i < size; ++i) level_gradient(values.level(values.nearest(w[i]))) += gradient[i];
}

}  // namespace detail
}  // namespace pare
