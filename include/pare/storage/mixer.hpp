// Mixing of predictions: a logistic regression that learns while it codes (Mahoney 2005, "Adaptive weighing of context
// models for lossless data compression", section 3.2), in integers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <pare/storage/squash.hpp>

namespace pare::detail {

// p = squash(sum_i w_i x_i) for `Inputs` log odds x; after each bit w_i += rate · (bit - p) · x_i. The rate falls from
// that of quick learning to a lasting one, as 2 + 400 · 64 / (64 + bits seen), in units of 2^-12 per log odds.
template <std::size_t Inputs>
class mixer {
 public:
  using inputs = std::array<log_odds, Inputs>;

  // Weights at first, in units of 2^-16.
  explicit mixer(const std::array<std::int32_t, Inputs>& weights) : weights_(weights) {}

  template <class Coder>
  bool code(Coder& coder, bool bit, const inputs& x) {
    const std::int64_t sum = each([&](auto... i) { return (... + (std::int64_t{weights_[i]} * x[i])); });
    const auto mixed = std::clamp<std::int64_t>(sum >> 16, -most_odds, most_odds);
    const probability p = tables_->squash(static_cast<log_odds>(mixed));
    bit = coder.code(bit, p);
    learn((bit ? 65536 : 0) - static_cast<std::int32_t>(p), x);
    return bit;
  }

 private:
  static constexpr std::uint32_t quick = 64;

  void learn(std::int32_t error, const inputs& x) {
    if (seen_ < 1 << 16) rate_ = static_cast<std::int32_t>(2 + 400 * quick / (quick + seen_++));
    const std::int64_t scaled = std::int64_t{error} * rate_;
    const auto move = [&](std::size_t i) {
      const std::int64_t step = (scaled * x[i] + (1 << 19)) >> 20;
      weights_[i] = static_cast<std::int32_t>(weights_[i] + step);  // modulo 2^32
    };
    each([&](auto... i) { (..., move(i)); });
  }

  // do_all(0, 1, ..): loops that are written out, which are much of the time that a bit takes.
  template <class All>
  static auto each(All&& do_all) {
    return [&]<std::size_t... i>(std::index_sequence<i...>) { return do_all(i...); }
    (std::make_index_sequence<Inputs>{});
  }

  const logistic_tables* tables_ = &logistic();
  std::array<std::int32_t, Inputs> weights_;
  std::int32_t rate_ = 0;
  std::uint32_t seen_ = 0;
};

}  // namespace pare::detail
