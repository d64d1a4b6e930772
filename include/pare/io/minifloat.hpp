// Floats of 4 to 8 bits, as files hold them: what their bits stand for.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

namespace pare::detail {

// Which bits are not a finite number.
enum class minifloat_special {
  none,       // every one is (OCP MX v1.0: FP4)
  ieee,       // the largest exponent: infinity, and NaN with any bit of the mantissa
  all_ones,   // NaN where every bit but the sign is set, no infinity (OCP 8-bit floating point: E4M3)
  minus_zero  // NaN where the sign alone is set, no infinity ("FNUZ")
};

// A sign, then exponent and mantissa.
struct minifloat {
  int exponent_bits;
  int mantissa_bits;
  int bias;
  minifloat_special special;
};

inline constexpr minifloat e2m1{2, 1, 1, minifloat_special::none};
inline constexpr minifloat e4m3{4, 3, 7, minifloat_special::all_ones};
inline constexpr minifloat e5m2{5, 2, 15, minifloat_special::ieee};
inline constexpr minifloat e4m3_fnuz{4, 3, 8, minifloat_special::minus_zero};
inline constexpr minifloat e5m2_fnuz{5, 2, 16, minifloat_special::minus_zero};

inline float minifloat_value(const minifloat& type, unsigned bits) {
  const int places = type.exponent_bits + type.mantissa_bits;
  const bool negative = (bits >> places & 1) != 0;
  const int most = (1 << type.exponent_bits) - 1;
  const int exponent = static_cast<int>(bits >> type.mantissa_bits) & most;
  const int mantissa = static_cast<int>(bits) & ((1 << type.mantissa_bits) - 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  if (type.special == minifloat_special::minus_zero && negative && exponent == 0 && mantissa == 0) return nan;
  if (type.special == minifloat_special::all_ones && exponent == most && mantissa == (1 << type.mantissa_bits) - 1)
    return nan;
  float value = 0;
  if (type.special == minifloat_special::ieee && exponent == most)
    value = mantissa == 0 ? std::numeric_limits<float>::infinity() : nan;
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(mantissa), 1 - type.bias - type.mantissa_bits);
  else
    value =
        std::ldexp(static_cast<float>(mantissa + (1 << type.mantissa_bits)), exponent - type.bias - type.mantissa_bits);
  return negative ? -value : value;
}

// A power of two by its exponent alone (OCP MX v1.0, E8M0): 2^(bits - 127), 255 is NaN.
inline float e8m0_value(unsigned bits) {
  return bits == 255 ? std::numeric_limits<float>::quiet_NaN() : std::ldexp(1.0f, static_cast<int>(bits) - 127);
}

}  // namespace pare::detail
