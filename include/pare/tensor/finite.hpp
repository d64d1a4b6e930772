// Reading tensors as numbers that must be finite, a row at a time.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <pare/tensor/matrix_view.hpp>

namespace pare::detail {

template <class Value>
using bits_of_t = std::conditional_t<sizeof(Value) == 4, std::uint32_t, std::uint64_t>;

// The sign bit is set if the value is NaN or infinite: adding one to an exponent of all ones carries into it. By the
// bits, since std::isfinite is always true under -ffast-math.
template <std::floating_point Value>
constexpr bits_of_t<Value> overflow_bits(Value value) noexcept {
  using bits = bits_of_t<Value>;
  constexpr bits magnitude = static_cast<bits>(-1) >> 1;
  constexpr bits exponent_one = bits{1} << (std::numeric_limits<Value>::digits - 1);
  return (std::bit_cast<bits>(value) & magnitude) + exponent_one;
}

constexpr bool is_finite(float value) noexcept { return overflow_bits(value) >> 31 == 0; }
constexpr bool is_finite(double value) noexcept { return overflow_bits(value) >> 63 == 0; }

constexpr bool is_nan(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0x7fffffffu) > 0x7f800000u;
}

template <std::floating_point Value>
bool all_finite(std::span<const Value> values) noexcept {
  constexpr std::size_t block = 64;  // a constant number of turns, so that every compiler makes vectors of them
  bits_of_t<Value> any = 0;
  for (; values.size() >= block; values = values.subspan(block))
    for (std::size_t i = 0; i < block; ++i) any |= overflow_bits(values[i]);
  for (const Value value : values) any |= overflow_bits(value);
  return any >> (std::numeric_limits<bits_of_t<Value>>::digits - 1) == 0;
}

// out[i] = |values[i]| for all `size` of them; the two do not overlap.
template <std::floating_point Value>
void magnitudes_of(const Value* __restrict__ values, std::size_t size, Value* __restrict__ out) noexcept {
  using bits = bits_of_t<Value>;
  constexpr std::size_t block = 64;
  constexpr bits magnitude = static_cast<bits>(-1) >> 1;
  std::size_t i = 0;
  for (; i + block <= size; i += block)
    for (std::size_t k = 0; k < block; ++k)
      out[i + k] = std::bit_cast<Value>(std::bit_cast<bits>(values[i + k]) & magnitude);
  for (; i < size; ++i) out[i] = std::bit_cast<Value>(std::bit_cast<bits>(values[i]) & magnitude);
}

// What is said of an element that is not finite.
struct finite_message {
  std::string_view what = {};
  std::string_view demand = "must be finite";
};

constexpr finite_message finite_in_float(std::string_view what) { return {what, "must be finite in float"}; }

// Throws value_error naming the first element of a row that is not finite; `values` are the row as it was read.
template <class T, class Value>
void require_finite_row(const matrix_view<T>& x, index_t row, std::span<const Value> values,
                        const finite_message& message) {
  if (all_finite(values)) return;
  const auto first = std::find_if(values.begin(), values.end(), [](Value value) { return !is_finite(value); });
  const index_t col = first - values.begin();
  throw value_error(
      text(message.what, "[", row, ", ", col, "] is ", static_cast<compute_t<T>>(x(row, col)), ", ", message.demand));
}

// Calls visit(row, values) for the rows in their order, each as finite numbers of type Value: where it lies in memory
// if it can be, else in a buffer that lasts until the next. Throws value_error naming the first that is not finite.
template <class Value, class T, class Visit>
void for_each_finite_row(const matrix_view<T>& x, const finite_message& message, Visit&& visit) {
  const std::size_t cols = static_cast<std::size_t>(x.cols());
  const index_t at_once = x.rows_at_once();
  std::vector<Value> buffer;
  for (index_t first = 0; first < x.rows(); first += at_once) {
    const index_t count = std::min(at_once, x.rows() - first);
    const Value* values = nullptr;
    if constexpr (std::is_same_v<std::remove_const_t<T>, Value>) values = x.contiguous_row(first);
    if (count > 1 || values == nullptr) {
      buffer.resize(std::max(buffer.size(), cols * static_cast<std::size_t>(count)));
      x.read_rows(first, count, buffer.data());
      values = buffer.data();
    }
    for (index_t row = first; row < first + count; ++row, values += cols) {
      require_finite_row(x, row, std::span<const Value>(values, cols), message);
      visit(row, std::span<const Value>(values, cols));
    }
  }
}

// Throws value_error naming the first element that is NaN or infinite.
template <class T>
void require_finite(const matrix_view<T>& x, std::string_view what) {
  for_each_finite_row<compute_t<T>>(x, {what}, [](index_t, auto) {});
}

// Reads a row in float, whatever the element type. Throws value_error naming the first element that is not finite
// there.
template <class T>
void read_floats(const matrix_view<T>& x, index_t row, std::vector<float>& out, std::string_view what) {
  out.resize(static_cast<std::size_t>(x.cols()));
  x.read_row(row, out.data());
  require_finite_row(x, row, std::span<const float>(out), finite_in_float(what));
}

}  // namespace pare::detail
