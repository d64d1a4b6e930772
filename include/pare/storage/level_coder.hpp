// The cells of a sparse matrix of few levels, coded bit by bit with predictions from everything around them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <vector>

#include <pare/storage/mixer.hpp>
#include <pare/storage/number_model.hpp>
#include <pare/tensor/view.hpp>

namespace pare::detail {

// Codes [rows, cols], each below 2^bits. Level = code - zero.
struct code_matrix {
  index_t rows = 0;
  index_t cols = 0;
  int bits = 0;
  int zero = 0;  // the code that stands for zero
  std::span<std::uint8_t> codes;
};

// The order of the cells, and how the columns are laid out where they are the pixels of an image.
struct cell_order {
  bool by_columns = false;
  index_t grid = 0;  // columns of the image; 0 for no image
};

// What is learned about nonzeros, signs and magnitudes of a matrix.
struct level_models {
  static constexpr std::size_t unary = 15;   // magnitudes up to this are coded by as many bits
  static constexpr std::size_t several = 7;  // contexts tell magnitudes apart up to this

  // Whether a magnitude that is at least some number is larger.
  struct larger_models {
    mixer<4> mix{{20000, 20000, 20000, 10000}};
    adaptive_bit all;
    adaptive_bit near[several + 1];
  };

  mixer<3> live_mix{{20000, 20000, 20000}};
  adaptive_bit live_row[2];
  adaptive_bit live_line[4];
  adaptive_bit live_near[32];
  adaptive_bit live_far[16];

  mixer<6> nonzero_mix{{11000, 11000, 24000, 24000, 24000, -40000}};
  adaptive_bit nonzero{8192, 4};
  adaptive_bit pattern[32];
  adaptive_bit densities[256];
  adaptive_bit surroundings[512];

  mixer<4> sign_mix{{16000, 16000, 16000, 16000}};
  adaptive_bit sign_pattern[27];
  adaptive_bit sign_balance[17];

  larger_models larger[several];
  number_model excess;
};

// Codes a matrix, or decodes it into `codes`.
template <class Coder>
class level_coder {
 public:
  level_coder(Coder& coder, level_models& models, const code_matrix& m, const cell_order& order)
      : coder_(coder), models_(models), m_(m), order_(order) {
    const index_t w = order.grid;
    const index_t margin = w > 0 ? 2 * w + 2 : 10;
    col_stride_ = order.by_columns ? m.rows + 2 : 1;
    row_stride_ = order.by_columns ? 1 : m.cols + margin;
    first_ = 2 * row_stride_ + margin * col_stride_;
    const index_t reach = order.by_columns ? margin : 2;
    line_stride_ = order.by_columns ? col_stride_ : row_stride_;
    lines_ = std::min(order.by_columns ? m.cols : m.rows, std::max<index_t>(reach, 64));
    kept_ = reach * line_stride_;
    levels_.resize(static_cast<std::size_t>(lines_ * line_stride_ + kept_));
    around_.resize(levels_.size());
    rows_.resize(static_cast<std::size_t>(m.rows));
    cols_.resize(static_cast<std::size_t>(m.cols));
    offsets_ = w > 0 ? std::array<index_t, 10>{-1, -w, -w - 1, -w + 1, -2, -2 * w, -w - 2, 2 - w, -2 * w - 1, 1 - 2 * w}
                     : std::array<index_t, 10>{-1, -2, -3, -4, -5, -6, -7, -8, -9, -10};
    for (index_t& offset : offsets_) offset *= col_stride_;
  }

  void code() {
    code_live_lines();
    if constexpr (Coder::decodes) std::fill(m_.codes.begin(), m_.codes.end(), static_cast<std::uint8_t>(m_.zero));
    const index_t outer = order_.by_columns ? m_.cols : m_.rows, inner = order_.by_columns ? m_.rows : m_.cols;
    for (index_t i = 0; i < outer; ++i) {
      if (i > 0 && i % lines_ == 0) {
        begin_ += lines_ * line_stride_;
        move_on(levels_);
        move_on(around_);
      }
      if (order_.by_columns) beside_ = bucket(odds_beside(i));
      for (index_t j = 0; j < inner; ++j) code_cell(order_.by_columns ? j : i, order_.by_columns ? i : j);
    }
  }

 private:
  static constexpr std::size_t unary = level_models::unary, several = level_models::several;

  // What is known of a row or column.
  struct line {
    bool live = false;
    adaptive_bit nonzero{0, 0};  // seen is 0 until its first cell
    adaptive_bit negative;
    adaptive_bit larger[several];
  };

