// quantized_codes: a quantized matrix in its plain, unpacked form, which every storage format is packed from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include <pare/quantize/half.hpp>
#include <pare/quantize/options.hpp>
#include <pare/tensor/finite.hpp>

namespace pare {
namespace detail {

// Rounded to float, at most the largest one in magnitude.
inline float saturated(double value) {
  constexpr double most = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -most, most));
}

}  // namespace detail

// Codes [rows, cols] with the parameters of each group of `group_size` columns [rows, groups], exactly as they are
// stored: what dequantizes here is what the engine multiplies with. The weight at (r, c), with g = c / group_size, is
//   symmetric    unit[r] · half(scale[r, g]) · centered          centered = code - 2^(bits-1); for 1 bit 2 code - 1
//   codebook     unit[r] · half(scale[r, g]) · levels[code]
//   asymmetric   unit[r] · half(scale[r, g]) · (code - offset[r, g])
//   two_level    unit[r] · scale[r, g] · centered  +  offset_unit[r] · offset[r, g]
struct quantized_codes {
  index_t rows = 0;
  index_t cols = 0;
  int bits = 0;
  pare::scheme scheme = scheme::symmetric;
  index_t group_size = 1;
  std::vector<std::uint8_t> codes;   // [rows, cols], each below 2^bits
  std::vector<std::int8_t> levels;   // [2^bits] of a codebook, in [-127, 127]; empty without one
  std::vector<float> unit;           // [rows]
  std::vector<float> offset_unit;    // [rows] with two_level, else empty
  std::vector<std::uint16_t> scale;  // [rows, groups]: the bits of a 16-bit float; with two_level an integer 0 to 255
  std::vector<std::int16_t> offset;  // [rows, groups]: zero points 0 to 255, or with two_level -128 to 127; else empty

  index_t groups() const noexcept { return (cols + group_size - 1) / group_size; }
  bool has_codebook() const noexcept { return !levels.empty(); }

  std::uint8_t& code(index_t row, index_t col) noexcept { return codes[static_cast<std::size_t>(row * cols + col)]; }
  int code(index_t row, index_t col) const noexcept { return codes[static_cast<std::size_t>(row * cols + col)]; }

  // The integer that a code stands for, before scale and offset.
  int level(index_t row, index_t col) const noexcept {
    const int c = code(row, col);
    if (has_codebook()) return levels[static_cast<std::size_t>(c)];
    if (scheme == scheme::asymmetric) return c - offset[group_of(row, col)];
    return bits == 1 ? 2 * c - 1 : c - (1 << (bits - 1));
  }

  // The weight at (row, col), rounded once or twice to float; what is beyond the largest float is that.
  float value(index_t row, index_t col) const noexcept {
    const std::size_t group = group_of(row, col);
    const std::size_t r = static_cast<std::size_t>(row);
    if (scheme == scheme::two_level) {
      const double step = static_cast<double>(unit[r]) * scale[group];
      const double shift = static_cast<double>(offset_unit[r]) * offset[group];
      return detail::saturated(step * level(row, col) + shift);
    }
    return detail::saturated(static_cast<double>(unit[r]) * half_scale(group) * level(row, col));
  }

  // Where a weight's group is in what there is one of per group.
  std::size_t group_of(index_t row, index_t col) const noexcept {
    return static_cast<std::size_t>(row * groups() + col / group_size);
  }

 private:
  float half_scale(std::size_t group) const noexcept { return detail::half_value(scale[group]); }
};

namespace detail {

// Throws value_error or shape_error unless the parts of `q` fit together and every code is below 2^bits.
inline void require_valid(const quantized_codes& q) {
  require<value_error>(q.bits >= 1 && q.bits <= 8, "bits is ", q.bits, ", must be 1 to 8");
  require<value_error>(q.group_size >= 1, "group_size is ", q.group_size, ", must be at least 1");
  require<shape_error>(q.rows >= 0 && q.cols >= 0, "the codes are ", q.rows, " x ", q.cols);
  const auto require_size = [](std::string_view what, std::size_t size, index_t wanted) {
    require<shape_error>(static_cast<index_t>(size) == wanted, what, " has ", size, " elements, must have ", wanted);
  };
  const bool two_level = q.scheme == scheme::two_level;
  const index_t groups = q.rows * q.groups();
  require_size("codes", q.codes.size(), q.rows * q.cols);
  require_size("levels", q.levels.size(), q.has_codebook() ? index_t{1} << q.bits : 0);
  require_size("unit", q.unit.size(), q.rows);
  require_size("offset_unit", q.offset_unit.size(), two_level ? q.rows : 0);
  require_size("scale", q.scale.size(), groups);
  require_size("offset", q.offset.size(), q.scheme == scheme::symmetric ? 0 : groups);
  std::uint8_t any = 0;
  constexpr std::size_t block = 64;
  std::size_t done = 0;
  for (; done + block <= q.codes.size(); done += block)
    for (std::size_t i = 0; i < block; ++i) any |= q.codes[done + i];
  for (; done < q.codes.size(); ++done) any |= q.codes[done];
  if (any >> q.bits == 0) return;
  for (std::size_t i = 0; i < q.codes.size(); ++i)
    require<value_error>(q.codes[i] >> q.bits == 0, "code ", i, " is ", int{q.codes[i]}, ", must be below 2^", q.bits);
}

}  // namespace detail

// Writes the weights that codes stand for into `out`, of the same rows × columns. Throws shape_error otherwise,
// and for codes whose parts do not fit together.
template <mutable_tensor Out>
void dequantize(const quantized_codes& q, Out&& out) {
  detail::require_valid(q);
  const auto target = as_matrix(out);
  detail::require<shape_error>(target.rows() == q.rows && target.cols() == q.cols, "the output is ", target.rows(),
                               " x ", target.cols(), ", the codes are ", q.rows, " x ", q.cols);
  for (index_t row = 0; row < q.rows; ++row) {
    index_t col = 0;
    target.for_each_in_row(row, [&](auto& element) {
      element = static_cast<std::remove_reference_t<decltype(element)>>(q.value(row, col++));
    });
  }
}

}  // namespace pare
