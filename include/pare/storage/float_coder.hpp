// Floats, coded without loss: equal ones, multiples of a common step, or any.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <pare/storage/number_model.hpp>

namespace pare::detail {

// One float: its sign and exponent, how many bits of its fraction are left after the zeros at the end, and those.
template <class Coder>
void code_float(Coder& coder, float& value) {
  constexpr int fraction_bits = 23;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t fraction = bits & ((1u << fraction_bits) - 1);
  const int used = fraction == 0 ? 0 : fraction_bits - std::countr_zero(fraction);
  const std::uint32_t upper = coder.code_flat(bits >> fraction_bits, 9);
  const int count = static_cast<int>(coder.code_flat(static_cast<std::uint32_t>(used), 5));
  require<format_error>(count <= fraction_bits, "has a float with a fraction of ", count, " bits, must be at most ",
                        fraction_bits);
  const std::uint32_t lower = coder.code_flat(fraction >> (fraction_bits - count), count);
  value = std::bit_cast<float>(upper << fraction_bits | lower << (fraction_bits - count));
}

// Bytes that something coded by itself takes: code(coder).
template <class Code>
std::size_t bytes_of_coded(const Code& code) {
  range_encoder coder;
  code(coder);
  return std::move(coder).finish().size();
}

inline constexpr std::int32_t most_multiple = 1 << 20;

// The n with step · n == value, to the bit but for the sign of zero, of at most `most_multiple`.
inline std::optional<std::int32_t> multiple_of(float value, float step) {
  if (value == 0) return 0;
  const float quotient = std::nearbyint(value / step);
  if (!(std::fabs(quotient) <= static_cast<float>(most_multiple))) return std::nullopt;
  const auto n = static_cast<std::int32_t>(quotient);
  if (std::bit_cast<std::uint32_t>(step * static_cast<float>(n)) != std::bit_cast<std::uint32_t>(value))
    return std::nullopt;
  return n;
}

// The largest step > 0 of which all values are multiples, rounded to float, among those tried: the smallest value / k
// for k = 1 .. 255, made more accurate by the largest value.
inline std::optional<float> common_step(std::span<const float> values) {
  float least = 0, most = 0;
  for (const float value : values) {
    const float magnitude = std::fabs(value);
    if (magnitude != 0 && (least == 0 || magnitude < least)) least = magnitude;
    most = std::max(most, magnitude);
  }
  const auto fits = [&](float step) {
    for (const float value : values)
      if (!multiple_of(value, step)) return false;
    return true;
  };
  for (int k = 1; k <= 255; ++k) {
    const float rough = least / static_cast<float>(k);
    const float multiple = std::nearbyint(most / rough);
    if (!(rough > 0) || !(multiple <= static_cast<float>(most_multiple))) return std::nullopt;
    const auto middle = std::bit_cast<std::uint32_t>(most / multiple);
    for (const std::uint32_t near : {middle, middle - 1, middle + 1})
      if (const auto step = std::bit_cast<float>(near); step > 0 && fits(step)) return step;
  }
  return std::nullopt;
}

template <class Coder>
void code_multiples(Coder& coder, std::span<float> values, float step) {
  code_float(coder, step);
  integer_model model;
  adaptive_bit negative_zero;
  for (float& value : values) {
    const std::int32_t n = model.code(coder, Coder::decodes ? 0 : *multiple_of(value, step));
    if (n != 0)
      value = step * static_cast<float>(n);
    else
      value = negative_zero.code(coder, std::bit_cast<std::uint32_t>(value) != 0) ? -0.0f : 0.0f;
  }
}

// Floats [n] of 32 bits, or of 16 (bfloat16) as the upper half: whether it is zero, then sign, exponent and the upper
// bits of the fraction, 12 bits in all, adapt.
template <class Coder>
void code_any_floats(Coder& coder, std::span<float> values, int bits) {
  adaptive_bit zero;
  code_model model(bits, 12);
  for (float& value : values) {
    const auto whole = std::bit_cast<std::uint32_t>(value);
    std::uint32_t coded = 0;
    if (!zero.code(coder, whole == 0)) coded = model.code(coder, whole >> (32 - bits));
    value = std::bit_cast<float>(coded << (32 - bits));
  }
}

enum class float_kind : std::uint32_t { equal, multiples, any };

// Parameters such as biases and units. The encoder chooses the kind that takes the fewest bytes.
template <class Coder>
void code_floats(Coder& coder, std::span<float> values) {
  auto kind = float_kind::any;
  std::optional<float> step;
  if constexpr (!Coder::decodes) {
    const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
    const bool equal =
        std::all_of(values.begin(), values.end(), [&](float value) { return bits(value) == bits(values[0]); });
    if (equal) kind = float_kind::equal;
    if (!equal && (step = common_step(values))) {
      const auto multiples = bytes_of_coded([&](auto& scratch) { code_multiples(scratch, values, *step); });
      const auto any = bytes_of_coded([&](auto& scratch) { code_any_floats(scratch, values, 32); });
      if (multiples <= any) kind = float_kind::multiples;
    }
  }
  kind = static_cast<float_kind>(coder.code_flat(static_cast<std::uint32_t>(kind), 2));
  switch (kind) {
    case float_kind::equal: {
      float value = values.empty() ? 0.0f : values[0];
      code_float(coder, value);
      std::fill(values.begin(), values.end(), value);
      return;
    }
    case float_kind::multiples: return code_multiples(coder, values, step.value_or(0));
    case float_kind::any: return code_any_floats(coder, values, 32);
  }
  throw format_error(text("unknown kind of floats ", static_cast<std::uint32_t>(kind)));
}

}  // namespace pare::detail
