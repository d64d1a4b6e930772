// The decoder of everything in a coded file.
#pragma once

#include <cstring>

#include <pare/storage/rans.hpp>
#include <pare/storage/symbol_coder.hpp>

namespace pare::detail {

class symbol_decoder : public range_decoder {
 public:
  symbol_decoder(symbol_mode mode, std::span<const std::byte> bytes) : symbol_decoder(mode, bytes, cut(mode, bytes)) {}

  symbol_mode mode() const { return mode_; }
  void code_block(std::span<const std::uint32_t> frequencies, std::span<std::uint8_t> symbols) {
    blocks_.decode(frequencies, symbols);
  }

  void finish() const {
    range_decoder::finish();
    require<format_error>(blocks_.left() == 0, "has ", blocks_.left(), " bytes behind its end");
  }

 private:
  // Where the bytes of the range coder begin and end.
  struct part {
    std::size_t begin, end;
  };

  symbol_decoder(symbol_mode mode, std::span<const std::byte> bytes, part p)
      : range_decoder(bytes.subspan(p.begin, p.end - p.begin)), mode_(mode), blocks_(bytes.subspan(p.end)) {}

  static part cut(symbol_mode mode, std::span<const std::byte> bytes) {
    if (mode == symbol_mode::adaptive) return {0, bytes.size()};
    std::uint32_t size = 0;
    require<format_error>(bytes.size() >= sizeof size, "ends before the number of its parameters' bytes");
    std::memcpy(&size, bytes.data(), sizeof size);
    require<format_error>(size <= bytes.size() - sizeof size, "has ", size, " bytes of parameters, ",
                          bytes.size() - sizeof size, " are left");
    return {sizeof size, sizeof size + size};
  }

  symbol_mode mode_;
  rans_decoder blocks_;
};

}  // namespace pare::detail