  // What lies around a cell, in 16 bits: which of the four nearest in its own row are not zero, and of the two above
  // it, and from bit 8 on the sum of the weights of all nonzeros among `offsets_`.
  static constexpr std::uint16_t above = 1 << 4, above2 = 1 << 5;
  static constexpr std::array<std::uint16_t, 10> nonzero_at = [] {
    std::array<std::uint16_t, 10> marks{};
    for (unsigned i = 0; i < 10; ++i)
      marks[i] = static_cast<std::uint16_t>((i < 4 ? 1 << i : 0) | (i < 2 ? 4 : i < 4 ? 2 : 1) << 8);
    return marks;
  }();

  static int sign(int level) { return (level > 0) - (level < 0); }
  static std::size_t index(index_t i) { return static_cast<std::size_t>(i); }

  // Log odds in 16 steps of 128 from -1024 on.
  static std::size_t bucket(log_odds x) { return static_cast<std::size_t>(std::clamp((x + 1024) >> 7, 0, 15)); }

  // A context in which nothing was seen begins with what is seen in general.
  static adaptive_bit& begun(adaptive_bit& bit, const adaptive_bit& general, std::uint32_t weight) {
    if (bit.seen() == 0) bit = adaptive_bit(general.one(), weight);
    return bit;
  }

  // Drops the lines that have been coded, but for those that the next ones look at, or have been told of.
  template <class T>
  void move_on(std::vector<T>& cells) const {
    std::copy(cells.end() - kept_, cells.end(), cells.begin());
    std::fill(cells.begin() + kept_, cells.end(), T{0});
  }

  // Written out: a loop takes longer.
  static void learn_all(bool bit, auto&... bits) { (..., bits.learn(bit)); }

  std::uint8_t& code_at(index_t row, index_t col) { return m_.codes[index(row * m_.cols + col)]; }

  // A row or column is live if any of its codes is not zero.
  void code_live_lines() {
    if constexpr (!Coder::decodes)
      for (index_t row = 0; row < m_.rows; ++row)
        for (index_t col = 0; col < m_.cols; ++col)
          if (code_at(row, col) != m_.zero) rows_[index(row)].live = cols_[index(col)].live = true;
    bool before = true;
    for (line& row : rows_) before = row.live = models_.live_row[before].code(coder_, row.live);
    for (index_t col = 0; col < m_.cols; ++col) code_live_column(col);
  }

  void code_live_column(index_t col) {
    const auto live = [&](index_t back) { return std::size_t{back <= col && cols_[index(col - back)].live}; };
    const index_t w = order_.grid;
    const std::size_t beside = live(1) | live(2) << 1;
    const std::size_t up = w > 0 ? live(w) | live(w + 1) << 1 | live(w - 1) << 2 : 0;
    const std::size_t up2 = w > 0 ? live(2 * w) : 0;
    adaptive_bit& a = models_.live_line[beside];
    adaptive_bit& b = models_.live_near[beside | up << 2];
    adaptive_bit& c = models_.live_far[(beside & 1) | (up & 1) << 1 | up2 << 2 | (up & 4) << 1];
    const bool bit = models_.live_mix.code(coder_, cols_[index(col)].live, {odds(a), odds(b), odds(c)});
    cols_[index(col)].live = bit;
    learn_all(bit, a, b, c);
  }

  log_odds odds(const adaptive_bit& bit) const { return tables_.stretch(bit.one()); }

  void code_cell(index_t row, index_t col) {
    line& r = rows_[index(row)];
    line& c = cols_[index(col)];
    if (!r.live || !c.live) return;
    begun(r.nonzero, models_.nonzero, 7);
    if (c.nonzero.seen() == 0) begin_column(col);
    if (!order_.by_columns && order_.grid > 0) beside_ = bucket(odds_beside(col));
    const index_t at = row * row_stride_ + col * col_stride_ - begin_;
    int level = code_at(row, col) - m_.zero;
    if (!code_nonzero(level != 0, r, c, around_[index(at)])) return;
    level = code_level(level, r, c, at);
    code_at(row, col) = static_cast<std::uint8_t>(m_.zero + level);
  }

  // A level that is not zero.
  [[gnu::noinline]] int code_level(int level, line& r, line& c, index_t at) {
    std::int16_t* const cell = levels_.data() + first_ + at;
    const bool negative = code_sign(level < 0, r, c, cell);
    level = code_magnitude(std::abs(level), negative ? m_.zero : (1 << m_.bits) - 1 - m_.zero, r, c, cell);
    if (negative) level = -level;
    *cell = static_cast<std::int16_t>(level);
    mark_around(at);
    return level;
  }

  // Tells the cells to come of a nonzero.
  void mark_around(index_t at) {
    const auto mark = [this](index_t cell, std::uint16_t what) {
      around_[index(cell)] = static_cast<std::uint16_t>(around_[index(cell)] + what);
    };
    for (std::size_t i = 0; i < offsets_.size(); ++i) mark(at - offsets_[i], nonzero_at[i]);
    mark(at + row_stride_, above);
    mark(at + 2 * row_stride_, above2);
  }

