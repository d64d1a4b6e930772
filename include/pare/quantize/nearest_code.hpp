// Which codes a weight can become under the parameters that its group has already.
#pragma once

#include <cmath>
#include <numeric>
#include <span>

#include <pare/quantize/affine.hpp>

namespace pare::detail {

// Throws shape_error or value_error unless `q` are valid codes of as many weights.
template <class T>
void require_codes_of(const quantized_codes& q, const matrix_view<T>& w) {
  require_valid(q);
  require<shape_error>(w.rows() == q.rows && w.cols() == q.cols, "the weights are ", w.rows(), " x ", w.cols(),
                       ", the codes ", q.rows, " x ", q.cols);
}

// What codes would cost if each took -log2 of how often its level occurs.
class level_costs {
 public:
  explicit level_costs(const quantized_codes& q) : bits_(2 * most + 1) {
    std::vector<double> counts(bits_.size(), 1.0);
    for (index_t row = 0; row < q.rows; ++row)
      for (index_t col = 0; col < q.cols; ++col) ++counts[static_cast<std::size_t>(q.level(row, col) + most)];
    const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
    std::transform(counts.begin(), counts.end(), bits_.begin(), [all](double n) { return std::log2(all / n); });
  }

  double bits(int level) const { return bits_[static_cast<std::size_t>(level + most)]; }

 private:
  static constexpr int most = 255;
  std::vector<double> bits_;
};

// What the codes of the group that a weight is in stand for: offset + scale · level. `q` must outlive it.
class code_grid {
 public:
  code_grid(const quantized_codes& q, index_t row, index_t col)
      : book_(q.levels),
        top_((1 << q.bits) - 1),
        range_(stored_range(q, row, q.group_of(row, col))),
        factor_(q.bits == 1 && q.scheme != scheme::asymmetric && book_.empty() ? 2 : 1),
        zero_(q.scheme == scheme::asymmetric ? q.offset[q.group_of(row, col)]
              : q.bits == 1                  ? 0.5
                                             : 1 << (q.bits - 1)) {}

  double level(int code) const {
    return book_.empty() ? factor_ * (code - zero_) : book_[static_cast<std::size_t>(code)];
  }
  double value(int code) const { return range_.offset + range_.scale * level(code); }

  // The code whose value is nearest; the one of zero, or the largest below, in a group without a scale.
  int nearest(double weight) const {
    const double level = std::fabs(range_.scale) < least_scale ? 0.0 : (weight - range_.offset) / range_.scale;
    if (book_.empty()) return static_cast<int>(std::clamp<double>(std::nearbyint(level / factor_ + zero_), 0, top_));
    const auto above = std::lower_bound(book_.begin(), book_.end(), level);
    if (above == book_.begin()) return 0;
    if (above == book_.end()) return top_;
    const int code = static_cast<int>(above - book_.begin());
    return level - book_[static_cast<std::size_t>(code) - 1] <= *above - level ? code - 1 : code;
  }

  // Whether a weight is more than half a step beyond what the codes reach.
  bool is_beyond(double weight) const {
    if (std::fabs(range_.scale) < least_scale) return false;
    const double at = (weight - range_.offset) / range_.scale;
    return at < level(0) - (level(1) - level(0)) / 2 || at > level(top_) + (level(top_) - level(top_ - 1)) / 2;
  }

  // Of the nearest code, its neighbours and the one nearest to zero, that of the least squared error with `price` added
  // for each bit.
  int cheapest(double weight, double price, const level_costs& costs) const {
    const int middle = nearest(weight);
    int best = middle;
    double least = std::numeric_limits<double>::infinity();
    for (const int code : {middle, middle - 1, middle + 1, nearest(0)}) {
      if (code < 0 || code > top_) continue;
      const double error = weight - value(code);
      const double cost = error * error + price * costs.bits(static_cast<int>(level(code)));
      if (cost < least) {
        least = cost;
        best = code;
      }
    }
    return best;
  }

 private:
  std::span<const std::int8_t> book_;
  int top_;
  group_range range_;
  double factor_, zero_;  // levels of affine codes are factor · (code - zero)
};

}  // namespace pare::detail
