// Reading single weights out of a packed matrix: for looking, exporting and checking, not for speed.
#pragma once

#include <vector>

#include <pare/quantize/codes.hpp>
#include <pare/storage/packed_matrix.hpp>

namespace pare {
namespace detail {

// What a packed weight is made of, as the multiply sees it: value = unit · scale · (level - zero) + offset.
struct unpacked_weight {
  int zero = 0;            // zero point
  float scale = 1;         // of the group, from 16 or 8 bits
  float group_offset = 0;  // of the group, in units of offset_unit
  float unit = 1;
  float offset_unit = 0;
};

inline unpacked_weight unpack_parameters(const packed_matrix& m, index_t row, index_t group) {
  const packed_format& format = m.format();
  const panel_layout& layout = m.layout();
  const std::byte* panel = m.panel(row / panel_rows);
  const index_t r = row % panel_rows;
  unpacked_weight w;
  w.unit = packed_matrix::read<float>(panel + r * 4);
  const std::byte* parameters = panel + layout.parameters_at + group * layout.parameter_bytes;
  w.zero = zero_level(format);
  if (format.scheme == scheme::two_level) {
    w.offset_unit = packed_matrix::read<float>(panel + 64 + r * 4);
    w.scale = static_cast<float>(packed_matrix::read<std::uint8_t>(parameters + r));
    w.group_offset = static_cast<float>(packed_matrix::read<std::int8_t>(parameters + 16 + r));
  } else {
    w.scale = half_value(packed_matrix::read<std::uint16_t>(parameters + r * 2));
    if (format.scheme == scheme::asymmetric) w.zero = packed_matrix::read<std::uint8_t>(parameters + 32 + r);
  }
  return w;
}

// The code at index `position` of a run of `count` codes.
inline int unpack_code(const packed_matrix& m, const std::byte* planes, index_t count, index_t position) {
  const index_t steps = steps_of(count);
  const int code = read_code(planes, m.format().bits, steps, position / step_codes, position % step_codes);
  if (m.format().codebook) return m.levels()[code];
  return m.format().bits == 1 ? 2 * code : code;
}

inline std::uint64_t unpack_mask(const packed_matrix& m, index_t panel, index_t step) {
  return packed_matrix::read<std::uint64_t>(m.panel(panel) + m.layout().index_at + step * 8);
}

// Where the codes of each step of a bitmap's panel, or of each block of one that lists positions, begin, and at the end
// how many there are.
inline std::vector<index_t> first_codes(const packed_matrix& m, index_t panel) {
  std::vector<index_t> first{0};
  if (m.format().encoding == encoding::bitmap)
    for (index_t s = 0; s < m.layout().steps; ++s)
      first.push_back(first.back() + std::popcount(unpack_mask(m, panel, s)));
  if (lists_positions(m.format().encoding))
    for (index_t b = 0; b < m.layout().blocks; ++b)
      first.push_back(first.back() + std::to_integer<index_t>(m.panel(panel)[m.layout().index_at + b]) * step_codes);
  return first;
}

// The level in row `r` of a sparse panel at `position` of a block whose codes are [begin, end) of `count`.
inline int unpack_sparse(const packed_matrix& m, const std::byte* values, index_t count, index_t begin, index_t end,
                         index_t r, index_t position, int zero) {
  const index_t steps = steps_of(count);
  const positions_of bits{position_bits(m.format().encoding)};
  for (index_t step = steps_of(begin); step < steps_of(end); ++step) {
    const listed_chunk chunk(m.format(), steps, step);
    for (index_t i = r * step_cols; i < (r + 1) * step_cols; ++i) {
      if (read_code(values + chunk.positions_at, bits, chunk.steps, chunk.step, i) != position) continue;
      const int level = unpack_code(m, values + chunk.codes_at, chunk.steps * step_codes, chunk.step * step_codes + i);
      if (level != zero) return level;
    }
  }
  return zero;
}

// The level at (row, col), which is `zero` where it has been left out. `first` is first_codes of the row's panel.
inline int unpack_level(const packed_matrix& m, index_t row, index_t col, int zero, std::span<const index_t> first) {
  const panel_layout& layout = m.layout();
  const index_t panel = row / panel_rows;
  const index_t step = layout.step_of(col, m.format().group_size);
  const index_t index = row % panel_rows * step_cols + col % m.format().group_size % step_cols;
  const std::byte* planes = m.panel(panel) + layout.values_at;
  if (m.format().encoding == encoding::codes)
    return unpack_code(m, planes, layout.steps * step_codes, step * step_codes + index);
  if (lists_positions(m.format().encoding)) {
    const index_t block_cols = layout.block_steps * step_cols;
    const index_t in_group = col % m.format().group_size;
    const index_t block = col / m.format().group_size * layout.group_blocks + in_group / block_cols;
    const auto at = first.begin() + block;
    return unpack_sparse(m, planes, first.back(), at[0], at[1], row % panel_rows, in_group % block_cols, zero);
  }
  const std::uint64_t mask = unpack_mask(m, panel, step);
  if (!(mask >> index & 1)) return zero;
  const index_t before = std::popcount(mask & ((std::uint64_t{1} << index) - 1));
  return unpack_code(m, planes, first.back(), first[static_cast<std::size_t>(step)] + before);
}

inline int unpack_level(const packed_matrix& m, index_t row, index_t col, int zero) {
  if (!leaves_out_zeros(m.format().encoding)) return unpack_level(m, row, col, zero, {});
  return unpack_level(m, row, col, zero, first_codes(m, row / panel_rows));
}

// A dense weight.
inline float unpack_float(const packed_matrix& m, index_t row, index_t col) {
  const bool wide = m.format().bits == 32;
  const std::byte* at = m.panel(row / panel_rows) + (col * panel_rows + row % panel_rows) * (wide ? 4 : 2);
  return wide ? packed_matrix::read<float>(at) : bfloat_value(packed_matrix::read<std::uint16_t>(at));
}

// A quantized weight from its level and the parameters of its group.
inline float weight_value(const unpacked_weight& w, int level) {
  const double step = static_cast<double>(w.unit) * static_cast<double>(w.scale);
  const double shift = static_cast<double>(w.offset_unit) * static_cast<double>(w.group_offset);
  return saturated(step * (level - w.zero) + shift);
}

}  // namespace detail

// The weight at (row, col), rounded to float, at most the largest one. No bounds check. O(1), where zeros are left out
// O(cols).
inline float weight_at(const packed_matrix& m, index_t row, index_t col) {
  if (m.format().encoding == encoding::dense) return detail::unpack_float(m, row, col);
  const detail::unpacked_weight w = detail::unpack_parameters(m, row, col / m.format().group_size);
  return detail::weight_value(w, detail::unpack_level(m, row, col, w.zero));
}

// Writes the weights that a packed matrix multiplies with into `out`. Throws shape_error unless it is rows × cols.
template <mutable_tensor Out>
void dequantize(const packed_matrix& m, Out&& out) {
  const auto target = as_matrix(out);
  detail::require<shape_error>(target.rows() == m.rows() && target.cols() == m.cols(), "the output is ", target.rows(),
                               " x ", target.cols(), ", the matrix is ", m.rows(), " x ", m.cols());
  const packed_format& format = m.format();
  std::vector<index_t> first;
  for (index_t row = 0; row < m.rows(); ++row) {
    if (leaves_out_zeros(format.encoding) && row % detail::panel_rows == 0)
      first = detail::first_codes(m, row / detail::panel_rows);
    index_t col = 0;
    detail::unpacked_weight w;
    target.for_each_in_row(row, [&](auto& element) {
      if (format.encoding != encoding::dense && col % format.group_size == 0)
        w = detail::unpack_parameters(m, row, col / format.group_size);
      const float value = format.encoding == encoding::dense
                              ? detail::unpack_float(m, row, col)
                              : detail::weight_value(w, detail::unpack_level(m, row, col, w.zero, first));
      element = static_cast<std::remove_reference_t<decltype(element)>>(value);
      ++col;
    });
  }
}

}  // namespace pare
