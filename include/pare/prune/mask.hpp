// mask: which weights of a tensor are kept, one bit each.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
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

  index_t rows() const noexcept { return rows_; }
  index_t cols() const noexcept { return cols_; }
  index_t size() const noexcept { return rows_ * cols_; }
  std::span<const word_type> words() const noexcept { return words_; }

  // Whether a weight is kept, for 0 <= row < rows() and 0 <= col < cols().
  bool test(index_t row, index_t col) const noexcept { return test(row * cols_ + col); }

  void set(index_t row, index_t col, bool kept = true) noexcept;

  // How many weights are kept.
  index_t count() const noexcept;

  // The share of weights that is kept; 1 for an empty mask.
  double density() const noexcept;

  // Sets the removed weights of a tensor of this shape to zero, in place; kept ones are not written.
  // Throws shape_error for another shape.
  template <mutable_tensor W>
  void apply(W&& w) const;

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

  // Calls visit(element, kept) in row-major order.
  template <class T, class Visit>
  void for_each(const matrix_view<T>& w, Visit&& visit) const;

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

inline void mask::set(index_t row, index_t col, bool kept) noexcept {
  const index_t bit = row * cols_ + col;
  word_type& word = words_[static_cast<std::size_t>(bit / word_bits)];
  const word_type one = word_type{1} << (bit % word_bits);
  word = kept ? word | one : word & ~one;
}

inline index_t mask::count() const noexcept {
  index_t kept = 0;
  for (const word_type word : words_) kept += std::popcount(word);
  return kept;
}

inline double mask::density() const noexcept {
  return size() == 0 ? 1.0 : static_cast<double>(count()) / static_cast<double>(size());
}

template <mutable_tensor W>
void mask::apply(W&& w) const {
  for_each(as_matrix(w), [](auto& element, bool kept) {
    if (!kept) element = std::remove_reference_t<decltype(element)>(0);
  });
}

template <tensor_like W>
auto mask::extract(const W& w) const {
  const auto matrix = as_matrix(w);
  std::vector<std::remove_const_t<typename decltype(matrix)::element_type>> values;
  values.reserve(static_cast<std::size_t>(count()));
  for_each(matrix, [&values](const auto& element, bool kept) {
    if (kept) values.push_back(element);
  });
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

template <class T, class Visit>
void mask::for_each(const matrix_view<T>& w, Visit&& visit) const {
  require_shape("the tensor", w.rows(), w.cols());
  index_t bit = 0;
  for (index_t row = 0; row < rows_; ++row) w.for_each_in_row(row, [&](T& element) { visit(element, test(bit++)); });
}

}  // namespace pare
