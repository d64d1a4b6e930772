// A layer in parts that can be coded: its record, and plain codes in place of packed weights.
#pragma once

#include <concepts>
#include <variant>
#include <vector>

#include <pare/io/pare_format.hpp>
#include <pare/storage/pack.hpp>
#include <pare/storage/unpack_codes.hpp>

namespace pare::detail {

struct layer_content {
  layer_record record;
  quantized_codes codes;       // of a linear layer whose weights are not dense
  std::vector<float> weights;  // [outputs, inputs] of one whose weights are
  std::vector<float> first;    // bias, or gain
  std::vector<float> second;   // shift

  bool is_dense() const { return record.type == static_cast<std::uint8_t>(encoding::dense); }
};

// The weights of a linear layer's content, packed. Throws value_error for what cannot be packed as its record says.
template <std::same_as<layer_content> Content>
packed_matrix pack_content(const Content& content) {
  const layer_record& record = content.record;
  if (!content.is_dense()) return pack(content.codes, static_cast<encoding>(record.type));
  const auto rows = static_cast<index_t>(record.outputs), cols = static_cast<index_t>(record.inputs);
  dense_packer packer(rows, cols, record.bits == 32 ? float_format::float32 : float_format::bfloat16);
  for (index_t row = 0; row < rows; ++row)
    packer.put_row(row, std::span(content.weights).subspan(static_cast<std::size_t>(row * cols), record.inputs));
  return std::move(packer).finish();
}

inline bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

// Throws value_error for packed weights that no `pack` has made, whose bytes would not come back.
template <std::same_as<any_layer> Layer>
layer_content content_of(const Layer& layer) {
  layer_content content{record_of(layer), {}, {}, {}, {}};
  if (const auto* norm = std::get_if<normalization>(&layer)) {
    content.first.assign(norm->gain().begin(), norm->gain().end());
    content.second.assign(norm->shift().begin(), norm->shift().end());
  }
  const auto* lin = std::get_if<linear>(&layer);
  if (lin == nullptr) return content;
  content.first.assign(lin->bias().begin(), lin->bias().end());
  const packed_matrix& weights = lin->weights();
  if (content.is_dense()) {
    content.weights.reserve(static_cast<std::size_t>(weights.rows() * weights.cols()));
    for (index_t row = 0; row < weights.rows(); ++row)
      for (index_t col = 0; col < weights.cols(); ++col) content.weights.push_back(unpack_float(weights, row, col));
  } else {
    content.codes = unpack_codes(weights);
  }
  const packed_matrix again = pack_content(content);
  require<value_error>(again.format() == weights.format() && same_bytes(again.bytes(), weights.bytes()),
                       "the packed weights are not as `pack` makes them: they can only be saved mapped");
  return content;
}

template <std::same_as<layer_content> Content>
any_layer layer_of(const Content& content) {
  packed_matrix weights;
  if (content.record.kind == layer_kind::linear) weights = pack_content(content);
  return layer_of(content.record, std::move(weights), content.first, content.second);
}

}  // namespace pare::detail