  // With the density of the columns beside it that have begun, as far as they are known to be beside it.
  void begin_column(index_t col) {
    std::uint32_t sum = 2 * models_.nonzero.one(), count = 2;
    for (std::size_t i = 0; order_.grid > 0 && i < 4; ++i) {
      const index_t beside = col + offsets_[i] / col_stride_;
      if (beside < 0 || cols_[index(beside)].nonzero.seen() == 0) continue;
      sum += cols_[index(beside)].nonzero.one();
      ++count;
    }
    cols_[index(col)].nonzero = adaptive_bit(sum / count, 6);
  }

  // Of the mean density of the columns beside one on the grid.
  log_odds odds_beside(index_t col) const {
    if (order_.grid == 0) return tables_.stretch(1);
    const auto density = [this](index_t beside) {
      return index(beside) < cols_.size() ? cols_[index(beside)].nonzero.one() : 0;
    };
    const index_t w = order_.grid;
    const probability sum = density(col - 1) + density(col + 1) + density(col - w) + density(col + w);
    return tables_.stretch(std::max<probability>(sum / 4, 1));
  }

  bool code_nonzero(bool bit, line& r, line& c, std::uint32_t around) {
    constexpr std::array<std::uint8_t, 19> weights{0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7};
    const log_odds row_odds = odds(r.nonzero), col_odds = odds(c.nonzero);
    const std::size_t of_row = bucket(row_odds), of_col = bucket(col_odds);
    adaptive_bit& all = models_.nonzero;
    adaptive_bit& x = begun(models_.pattern[around % 32], all, 8);
    adaptive_bit& y = begun(models_.densities[beside_ << 4 | of_col], all, 8);
    adaptive_bit& z =
        begun(models_.surroundings[(around >> 4) % 4 << 7 | unsigned{weights[around >> 8]} << 4 | of_row], all, 8);
    bit = models_.nonzero_mix.code(coder_, bit, {row_odds, col_odds, odds(x), odds(y), odds(z), odds(all)});
    learn_all(bit, r.nonzero, c.nonzero, x, y, z, all);
    return bit;
  }

  bool code_sign(bool bit, line& r, line& c, const std::int16_t* cell) {
    const auto near = [&](std::size_t i) { return sign(cell[offsets_[i]]); };
    const int pattern = near(0) + 3 * near(1) + 9 * sign(cell[-row_stride_]) + 13;
    const int balance = 2 * (near(0) + near(1)) + near(2) + near(3) + near(4) + near(5) + 8;
    adaptive_bit& x = models_.sign_pattern[static_cast<std::size_t>(pattern)];
    adaptive_bit& y = models_.sign_balance[static_cast<std::size_t>(balance)];
    bit = models_.sign_mix.code(coder_, bit, {odds(x), odds(y), odds(r.negative), odds(c.negative)});
    learn_all(bit, x, y, r.negative, c.negative);
    return bit;
  }

  // A magnitude of at least 1 and at most `most`.
  int code_magnitude(int magnitude, int most, line& r, line& c, const std::int16_t* cell) {
    const int beside =
        std::max({std::abs(cell[offsets_[0]]), std::abs(cell[offsets_[1]]), std::abs(cell[-row_stride_])});
    const std::size_t near = std::min(static_cast<std::size_t>(beside), several);
    for (int so_far = 1; so_far < most; ++so_far) {
      if (so_far > static_cast<int>(unary)) {
        const auto excess = models_.excess.code(coder_, static_cast<std::uint32_t>(magnitude - so_far));
        return so_far + static_cast<int>(std::min(excess, static_cast<std::uint32_t>(most - so_far)));
      }
      const std::size_t i = std::min(static_cast<std::size_t>(so_far), several) - 1;
      auto& larger = models_.larger[i];
      adaptive_bit& all = larger.all;
      adaptive_bit& x = begun(larger.near[near], all, 8);
      adaptive_bit& y = begun(r.larger[i], all, 8);
      adaptive_bit& z = begun(c.larger[i], all, 8);
      const bool more = larger.mix.code(coder_, magnitude > so_far, {odds(all), odds(x), odds(y), odds(z)});
      learn_all(more, all, x, y, z);
      if (!more) return so_far;
    }
    return most;
  }

  const logistic_tables& tables_ = logistic();
  Coder& coder_;
  level_models& models_;
  code_matrix m_;
  cell_order order_;
  index_t row_stride_, col_stride_, first_;
  index_t line_stride_;  // cells between lines: rows, or columns if the order is by columns
  index_t lines_;        // that the tables below hold at a time
  index_t kept_;         // cells of lines that the next ones need
  index_t begin_ = 0;    // of the first line of the tables
  std::array<index_t, 10> offsets_;
  std::size_t beside_ = 0;
  std::vector<std::int16_t> levels_;   // as far as they are coded, with those before and above
  std::vector<std::uint16_t> around_;  // of each cell, with room behind and below
  std::vector<line> rows_, cols_;
};

}  // namespace pare::detail
