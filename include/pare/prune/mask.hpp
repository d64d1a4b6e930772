// mask: which weights of a tensor are kept, one bit each.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <pare/tensor/matrix_view.hpp>

namespace pare {

// Bits of a matrix [rows, cols], where the columns of a tensor are all its axes after the first, as in matrix_view.
// A set bit is a kept weight. Bit `row * cols + col` lies in word `bit / 64` at position `bit % 64`; the padding bits
// of the last word are zero.
class mask {
 public:
  using word_type = std::uint64_t;
  static constexpr index_t word_bits = 64;

  mask() = default;

  // Nothing kept. Throws shape_error when an extent is negative or the product is beyond index_t.
  mask(index_t rows, index_t cols);

  // Keeps what kept(row, col) says. Errors as above, and whatever the function throws.
  template <class Kept>
  static mask where(index_t rows, index_t cols, Kept&& kept);

  index_t rows() const noexcept { return rows_; }
  index_t cols() const noexcept { return cols_; }
  index_t size() const noexcept { return rows_ * cols_; }
  std::span<const word_type> words() const noexcept { return {words_.data(), words_.size()}; }

  // Whether a weight is kept, for 0 <= row < rows() and 0 <= col < cols().
  bool test(index_t row, index_t col) const noexcept { return test(row * cols_ + col); }

  void set(index_t row, index_t col, bool kept = true) noexcept;

  // Keeps column col + i of a row where bit i is set, 0 <= i < 64; others stay as they are. Set bits are within the
  // row.
  void set_run(index_t row, index_t col, word_type kept) noexcept;

  // Bit i is set where column col + i of a row is kept, 0 <= i < 64; bits beyond the row's end are any.
  word_type run(index_t row, index_t col) const noexcept;

  // How many weights are kept.
  index_t count() const noexcept;

  // The share of weights that is kept; 1 for an empty mask.
  double density() const noexcept;

  // Sets the removed weights of a tensor of this shape to zero, in place; kept ones keep their bits.
  // Throws shape_error for another shape.
  template <mutable_tensor W>
  void apply(W&& w) const;

  // The same for the cols() weights of one row, which lie side by side.
  template <class T>
  void apply_row(index_t row, T* weights) const noexcept;

  // The kept weights of a tensor of this shape, in row-major order. Throws shape_error for another shape.
  template <tensor_like W>
  auto extract(const W& w) const;

  mask operator~() const;

  // Throw shape_error for masks of different shapes.
  mask& operator&=(const mask& other);
  mask& operator|=(const mask& other);
  friend mask operator&(mask a, const mask& b) { return a &= b; }
  friend mask operator|(mask a, const mask& b) { return a |= b; }
  friend bool operator==(const mask&, const mask&) = default;

 private:
  bool test(index_t bit) const noexcept {
    return (words_[static_cast<std::size_t>(bit / word_bits)] >> (bit % word_bits)) & 1;
  }

  // Throws shape_error unless `what` has this shape.
  void require_shape(const char* what, index_t rows, index_t cols) const {
    detail::require<shape_error>(rows == rows_ && cols == cols_, what, " is ", rows, " x ", cols, ", the mask ", rows_,
                                 " x ", cols_);
  }

