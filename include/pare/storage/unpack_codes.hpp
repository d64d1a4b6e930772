// From a packed matrix back to the codes that it was packed from: the reverse of pack.
#pragma once

#include <concepts>
#include <vector>

#include <pare/storage/packed_matrix.hpp>
#include <pare/storage/steps.hpp>
#include <pare/storage/unpack.hpp>

namespace pare {
namespace detail {

// A template so that it is compiled only where it is used.
template <std::same_as<packed_matrix> Packed>
class code_unpacker {
 public:
  explicit code_unpacker(const Packed& m) : m_(m), layout_(m.layout()) {
    q_ = {m.rows(), m.cols(), m.format().bits, m.format().scheme, m.format().group_size, {}, {}, {}, {}, {}, {}};
    for (int code = 0; m.format().codebook && code < 1 << q_.bits; ++code)
      q_.levels.push_back(static_cast<std::int8_t>(m.levels()[code] - 128));
  }

  quantized_codes unpack() {
    for (index_t row = 0; row < q_.rows; ++row) add_parameters(row);
    q_.codes.assign(static_cast<std::size_t>(q_.rows * q_.cols), static_cast<std::uint8_t>(zero_code()));
    for (index_t p = 0; p < layout_.panels; ++p) {
      if (m_.format().encoding == encoding::codes)
        unpack_all(p);
      else if (m_.format().encoding == encoding::bitmap)
        unpack_masked(p);
      else
        unpack_listed(p);
    }
    return std::move(q_);
  }

 private:
  int zero_code() const { return code_steps(q_, m_.format(), layout_).zero_code(); }

  void add_parameters(index_t row) {
    const std::byte* panel = m_.panel(row / panel_rows);
    const index_t r = row % panel_rows;
    const bool doubled = q_.bits == 1 && q_.scheme == scheme::asymmetric;  // see panel.hpp
    const float unit = m_.template read<float>(panel + r * 4);
    q_.unit.push_back(doubled ? 2 * unit : unit);
    if (q_.scheme == scheme::two_level) q_.offset_unit.push_back(m_.template read<float>(panel + 64 + r * 4));
    for (index_t g = 0; g < layout_.groups; ++g) {
      const std::byte* group = panel + layout_.parameters_at + g * layout_.parameter_bytes;
      if (q_.scheme == scheme::two_level) {
        q_.scale.push_back(std::to_integer<std::uint16_t>(group[r]));
        q_.offset.push_back(static_cast<std::int8_t>(group[16 + r]));
        continue;
      }
      q_.scale.push_back(m_.template read<std::uint16_t>(group + r * 2));
      if (q_.scheme == scheme::asymmetric) {
        const int offset = std::to_integer<int>(group[32 + r]);
        q_.offset.push_back(static_cast<std::int16_t>(doubled ? offset / 2 : offset));
      }
    }
  }

  // Puts down code `index` of a step that begins at column `begin`, unless it is padding.
  void put_code(index_t panel, index_t begin, index_t end, index_t index, std::uint8_t code) {
    const index_t row = panel * panel_rows + index / step_cols;
    const index_t col = begin + index % step_cols;
    if (row < q_.rows && col < end) q_.code(row, col) = code;
  }

  index_t first_column(index_t step) const {
    const index_t group = step / layout_.group_steps;
    return group * q_.group_size + (step - group * layout_.group_steps) * step_cols;
  }
  index_t group_end(index_t col) const { return std::min((col / q_.group_size + 1) * q_.group_size, q_.cols); }

  void unpack_all(index_t panel) {
    for (index_t s = 0; s < layout_.steps; ++s) {
      const auto codes = read_step(m_.panel(panel) + layout_.values_at, q_.bits, layout_.steps, s);
      const index_t begin = first_column(s);
      for (std::size_t i = 0; i < codes.size(); ++i)
        put_code(panel, begin, group_end(begin), static_cast<index_t>(i), codes[i]);
    }
  }

  static std::vector<std::uint8_t> read_steps(const std::byte* planes, int bits, index_t steps) {
    std::vector<std::uint8_t> all;
    for (index_t s = 0; s < steps; ++s) {
      const auto codes = read_step(planes, bits, steps, s);
      all.insert(all.end(), codes.begin(), codes.end());
    }
    return all;
  }

  void unpack_masked(index_t panel) {
    const auto codes = read_steps(m_.panel(panel) + layout_.values_at, q_.bits, steps_of(m_.panel_codes(panel)));
    std::size_t next = 0;
    for (index_t s = 0; s < layout_.steps; ++s) {
      const index_t begin = first_column(s);
      for (std::uint64_t mask = unpack_mask(m_, panel, s); mask != 0; mask &= mask - 1)
        put_code(panel, begin, group_end(begin), std::countr_zero(mask), codes[next++]);
    }
  }

  void unpack_listed(index_t panel) {
    const index_t steps = steps_of(m_.panel_codes(panel));
    const positions_of bits{position_bits(m_.format().encoding)};
    const std::byte* values = m_.panel(panel) + layout_.values_at;
    const int zero = zero_code();
    index_t step = 0;
    for (index_t block = 0; block < layout_.blocks; ++block) {
      const index_t begin = first_column(layout_.block_step(block));
      for (auto left = std::to_integer<index_t>(m_.panel(panel)[layout_.index_at + block]); left > 0; --left, ++step) {
        const listed_chunk chunk(m_.format(), steps, step);
        const auto positions = read_step(values + chunk.positions_at, bits, chunk.steps, chunk.step);
        const auto codes = read_step(values + chunk.codes_at, q_.bits, chunk.steps, chunk.step);
        for (std::size_t i = 0; i < codes.size(); ++i)
          if (codes[i] != zero)  // and no filler
            put_code(panel, begin + positions[i], group_end(begin), static_cast<index_t>(i) / step_cols * step_cols,
                     codes[i]);
      }
    }
  }

  const Packed& m_;
  const panel_layout& layout_;
  quantized_codes q_;
};

}  // namespace detail

// The codes of a matrix that is not dense: pack(unpack_codes(m), m.format().encoding) has the same bytes as a matrix m
// that was packed by `pack`. Where zeros are left out they have the code of zero. O(rows · cols).
template <std::same_as<packed_matrix> Packed>
quantized_codes unpack_codes(const Packed& m) {
  return detail::code_unpacker<Packed>(m).unpack();
}

}  // namespace pare
