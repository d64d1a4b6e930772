// pack_smallest: weights in the encoding that takes the fewest bytes in memory.
#pragma once

#include <pare/nn/quantize.hpp>
#include <pare/storage/pack.hpp>
#include <pare/storage/unpack_codes.hpp>

namespace pare {

// The same codes in the encoding of the fewest bytes; dense floats stay as they are. Outputs have the same bits.
template <std::same_as<packed_matrix> Packed>
packed_matrix pack_smallest(const Packed& w) {
  Packed best = w;
  if (w.format().encoding == encoding::dense) return best;
  const quantized_codes q = unpack_codes(w);
  for (const encoding as : {encoding::codes, encoding::bitmap, encoding::sparse, encoding::very_sparse}) {
    if (!detail::can_pack(q, as)) continue;
    Packed other = pack(q, as);
    if (other.bytes().size() < best.bytes().size()) best = std::move(other);
  }
  return best;
}

// All linear layers of a network so.
template <std::same_as<network> Network>
network pack_smallest(const Network& net) {
  return replace_linear(net, [](std::size_t, const linear& l) {
    return linear(pack_smallest(l.weights()), l.bias(), l.input_precision());
  });
}

}  // namespace pare
