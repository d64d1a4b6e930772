// What a file records besides layers: an input with its output, and how much memory may be asked for.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include <pare/nn/network.hpp>
#include <pare/train/random.hpp>

namespace pare::detail {

// Whatever NaN comes out of a machine is recorded as the same one.
inline std::uint32_t result_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : bits;
}

// Numbers in [-1, 1).
inline std::vector<float> drawn_sample(index_t inputs) {
  std::vector<float> sample(static_cast<std::size_t>(inputs));
  random numbers(0);
  for (float& value : sample) value = numbers.unit() * 2 - 1;
  return sample;
}

inline std::vector<float> run_sample(const network& net, std::span<const float> input) {
  std::vector<float> output(static_cast<std::size_t>(net.outputs()));
  workspace room = net.workspace(1);
  net.run(input, std::span<float>(output), room);
  for (float& value : output) value = std::bit_cast<float>(result_bits(value));
  return output;
}

// Bytes per sample that a workspace holds for the residuals of a network. A file may ask for 64 times its length.
inline std::uint64_t residual_bytes(const network& net) {
  std::uint64_t total = 0;
  for (const any_layer& l : net.layers())
    if (const auto* skip = std::get_if<residual>(&l))
      total += static_cast<std::uint64_t>(net.width(skip->from)) * sizeof(float);
  return total;
}
template <class Error>
void require_modest_residuals(const network& net, std::uint64_t length) {
  require<Error>(residual_bytes(net) <= 64 * length, "has residuals that save ", residual_bytes(net),
                 " bytes per sample, a file of ", length, " bytes may have ", 64 * length);
}

}  // namespace pare::detail
