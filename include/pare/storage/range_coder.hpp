// A binary range coder: bits of given probabilities into bytes, within a fraction of a byte of their information.
// Martin 1979, "Range encoding: an algorithm for removing redundancy from a digitised message"; a carry goes back into
// the bytes that are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <pare/tensor/error.hpp>

namespace pare::detail {

// A probability in units of 2^-16, 1 to 65535.
using probability = std::uint32_t;
inline constexpr int probability_bits = 16;

// Both coders have the same functions, so that one description of a format serves for writing and for reading:
//   code(bit, one)         a bit that is 1 with probability `one`
//   code_random(bit, one)  the same in the same bytes, faster where the bit is hard to foresee and else slower
//   code_flat(value, n)    n bits, 0 to 32, any of which is as likely as its opposite
// An encoder writes what it is given and returns it; a decoder returns what was written and ignores its argument.
class range_encoder {
 public:
  static constexpr bool decodes = false;

  bool code(bool bit, probability one) {
    const auto ones = static_cast<std::uint32_t>(std::uint64_t{range_} * one >> probability_bits);
    if (bit)
      range_ = ones;
    else
      add(ones), range_ -= ones;
    normalize();
    return bit;
  }

  bool code_random(bool bit, probability one) { return code(bit, one); }

  std::uint32_t code_flat(std::uint32_t value, int bits) {
    for (; bits > 8; bits -= 8) code_byte(value >> (bits - 8) & 0xff, 8);
    code_byte(value & ((1u << bits) - 1), bits);
    return value;
  }

  // The bytes of everything that was coded. The coder may not be used any more.
  std::vector<std::byte> finish() && {
    add(0xffffff);  // a number in the range whose lower 24 bits need not be written
    bytes_.push_back(static_cast<std::byte>(low_ >> 24));
    return std::move(bytes_);
  }

 private:
  void code_byte(std::uint32_t value, int bits) {
    range_ >>= bits;
    add(value * range_);
    normalize();
  }
  void add(std::uint32_t value) {
    low_ += value;
    if (low_ >= value) return;
    for (std::size_t i = bytes_.size(); i-- > 0;)  // the number as a whole stays below 1
      if ((bytes_[i] = static_cast<std::byte>(std::to_integer<int>(bytes_[i]) + 1)) != std::byte{0}) break;
  }
  void normalize() {
    for (; range_ < 1u << 24; range_ <<= 8, low_ <<= 8) bytes_.push_back(static_cast<std::byte>(low_ >> 24));
  }

  std::uint32_t low_ = 0;
  std::uint32_t range_ = ~std::uint32_t{0};
  std::vector<std::byte> bytes_;
};

class range_decoder {
 public:
  static constexpr bool decodes = true;

  explicit range_decoder(std::span<const std::byte> bytes) : bytes_(bytes) {
    for (int i = 0; i < 4; ++i) ahead_ = ahead_ << 8 | next();
  }

  // Throws format_error, as all functions do, where the bytes have come to an end.
  bool code(bool, probability one) {
    const auto ones = static_cast<std::uint32_t>(std::uint64_t{range_} * one >> probability_bits);
    const bool bit = ahead_ < ones;
    ahead_ -= bit ? 0 : ones;
    range_ = bit ? ones : range_ - ones;
    normalize();
    return bit;
  }

  // By masks: a branch on the bit would be taken wrongly every other time.
  bool code_random(bool, probability one) {
    const auto ones = static_cast<std::uint32_t>(std::uint64_t{range_} * one >> probability_bits);
    const std::uint32_t zero = static_cast<std::uint32_t>(ahead_ < ones) - 1;  // all bits where the bit is 0
    ahead_ -= ones & zero;
    range_ = ((range_ - ones) & zero) | (ones & ~zero);
    normalize();
    return zero == 0;
  }

  [[gnu::noinline]] std::uint32_t code_flat(std::uint32_t, int bits) {
    std::uint32_t value = 0;
    for (; bits > 8; bits -= 8) value = value << 8 | code_byte(8);
    return value << bits | code_byte(bits);
  }

  // Throws format_error unless all bytes were needed and no more. What an encoder leaves out are three bytes.
  void finish() const {
    require<format_error>(at_ == bytes_.size() + ahead_bytes, "has ", bytes_.size(), " coded bytes, of which ",
                          at_ < ahead_bytes ? 0 : at_ - ahead_bytes, " are needed");
  }

 private:
  static constexpr std::size_t ahead_bytes = 3;

  std::uint32_t code_byte(int bits) {
    range_ >>= bits;
    const std::uint32_t last = (1u << bits) - 1;
    const std::uint32_t value = ahead_ / range_ < last ? ahead_ / range_ : last;
    ahead_ -= value * range_;
    normalize();
    return value;
  }
  void normalize() {
    for (; range_ < 1u << 24; range_ <<= 8) ahead_ = ahead_ << 8 | next();
  }
  std::uint32_t next() {
    const std::size_t at = at_++;
    if (at < bytes_.size()) return std::to_integer<std::uint32_t>(bytes_[at]);
    require<format_error>(at < bytes_.size() + ahead_bytes, "ends within what is coded");
    return 0;
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
  std::uint32_t range_ = ~std::uint32_t{0};
  std::uint32_t ahead_ = 0;  // the number that the bytes are, less the lower end of the range
};

}  // namespace pare::detail