  index_t rows_ = 0;
  index_t cols_ = 0;
  std::vector<word_type> words_;
};

inline mask::mask(index_t rows, index_t cols) : rows_(rows), cols_(cols) {
  detail::require<shape_error>(rows >= 0 && cols >= 0, "the mask is ", rows, " x ", cols,
                               ", extents must not be negative");
  detail::require<shape_error>(cols == 0 || rows <= std::numeric_limits<index_t>::max() / cols, "the mask is ", rows,
                               " x ", cols, ", the product is beyond the index type");
  words_.resize(static_cast<std::size_t>(size() / word_bits + (size() % word_bits != 0)));
}

template <class Kept>
mask mask::where(index_t rows, index_t cols, Kept&& kept) {
  mask result(rows, cols);
  for (index_t row = 0; row < rows; ++row)
    for (index_t col = 0; col < cols; ++col) result.set(row, col, kept(row, col));
  return result;
}

inline void mask::set(index_t row, index_t col, bool kept) noexcept {
  const index_t bit = row * cols_ + col;
  word_type& word = words_[static_cast<std::size_t>(bit / word_bits)];
  const word_type one = word_type{1} << (bit % word_bits);
  word = kept ? word | one : word & ~one;
}

inline void mask::set_run(index_t row, index_t col, word_type kept) noexcept {
  const index_t bit = row * cols_ + col;
  const std::size_t word = static_cast<std::size_t>(bit / word_bits);
  const int shift = static_cast<int>(bit % word_bits);
  words_[word] |= kept << shift;
  if (const word_type beyond = shift == 0 ? 0 : kept >> (word_bits - shift); beyond != 0) words_[word + 1] |= beyond;
}

inline mask::word_type mask::run(index_t row, index_t col) const noexcept {
  const index_t bit = row * cols_ + col;
  const std::size_t word = static_cast<std::size_t>(bit / word_bits);
  const int shift = static_cast<int>(bit % word_bits);
  const word_type low = words_[word] >> shift;
  return shift == 0 || word + 1 == words_.size() ? low : low | words_[word + 1] << (word_bits - shift);
}

inline index_t mask::count() const noexcept {
  index_t kept = 0;
  for (const word_type word : words_) kept += std::popcount(word);
  return kept;
}

inline double mask::density() const noexcept {
  return size() == 0 ? 1.0 : static_cast<double>(count()) / static_cast<double>(size());
}

namespace detail {

// For each value of four mask bits, four numbers of all bits set or none.
template <class Bits>
inline constexpr auto four_masks = [] {
  std::array<std::array<Bits, 4>, 16> masks{};
  for (std::size_t bits = 0; bits < 16; ++bits)
    for (std::size_t i = 0; i < 4; ++i) masks[bits][i] = static_cast<Bits>((bits >> i & 1) != 0 ? -1 : 0);
  return masks;
}();

// Zeroes the elements x[i] of 64 whose bit i is not set.
template <class T>
void keep_set(T* x, std::uint64_t bits) noexcept {
  using word = std::conditional_t<sizeof(T) == 2, std::uint16_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>;
  for (int i = 0; i < 64; i += 4, bits >>= 4) {
    std::array<word, 4> four;
    std::memcpy(four.data(), x + i, sizeof four);
    for (std::size_t k = 0; k < 4; ++k) four[k] &= four_masks<word>[bits & 15][k];
    std::memcpy(static_cast<void*>(x + i), four.data(), sizeof four);
  }
}

}  // namespace detail

template <mutable_tensor W>
void mask::apply(W&& w) const {
  const auto matrix = as_matrix(w);
  using element = typename decltype(matrix)::element_type;
  require_shape("the tensor", matrix.rows(), matrix.cols());
  if (matrix.contiguous_row(0) == nullptr) {
    matrix.for_each([this](index_t row, index_t col, element& weight) {
      if (!test(row, col)) weight = element(0);
    });
    return;
  }
  for (index_t row = 0; row < rows_; ++row) apply_row(row, matrix.contiguous_row(row));
}

template <class T>
void mask::apply_row(index_t row, T* weights) const noexcept {
  index_t col = 0;
  for (; col + word_bits <= cols_; col += word_bits) detail::keep_set(weights + col, run(row, col));
  for (; col < cols_; ++col)
    if (!test(row, col)) weights[col] = T(0);
}

template <tensor_like W>
auto mask::extract(const W& w) const {
  const auto matrix = as_matrix(w);
  std::vector<std::remove_const_t<typename decltype(matrix)::element_type>> values;
  values.reserve(static_cast<std::size_t>(count()));
  require_shape("the tensor", matrix.rows(), matrix.cols());
  for (index_t row = 0; row < rows_; ++row) {
    index_t bit = row * cols_;
    matrix.for_each_in_row(row, [&](const auto& element) {
      if (test(bit++)) values.push_back(element);
    });
  }
  return values;
}

inline mask mask::operator~() const {
  mask result = *this;
  for (word_type& word : result.words_) word = ~word;
  if (const index_t used = size() % word_bits; used != 0) result.words_.back() &= (word_type{1} << used) - 1;
  return result;
}

inline mask& mask::operator&=(const mask& other) {
  require_shape("the other mask", other.rows_, other.cols_);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] &= other.words_[i];
  return *this;
}

inline mask& mask::operator|=(const mask& other) {
  require_shape("the other mask", other.rows_, other.cols_);
  for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  return *this;
}

namespace detail {

// Throws shape_error unless there is no mask, or one of the shape of the weights.
template <class T>
void require_mask_of(const mask* kept, const matrix_view<T>& w) {
  require<shape_error>(kept == nullptr || (kept->rows() == w.rows() && kept->cols() == w.cols()), "the weights are ",
                       w.rows(), " x ", w.cols(), ", the mask ", kept == nullptr ? 0 : kept->rows(), " x ",
                       kept == nullptr ? 0 : kept->cols());
}

}  // namespace detail
}  // namespace pare
