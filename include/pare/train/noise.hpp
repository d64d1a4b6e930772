// Random numbers by the million, for dropout and noise of layers.
#pragma once

#include <numbers>

#include <Eigen/Core>

#include <pare/train/random.hpp>

namespace pare::detail {

// Independent normal numbers of mean 0 and variance 1, up to 5.8 in magnitude (Box and Muller 1958, from uniform
// numbers of 24 bits).
template <class Out>
void fill_normal(random source, Out&& out) {
  constexpr int half = 64;
  using scalar = typename std::remove_cvref_t<Out>::Scalar;
  Eigen::Array<scalar, half, 1> u, angle;
  float* next = out.data();
  for (index_t left = out.size(); left > 0; left -= 2 * half, next += 2 * half) {
    for (int i = 0; i < half; ++i) {
      const std::uint64_t bits = source.bits();
      u(i) = static_cast<float>(static_cast<std::uint32_t>(bits >> 40) + 1) * 0x1p-24f;  // in (0, 1]
      angle(i) = static_cast<float>(static_cast<std::uint32_t>(bits >> 8 & 0xffffff)) * 0x1p-24f;
    }
    u = (-2.0f * u.log()).sqrt();
    angle *= 2 * std::numbers::pi_v<float>;
    Eigen::Array<scalar, 2 * half, 1> both;
    both << u * angle.cos(), u * angle.sin();
    const index_t count = std::min<index_t>(left, 2 * half);
    Eigen::Map<Eigen::ArrayXf>(next, count) = both.head(count);
  }
}

// 0 with probability `rate`, in multiples of 2^-16, else 1 / (1 - rate).
template <class Out>
void fill_dropout(random source, float rate, Out&& out) {
  const auto limit = static_cast<std::uint32_t>(rate * 65536.0f);
  const float kept = 1.0f / (1.0f - static_cast<float>(limit) * 0x1p-16f);
  float* next = out.data();
  for (index_t left = out.size(); left > 0; left -= 4) {
    std::uint64_t bits = source.bits();
    for (index_t i = 0; i < std::min<index_t>(left, 4); ++i, bits >>= 16)
      *next++ = (bits & 0xffff) < limit ? 0.0f : kept;
  }
}

}  // namespace pare::detail
