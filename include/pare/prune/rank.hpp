// From a ranking to a mask: the weights above a cut, and the cut that keeps a given number.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include <pare/prune/importance.hpp>
#include <pare/prune/mask.hpp>

namespace pare::detail {

template <class Key>
using key_block = std::array<Key, 64>;

// Calls visit(row, col, keys) for the keys of columns [col, col + 64) of each row, in order. Beyond the row's end they
// are zero, below every number's.
template <class Compute, class Visit>
void for_each_block(const importance<Compute>& ranking, const Visit& visit) {
  key_block<order_key_t<Compute>> keys;
  ranking.for_each_row([&](index_t row, std::span<const Compute> values) {
    for (std::size_t col = 0; col < values.size(); col += keys.size()) {
      if (const auto rest = values.subspan(col); rest.size() < keys.size()) {
        keys.fill(0);
        std::transform(rest.begin(), rest.end(), keys.begin(), [](Compute value) { return order_key(value); });
      } else {
        for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = order_key(rest[i]);
      }
      visit(row, static_cast<index_t>(col), keys);
    }
  });
}

// Keys above `high` are kept, or probably so; those not above `low` are not.
template <class Key>
struct bracket {
  Key low = 0;
  Key high = std::numeric_limits<Key>::max();
};

struct block_bits {
  mask::word_type above, within;
};

// Which of a block's keys are above a bracket and which within it, bit i for keys[i].
template <class Key>
block_bits compare(const key_block<Key>& keys, const bracket<Key>& ends) noexcept {
  constexpr std::uint64_t ones = 0x0101010101010101u;
  constexpr std::uint64_t collect = 0x0102040810204080u;  // the product's top byte has a bit of each byte
  std::array<std::uint8_t, 64> places;                    // 2 above, 1 within, 0 below
  for (std::size_t i = 0; i < 64; ++i)
    places[i] = static_cast<std::uint8_t>((keys[i] > ends.low ? 1 : 0) + (keys[i] > ends.high ? 1 : 0));
  block_bits bits{0, 0};
  for (std::size_t i = 0; i < 64; i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, places.data() + i, sizeof eight);
    bits.within |= (eight & ones) * collect >> 56 << i;
    bits.above |= (eight >> 1 & ones) * collect >> 56 << i;
  }
  return bits;
}

// Keeps what a cut keeps of a block of keys that starts at a column; counts its ties down.
template <class Key>
void keep_above(const key_block<Key>& keys, cut<Key>& limit, mask& kept, index_t row, index_t col) {
  auto [above, ties] = compare(keys, {limit.key - 1, limit.key});
  for (; ties != 0 && limit.ties > 0; ties &= ties - 1, --limit.ties) above |= ties & (~ties + 1);
  kept.set_run(row, col, above);
}

// The mask of what a cut keeps; `limit` can go on to the next tensor.
template <class Compute>
mask mask_above(const importance<Compute>& ranking, cut<order_key_t<Compute>>& limit) {
  mask kept(ranking.rows(), ranking.cols());
  for_each_block(ranking, [&](index_t row, index_t col, const auto& keys) { keep_above(keys, limit, kept, row, col); });
  return kept;
}

// A bracket of the cut that keeps `keep` of `size` weights, by one random weight of each of `samples` equal parts:
// four standard deviations around the sample's own cut.
template <class Compute>
bracket<order_key_t<Compute>> sample_bracket(const std::vector<importance<Compute>>& rankings, index_t size,
                                             index_t keep) {
  using key = order_key_t<Compute>;
  constexpr index_t samples = index_t{1} << 14;
  std::vector<key> keys;
  keys.reserve(samples);
  index_t first = 0;  // the number of the ranking's first weight
  auto ranking = rankings.begin();
  for (index_t i = 0; i < samples; ++i) {
    const std::uint64_t random = static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15u >> 32;
    const index_t at = i * (size / samples) + static_cast<index_t>(random % static_cast<std::uint64_t>(size / samples));
    for (; at - first >= ranking->size(); ++ranking) first += ranking->size();
    keys.push_back(order_key(ranking->at((at - first) / ranking->cols(), (at - first) % ranking->cols())));
  }
  const double share = static_cast<double>(keep) / static_cast<double>(size);
  const double center = share * static_cast<double>(samples);
  const double margin = 4 * std::sqrt(center * (1 - share)) + 4;
  const auto largest = [&keys](double position) {
    const auto nth = keys.begin() + static_cast<index_t>(position);
    std::nth_element(keys.begin(), nth, keys.end(), std::greater<>());
    return *nth;
  };
  bracket<key> result;
  if (center - margin >= 0) result.high = largest(center - margin);
  if (center + margin < static_cast<double>(samples)) result.low = largest(center + margin) - 1;
  return result;
}

