// The encoder of everything in a coded file, with the choices that are its own.
#pragma once

#include <pare/storage/plan_search.hpp>
#include <pare/storage/rans_encoder.hpp>
#include <pare/storage/symbol_coder.hpp>

namespace pare::detail {

class symbol_encoder : public range_encoder {
 public:
  explicit symbol_encoder(symbol_mode mode) : mode_(mode) {}

  symbol_mode mode() const { return mode_; }
  // What a block of these symbols is best coded with.
  std::vector<std::uint32_t> frequencies_of(std::span<const std::uint8_t> symbols, int bits) const {
    std::vector<std::uint64_t> counts(std::size_t{1} << bits);
    for (const std::uint8_t symbol : symbols) ++counts[symbol];
    return rans_frequencies(counts);
  }
  template <std::same_as<code_matrix> Matrix>
  matrix_plan plan_of(const Matrix& m) const {
    return choose_plan(m);
  }

  void code_block(std::span<const std::uint32_t> frequencies, std::span<const std::uint8_t> symbols) {
    rans_encode(symbols, frequencies, blocks_);
  }

  // With blocks: the number of bytes of the range coder, u32, then those, then the blocks.
  std::vector<std::byte> finish() && {
    std::vector<std::byte> bytes = static_cast<range_encoder&&>(*this).finish();
    if (mode_ == symbol_mode::adaptive) return bytes;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    require<value_error>(size == bytes.size(), "has ", bytes.size(), " bytes of parameters, at most 2^32 - 1 fit");
    const auto head = std::as_bytes(std::span(&size, 1));
    bytes.insert(bytes.begin(), head.begin(), head.end());
    bytes.insert(bytes.end(), blocks_.begin(), blocks_.end());
    return bytes;
  }

 private:
  symbol_mode mode_;
  std::vector<std::byte> blocks_;
};

}  // namespace pare::detail
