// Selection of the largest of n numbers in O(n): no sort, no copy, and the same choice on every machine.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>
#include <vector>

#include <pare/tensor/view.hpp>

namespace pare {

template <std::floating_point Value>
using order_key_t = std::conditional_t<sizeof(Value) == 4, std::uint32_t, std::uint64_t>;

// The bits of a number as an unsigned integer of the same order: a < b exactly when order_key(a) < order_key(b).
// Both zeros have one key; no number's key is zero. NaN has no place in the order.
template <std::floating_point Value>
constexpr order_key_t<Value> order_key(Value value) noexcept {
  using key = order_key_t<Value>;
  constexpr int sign_at = std::numeric_limits<key>::digits - 1;
  constexpr key sign = key{1} << sign_at;
  const key bits = std::bit_cast<key>(value);
  const key negative = key{0} - (bits >> sign_at);  // all bits set, or none
  return (((bits & ~sign) ^ negative) - negative) + sign;
}

// Where the kept end and the removed begin: keys above `key` are kept, and the first `ties` of those equal to it.
template <std::unsigned_integral Key>
struct cut {
  Key key;
  index_t ties;

  // Whether the next key is kept. To be asked once per key, in index order, so that the lowest indices win a tie.
  constexpr bool keeps(Key next) noexcept { return next > key || (next == key && ties-- > 0); }
};

// The cut that keeps exactly `keep` of the keys that for_each_key(visit) passes to visit(key), 0 <= keep <= their
// number. Radix selection, 11 bits a pass: 3 passes over 32-bit keys, 6 over 64-bit ones.
template <std::unsigned_integral Key, class ForEachKey>
cut<Key> select_largest(const ForEachKey& for_each_key, index_t keep) {
  constexpr int key_bits = std::numeric_limits<Key>::digits;
  constexpr int digit_bits = 11;
  if (keep == 0) return {std::numeric_limits<Key>::max(), 0};

  Key found = 0;  // the digits that are known, the others zero
  for (int shift = key_bits; shift > 0;) {
    const int width = std::min(digit_bits, shift);
    shift -= width;
    std::array<index_t, std::size_t{1} << digit_bits> histogram{};
    for_each_key([&](Key key) {
      const Key digit = (key ^ found) >> shift;  // has no more than `width` bits if the known digits agree
      if (digit >> width == 0) ++histogram[digit];
    });
    Key digit = (Key{1} << width) - 1;
    while (histogram[digit] < keep) keep -= histogram[digit--];
    found |= digit << shift;
  }
  return {found, keep};
}

// The same for keys at hand, which are lost: as long as they are many, a histogram of a digit tells which to look at.
template <std::unsigned_integral Key>
cut<Key> select_largest_of(std::vector<Key>& keys, index_t keep) {
  if (keep == 0) return {std::numeric_limits<Key>::max(), 0};
  constexpr std::size_t few = 1024;  // below that, a histogram costs more than it saves
  constexpr int digit_bits = 11;
  for (int shift = std::numeric_limits<Key>::digits - digit_bits; keys.size() > few && shift >= 0;
       shift -= digit_bits) {
    const auto digit_of = [shift](Key key) { return key >> shift & ((1 << digit_bits) - 1); };
    std::array<index_t, std::size_t{1} << digit_bits> histogram{};
    for (const Key key : keys) ++histogram[digit_of(key)];
    Key digit = (1 << digit_bits) - 1;
    while (histogram[digit] < keep) keep -= histogram[digit--];
    std::erase_if(keys, [&](Key key) { return digit_of(key) != digit; });
  }
  const auto last = keys.begin() + (keep - 1);
  std::nth_element(keys.begin(), last, keys.end(), std::greater<>());
  const Key found = *last;
  return {found, std::count(keys.begin(), last + 1, found)};
}

}  // namespace pare
