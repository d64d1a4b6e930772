// Long arrays of small numbers: bit by bit through the range coder, or as blocks of rANS symbols beside it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <pare/storage/number_model.hpp>

namespace pare::detail {

// Small files adapt to every symbol. Fast ones have blocks of symbols with static frequencies, whose bytes follow those
// of the range coder.
enum class symbol_mode { adaptive, blocks };

// Fewer symbols than this are not worth a block of their own.
inline constexpr std::size_t least_block = 1024;

// Symbols of `bits` bits, 1 to 8.
template <class Coder>
void code_symbols(Coder& coder, std::span<std::uint8_t> symbols, int bits) {
  if (coder.mode() == symbol_mode::adaptive || symbols.size() < least_block) {
    code_model model(bits);
    for (std::uint8_t& symbol : symbols) symbol = static_cast<std::uint8_t>(model.code(coder, symbol));
    return;
  }
  std::vector<std::uint32_t> frequencies(std::size_t{1} << bits);
  if constexpr (!Coder::decodes) frequencies = coder.frequencies_of(symbols, bits);
  number_model model;
  for (std::uint32_t& frequency : frequencies) frequency = model.code(coder, frequency);
  coder.code_block(frequencies, symbols);
}

}  // namespace pare::detail
