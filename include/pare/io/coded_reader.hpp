// Reading of coded files.
#pragma once

#include <concepts>
#include <cstring>
#include <vector>

#include <pare/io/coded_file.hpp>
#include <pare/io/pare_sample.hpp>
#include <pare/storage/symbol_decoder.hpp>

namespace pare::detail {

struct decoded_file {
  network net;
  std::vector<float> input;  // of the recorded sample; empty if it is drawn
  std::uint32_t output;      // output_hash
};

// A whole file of coding small or fast, whose prefix was checked. Throws format_error. A template so that it is
// compiled only where it is used.
template <std::same_as<std::byte> Byte>
decoded_file decode_file(std::span<const Byte> bytes) {
  coded_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  const auto coded = bytes.subspan(sizeof header);
  const std::uint32_t sum = checksum_of(header, coded);
  require<format_error>(sum == header.checksum, "is damaged: its checksum is ", header.checksum, ", its bytes have ",
                        sum);
  symbol_decoder decoder(symbol_mode_of(header.prefix.coding), coded);
  layer_coder coder(decoder, most_coded(bytes.size()));
  std::uint64_t inputs = 0, layers = 0;
  coder.code_head(inputs, layers);
  decoded_file file{network(static_cast<index_t>(inputs)), {}, 0};
  for (std::uint64_t i = 0; i < layers; ++i) {
    try {
      layer_content content;
      coder.code_layer(content, file.net.outputs());
      file.net.add(layer_of(content));
    } catch (const error& reason) {
      throw format_error(text("layer ", i, ": ", reason.what()));
    }
  }
  coder.code_sample(file.input, file.net.inputs(), file.output);
  decoder.finish();
  require_modest_residuals<format_error>(file.net, bytes.size());
  return file;
}

}  // namespace pare::detail
