// Codes in the order of the panel layout, step by step.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>

#include <pare/quantize/codes.hpp>
#include <pare/storage/panel.hpp>

namespace pare::detail {

inline std::optional<int> code_of_zero_level(const quantized_codes& q) {
  const auto zero = std::find(q.levels.begin(), q.levels.end(), 0);
  if (zero == q.levels.end()) return std::nullopt;
  return static_cast<int>(zero - q.levels.begin());
}

using step_codes_array = std::array<std::uint8_t, step_codes>;

// The steps of a matrix of codes, which must outlive it.
class code_steps {
 public:
  code_steps(const quantized_codes& q, const packed_format& format, const panel_layout& layout)
      : q_(q), group_size_(format.group_size), layout_(layout) {
    for (int code = 0; code < 1 << q.bits; ++code)
      nonzero_[static_cast<std::size_t>(code)] =
          q.has_codebook() ? q.levels[static_cast<std::size_t>(code)] != 0 : code != zero_code();
  }

  // The code that dequantizes to zero, or to any value where rows or inputs are padding.
  int zero_code() const {
    if (q_.has_codebook()) return code_of_zero_level(q_).value_or(0);
    return q_.scheme == scheme::asymmetric ? 0 : 1 << (q_.bits - 1) >> (q_.bits == 1);
  }

  // The codes of the first of `count` steps of a panel from `first` on, at least one and as many as are read together;
  // there until the next call. What is padding has the code of zero.
  [[gnu::noinline]] std::span<const step_codes_array> gather(index_t panel, index_t first, index_t count) {
    const auto size = static_cast<std::size_t>(std::min(gathered_steps, count));
    std::array<column_range, gathered_steps> columns;
    bool whole = q_.rows - panel * panel_rows >= panel_rows;
    for (std::size_t s = 0; s < size; ++s) {
      columns[s] = columns_of(first + static_cast<index_t>(s));
      whole = whole && columns[s].end - columns[s].begin == step_cols;
    }
    if (!whole) std::memset(gathered_.data(), zero_code(), sizeof gathered_);
    const index_t rows = std::min(panel_rows, q_.rows - panel * panel_rows);
    const std::uint8_t* row = q_.codes.data() + panel * panel_rows * q_.cols;
    for (index_t r = 0; r < rows; ++r, row += q_.cols)
      for (std::size_t s = 0; s < size; ++s) {
        std::uint8_t* const out = gathered_[s].data() + r * step_cols;
        if (whole)
          std::memcpy(out, row + columns[s].begin, step_cols);
        else
          std::copy(row + columns[s].begin, row + columns[s].end, out);
      }
    return {gathered_.data(), size};
  }

  // Bit i is set where weight i of a step is there and not zero.
  std::uint64_t nonzeros(index_t panel, index_t step, const step_codes_array& codes) {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) bits |= std::uint64_t{nonzero_[codes[i]]} << i;
    const index_t group = step / layout_.group_steps;
    if (panel != panel_ || group != group_) {
      panel_ = panel;
      group_ = group;
      zero_rows_ = zero_rows(panel, group);
    }
    return bits & weights_in(panel, step) & ~zero_rows_;
  }

 private:
  // Steps whose codes are gathered together: a cache line of each row's.
  static constexpr index_t gathered_steps = 16;

  // The columns [begin, end) that a step covers.
  struct column_range {
    index_t begin, end;
  };

  column_range columns_of(index_t step) const {
    const index_t group = step / layout_.group_steps;
    const index_t begin = group * group_size_ + (step - group * layout_.group_steps) * step_cols;
    return {begin, std::min({begin + step_cols, (group + 1) * group_size_, q_.cols})};
  }

  // Rows of a panel whose weights in a group are all zero, by a scale of zero: their bits in a step's mask.
  std::uint64_t zero_rows(index_t panel, index_t group) const {
    std::uint64_t bits = 0;
    for (index_t r = 0; r < panel_rows && panel * panel_rows + r < q_.rows; ++r) {
      const index_t row = panel * panel_rows + r;
      const std::size_t at = static_cast<std::size_t>(row * q_.groups() + group * group_size_ / q_.group_size);
      if (q_.unit[static_cast<std::size_t>(row)] == 0 || half_value(q_.scale[at]) == 0)
        bits |= std::uint64_t{0xf} << (r * step_cols);
    }
    return bits;
  }

  // The bits of a step that hold a weight and not padding.
  std::uint64_t weights_in(index_t panel, index_t step) const {
    const auto [begin, end] = columns_of(step);
    const index_t rows = std::min(panel_rows, q_.rows - panel * panel_rows);
    const std::uint64_t row = (std::uint64_t{1} << (end - begin)) - 1;
    std::uint64_t bits = 0;
    for (index_t r = 0; r < rows; ++r) bits |= row << (r * step_cols);
    return bits;
  }

  const quantized_codes& q_;
  index_t group_size_;
  panel_layout layout_;
  std::array<bool, 256> nonzero_{};  // whether a code stands for another level than zero

  std::array<step_codes_array, gathered_steps> gathered_;
  index_t panel_ = -1, group_ = -1;  // of which zero_rows_ are
  std::uint64_t zero_rows_ = 0;
};

}  // namespace pare::detail
