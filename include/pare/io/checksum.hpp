// The checksum of .pare files: as fast as memory is read, and any change within one 8-byte word is always noticed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace pare::detail {

// Against accidents, not against forgery. The bytes are cut into blocks of 8 little-endian words, the last padded with
// zeros. With k = 0x9e3779b97f4a7c15 (2^64 / golden ratio) and mix(h, w) = t xor (t >> 32), t = (h xor w) · k mod 2^64,
//   lane i starts as (i + 1) k and takes word i of every block: lane_i = mix(lane_i, word)
//   the checksum is h = the number of blocks, then h = mix(h, lane_i) for i = 0 .. 7
// Eight lanes, since one multiplication takes longer than reading a word.
class checksum {
 public:
  // Adds whole blocks; the last is padded with zeros.
  void add(std::span<const std::byte> bytes) noexcept {
    for (; bytes.size() >= block_bytes; bytes = bytes.subspan(block_bytes)) add_block(bytes.data());
    if (bytes.empty()) return;
    std::array<std::byte, block_bytes> last{};
    std::memcpy(last.data(), bytes.data(), bytes.size());
    add_block(last.data());
  }

  std::uint64_t value() const noexcept {
    std::uint64_t h = blocks_;
    for (const std::uint64_t lane : lanes_) h = mix(h, lane);
    return h;
  }

 private:
  static constexpr std::size_t block_bytes = 64;
  static constexpr std::uint64_t k = 0x9e3779b97f4a7c15u;

  static constexpr std::uint64_t mix(std::uint64_t h, std::uint64_t word) noexcept {
    const std::uint64_t t = (h ^ word) * k;
    return t ^ (t >> 32);
  }

  void add_block(const std::byte* block) noexcept {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      std::uint64_t word;
      std::memcpy(&word, block + i * sizeof word, sizeof word);
      lanes_[i] = mix(lanes_[i], word);
    }
    ++blocks_;
  }

  std::array<std::uint64_t, 8> lanes_{k, 2 * k, 3 * k, 4 * k, 5 * k, 6 * k, 7 * k, 8 * k};
  std::uint64_t blocks_ = 0;
};

}  // namespace pare::detail
