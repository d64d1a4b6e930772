// Whole matrices of codes through a coder: which of the ways of coding them, and what each needs to know.
#pragma once

#include <algorithm>
#include <bit>

#include <pare/storage/level_coder.hpp>
#include <pare/storage/symbol_coder.hpp>

namespace pare::detail {

// How an adaptive coder goes about a matrix: as levels with everything around them as contexts, or plain codes.
struct matrix_plan {
  bool levels = false;
  cell_order order;
};

template <class Coder>
void code_by_plan(Coder& coder, const code_matrix& m, const matrix_plan& plan) {
  if (plan.levels) {
    level_models models;
    level_coder(coder, models, m, plan.order).code();
    return;
  }
  adaptive_bit zero;  // apart, since every bit costs a little more than its information
  code_model others(m.bits);
  for (std::uint8_t& code : m.codes) {
    const bool is_zero = m.bits > 1 && zero.code(coder, code == m.zero);
    code = static_cast<std::uint8_t>(is_zero ? static_cast<std::uint32_t>(m.zero) : others.code(coder, code));
  }
}

inline constexpr index_t least_grid = 3;

template <class Coder>
void code_plan(Coder& coder, matrix_plan& plan, index_t cols) {
  plan.levels = coder.code_flat(plan.levels, 1) != 0;
  if (!plan.levels) return;
  plan.order.by_columns = coder.code_flat(plan.order.by_columns, 1) != 0;
  number_model grid;
  plan.order.grid = grid.code(coder, static_cast<std::uint32_t>(plan.order.grid));
  require<format_error>(plan.order.grid == 0 || (plan.order.grid >= least_grid && plan.order.grid <= cols / 2),
                        "has a grid of ", plan.order.grid, " columns, must be 0 or ", least_grid, " to ", cols / 2);
}

// Which of four codes in turn are not zero, a bit for each, and the codes that are not.
template <class Coder>
void code_zeros_apart(Coder& coder, const code_matrix& m) {
  const std::size_t size = m.codes.size();
  std::vector<std::uint8_t> masks((size + 3) / 4), others;
  const auto zero = static_cast<std::uint8_t>(m.zero);
  if constexpr (!Coder::decodes)
    for (std::size_t i = 0; i < size; ++i) {
      if (m.codes[i] == zero) continue;
      masks[i / 4] = static_cast<std::uint8_t>(masks[i / 4] | 1 << i % 4);
      others.push_back(m.codes[i]);
    }
  code_symbols(coder, masks, 4);
  if constexpr (Coder::decodes) {
    std::size_t count = 0;
    for (const std::uint8_t mask : masks) count += static_cast<std::size_t>(std::popcount(mask));
    require<format_error>(size % 4 == 0 || masks.back() >> size % 4 == 0, "has codes behind its last");
    others.resize(count);
  }
  code_symbols(coder, others, m.bits);
  if constexpr (Coder::decodes) {
    std::fill(m.codes.begin(), m.codes.end(), zero);
    const std::uint8_t* next = others.data();
    for (std::size_t i = 0; i < masks.size(); ++i)
      for (unsigned mask = masks[i]; mask != 0; mask &= mask - 1)
        m.codes[4 * i + static_cast<std::size_t>(std::countr_zero(mask))] = *next++;
  }
}

// All codes of a matrix.
template <class Coder>
void code_matrix_codes(Coder& coder, const code_matrix& m) {
  if (m.codes.empty()) return;
  if (coder.mode() == symbol_mode::adaptive) {
    matrix_plan plan;
    if constexpr (!Coder::decodes) plan = coder.plan_of(m);
    code_plan(coder, plan, m.cols);
    code_by_plan(coder, m, plan);
    return;
  }
  bool apart = false;
  if constexpr (!Coder::decodes) apart = 2 * std::count(m.codes.begin(), m.codes.end(), m.zero) >= std::ssize(m.codes);
  if (coder.code_flat(apart, 1) != 0)
    code_zeros_apart(coder, m);
  else
    code_symbols(coder, m.codes, m.bits);
}

}  // namespace pare::detail
