// Writing of coded files.
#pragma once

#include <concepts>
#include <limits>
#include <vector>

#include <pare/io/coded_file.hpp>
#include <pare/io/pare_sample.hpp>
#include <pare/storage/symbol_encoder.hpp>

namespace pare::detail {

// The bytes of a coded file. `input` is empty where the sample is drawn; `output` is its output_hash. Throws
// value_error for what a file of this size may not hold, naming the layer where it is that of one.
template <std::same_as<network> Network>
std::vector<std::byte> encode_network(const Network& net, coding how, std::span<const float> input,
                                      std::uint32_t output) {
  constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();
  symbol_encoder encoder(symbol_mode_of(how));
  layer_coder coder(encoder, any);
  auto inputs = static_cast<std::uint64_t>(net.inputs());
  std::uint64_t layers = net.layers().size();
  coder.code_head(inputs, layers);
  for (std::size_t i = 0; i < net.layers().size(); ++i) {
    try {
      layer_content content = content_of(net.layers()[i]);
      coder.code_layer(content, net.width(i));
    } catch (const value_error& reason) {
      throw value_error(text("layer ", i, ": ", reason.what()));
    }
  }
  std::vector<float> sample(input.begin(), input.end());
  coder.code_sample(sample, net.inputs(), output);

  std::vector<std::byte> file = std::move(encoder).finish();
  coded_header header{{.coding = how}, 0};
  header.checksum = checksum_of(header, file);
  const auto head = std::as_bytes(std::span(&header, 1));
  file.insert(file.begin(), head.begin(), head.end());
  require<value_error>(any - coder.left() <= most_coded(file.size()), "has weights and features that count for ",
                       any - coder.left(), ", a coded file of ", file.size(), " bytes may have ",
                       most_coded(file.size()));
  require_modest_residuals<value_error>(net, file.size());
  return file;
}

}  // namespace pare::detail
