// The random numbers behind initialization, shuffling and the drawn digits: the same on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include <pare/tensor/view.hpp>

namespace pare::detail {

// splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
class random {
 public:
  // Different streams of one seed are independent.
  explicit constexpr random(std::uint64_t seed, std::uint64_t stream = 0) : state_(mix(seed) ^ mix(~stream)) {}

  constexpr std::uint64_t bits() { return mix(state_ += 0x9e3779b97f4a7c15u); }

  // Uniform in [0, count), up to a bias of count / 2^64.
  constexpr index_t below(index_t count) { return static_cast<index_t>(bits() % static_cast<std::uint64_t>(count)); }

  // Uniform in [low, high].
  constexpr int between(int low, int high) { return low + static_cast<int>(below(index_t{high} - low + 1)); }

  // Bell-shaped in [-limit, limit], variance about limit^2 / 9: the mean of three uniform numbers.
  constexpr int around_zero(int limit) {
    return (between(-limit, limit) + between(-limit, limit) + between(-limit, limit)) / 3;
  }

  // Uniform in [0, 1), a multiple of 2^-24.
  constexpr float unit() { return static_cast<float>(bits() >> 40) * 0x1p-24f; }

 private:
  static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

// Fisher and Yates.
template <class T>
void shuffle(std::span<T> items, random& source) {
  for (std::size_t left = items.size(); left > 1; --left)
    std::swap(items[left - 1], items[static_cast<std::size_t>(source.below(static_cast<index_t>(left)))]);
}

}  // namespace pare::detail