// A weight between the ends of a bracket.
template <class Key>
struct open_weight {
  Key key;
  index_t row, col;
};

// The mask of what is above a bracket; lists what is within it. No more than `most` are listed.
template <class Compute>
mask mask_above(const importance<Compute>& ranking, const bracket<order_key_t<Compute>>& ends, std::size_t most,
                std::vector<open_weight<order_key_t<Compute>>>& open) {
  mask kept(ranking.rows(), ranking.cols());
  for_each_block(ranking, [&](index_t row, index_t col, const auto& keys) {
    if (open.size() >= most) return;
    auto [above, within] = compare(keys, ends);
    kept.set_run(row, col, above);
    for (; within != 0; within &= within - 1) {
      const int i = std::countr_zero(within);
      open.push_back({keys[static_cast<std::size_t>(i)], row, col + i});
    }
  });
  return kept;
}

// The masks of the `keep` most important weights by one pass over all of them: what is above a sampled bracket is kept,
// and only what is within it is ranked. Nothing if the sample misled, or if too many are within, all being equal.
template <class Compute>
std::vector<mask> masks_by_sample(const std::vector<importance<Compute>>& rankings, index_t size, index_t keep) {
  using key = order_key_t<Compute>;
  const bracket<key> ends = sample_bracket(rankings, size, keep);
  const std::size_t most = static_cast<std::size_t>(size / 16);
  std::vector<open_weight<key>> open;
  open.reserve(most);
  std::vector<std::size_t> open_end;
  std::vector<mask> masks;
  for (const auto& ranking : rankings) {
    masks.push_back(mask_above(ranking, ends, most, open));
    open_end.push_back(open.size());
    keep -= masks.back().count();
  }
  if (open.size() >= most || keep < 0 || keep > static_cast<index_t>(open.size())) return {};
  std::vector<key> keys;
  for (const auto& weight : open) keys.push_back(weight.key);
  cut<key> limit = select_largest_of(keys, keep);
  for (std::size_t i = 0, tensor = 0; i < open.size(); ++i) {
    while (i == open_end[tensor]) ++tensor;
    if (limit.keeps(open[i].key)) masks[tensor].set(open[i].row, open[i].col);
  }
  return masks;
}

// The masks of the `keep` most important weights by radix selection, in a pass for every 11 bits of the keys.
template <class Compute>
std::vector<mask> masks_by_radix(const std::vector<importance<Compute>>& rankings, index_t keep) {
  auto limit = select_largest<order_key_t<Compute>>(
      [&rankings](const auto& visit) {
        for (const auto& ranking : rankings)
          ranking.for_each_row([&visit](index_t, std::span<const Compute> values) {
            for (const Compute value : values) visit(order_key(value));
          });
      },
      keep);
  std::vector<mask> masks;
  for (const auto& ranking : rankings) masks.push_back(mask_above(ranking, limit));
  return masks;
}

// Below this a sample saves nothing.
inline constexpr index_t least_to_sample = index_t{1} << 18;

template <class Compute>
std::vector<mask> masks_of_largest(const std::vector<importance<Compute>>& rankings, index_t size, index_t keep) {
  std::vector<mask> masks;
  if (size >= least_to_sample) masks = masks_by_sample(rankings, size, keep);
  return masks.empty() ? masks_by_radix(rankings, keep) : masks;
}

}  // namespace pare::detail
