// What to quantize to: bits, scheme, where scales are shared, how ranges are found.
#pragma once

#include <pare/tensor/view.hpp>

namespace pare {

// How a code q becomes a weight; s is the scale of its group.
enum class scheme {
  symmetric,   // s (q - 2^(bits-1)), zero is exact; 1 bit is s (2q - 1), so -s and +s
  asymmetric,  // s (q - z) with an integer zero point z in [0, 2^bits) per group, zero is exact
  two_level,   // s (q - 2^(bits-1)) + o; s and o are 8-bit multiples of two floats per row. The most accurate per byte.
};

// Which weights share a scale.
enum class granularity { tensor, row, group };

// How the range of a group is found.
enum class range {
  min_max,        // everything is inside
  percentile,     // all but the largest (100 - percentile) % are inside, the rest saturates
  squared_error,  // the least sum of squared errors over a grid of shrunk ranges, each refined by least squares
};

struct quantize_options {
  int bits = 4;                                        // 1 to 8
  pare::scheme scheme = scheme::symmetric;             // ignored by codebooks
  pare::granularity granularity = granularity::group;  //
  index_t group_size = 32;                             // columns that share a scale, at granularity::group
  pare::range range = range::squared_error;
  double percentile = 99.9;  // of |w|, at range::percentile, in (0, 100]
};

namespace detail {

inline void require_valid(const quantize_options& options) {
  require<value_error>(options.bits >= 1 && options.bits <= 8, "bits is ", options.bits, ", must be 1 to 8");
  require<value_error>(options.granularity != granularity::group || options.group_size >= 1, "group_size is ",
                       options.group_size, ", must be at least 1");
  require<value_error>(options.percentile > 0 && options.percentile <= 100, "percentile is ", options.percentile,
                       ", must be in (0, 100]");
}

}  // namespace detail
}  // namespace pare
