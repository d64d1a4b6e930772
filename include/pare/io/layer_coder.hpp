// The content of a coded file, layer by layer, through an encoder or a decoder: one description for both.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <pare/io/layer_content.hpp>
#include <pare/storage/float_coder.hpp>
#include <pare/storage/matrix_coder.hpp>

namespace pare::detail {

// Bytes, one flag for all if they are equal.
template <class Coder>
void code_bytes(Coder& coder, std::span<std::uint8_t> bytes) {
  const bool equal = std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t byte) { return byte == bytes[0]; });
  if (coder.code_flat(equal, 1) == 0) return code_symbols(coder, bytes, 8);
  const auto value = coder.code_flat(bytes.empty() ? 0 : bytes[0], 8);
  std::fill(bytes.begin(), bytes.end(), static_cast<std::uint8_t>(value));
}

// The lowest `count` bytes of numbers: of all the first, then the next. Higher bytes are zero when they are decoded.
template <class Coder>
void code_low_bytes(Coder& coder, std::vector<std::uint32_t>& numbers, int count) {
  std::vector<std::uint8_t> bytes(numbers.size());
  if constexpr (Coder::decodes) std::fill(numbers.begin(), numbers.end(), 0u);
  for (int shift = 0; shift < 8 * count; shift += 8) {
    if constexpr (!Coder::decodes)
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(numbers[i] >> shift);
    code_bytes(coder, bytes);
    if constexpr (Coder::decodes)
      for (std::size_t i = 0; i < bytes.size(); ++i) numbers[i] |= std::uint32_t{bytes[i]} << shift;
  }
}

// A coded file of `size` bytes may hold this much: so a hostile one costs memory and time in proportion to its size.
// What counts is cells of matrices, the bytes of their packed form, and 64 for a layer, a row, a column or a feature.
constexpr std::uint64_t most_coded(std::uint64_t size) { return 4096 * size + (1 << 20); }

template <class Coder>
class layer_coder {
 public:
  // Throws format_error once more than `most` is coded.
  explicit layer_coder(Coder& coder, std::uint64_t most) : coder_(coder), left_(most) {}

  std::uint64_t left() const { return left_; }

  // Features that a network takes, and layers.
  void code_head(std::uint64_t& inputs, std::uint64_t& layers) {
    code_number(size_, inputs);
    code_number(size_, layers);
    require<format_error>(inputs >= 1, "has no inputs");
    require<format_error>(layers <= max_file_layers, "has ", layers, " layers, at most ", max_file_layers,
                          " are possible");
    spend(64, inputs);
  }

  // A layer that takes `width` features.
  void code_layer(layer_content& content, index_t width) {
    layer_record& record = content.record;
    record.kind = static_cast<layer_kind>(code_choice(kind_, static_cast<std::uint32_t>(record.kind) - 1) + 1);
    spend(64, 1);
    switch (record.kind) {
      case layer_kind::linear: return code_linear(content, static_cast<std::uint64_t>(width));
      case layer_kind::activation: return code_activation(record);
      case layer_kind::normalization: return code_normalization(content, static_cast<std::uint64_t>(width));
      case layer_kind::residual: return code_number(from_, record.from);
    }
  }

  // The recorded sample: its input unless that is drawn, and 32 bits of its output's checksum.
  void code_sample(std::vector<float>& input, index_t inputs, std::uint32_t& output) {
    const bool given = coder_.code_flat(!input.empty(), 1) != 0;
    input.resize(given ? static_cast<std::size_t>(inputs) : 0);
    if (given) code_floats(coder_, input);
    output = coder_.code_flat(output, 32);
  }

 private:
  void spend(std::uint64_t each, std::uint64_t count) {
    require<format_error>(count <= left_ / each, "holds more than a file of its size may");
    left_ -= each * count;
  }

  template <class Number>
  void code_number(number_model& model, Number& number) {
    number = static_cast<Number>(model.code(coder_, static_cast<std::uint32_t>(number)));
  }
  template <class Number>
  void code_choice(code_model& model, Number& number) {
    number = static_cast<Number>(code_choice(model, static_cast<std::uint32_t>(number)));
  }
  [[gnu::noinline]] std::uint32_t code_choice(code_model& model, std::uint32_t&& value) {
    return model.code(coder_, value);
  }
  [[gnu::noinline]] bool code_flag(adaptive_bit& model, bool flag) { return model.code(coder_, flag); }

  void code_activation(layer_record& record) {
    code_choice(function_, record.type);
    require<format_error>(record.type < activations.size(), "unknown activation ", record.type);
    code_parameter(record.parameter, default_alpha(activations[record.type]));
  }

  void code_normalization(layer_content& content, std::uint64_t width) {
    layer_record& record = content.record;
    code_choice(shift_, record.type);
    code_parameter(record.parameter, 1e-5f);
    record.inputs = width;
    spend(64, width);
    content.first.resize(width);
    content.second.resize(record.type == 0 ? 0 : width);
    code_floats(coder_, content.first);
    if (record.type != 0) code_floats(coder_, content.second);
  }

  void code_parameter(float& value, float usual) {
    const bool is_usual = std::bit_cast<std::uint32_t>(value) == std::bit_cast<std::uint32_t>(usual);
    if (code_flag(usual_, is_usual))
      value = usual;
    else
      code_float(coder_, value);
  }

  void code_linear(layer_content& content, std::uint64_t width) {
    layer_record& record = content.record;
    record.inputs = width;
    code_format(record);
    spend_matrix(record);
    if (content.is_dense())
      code_dense(content);
    else
      code_quantized(content);
    content.first.resize(record.outputs);
    code_floats(coder_, content.first);
  }

  void code_format(layer_record& record) {
    code_choice(encoding_, record.type);
    require<format_error>(record.type <= static_cast<int>(encoding::very_sparse), "unknown encoding ", record.type);
    const bool dense = record.type == static_cast<int>(encoding::dense);
    if (dense) {
      record.bits = code_flag(wide_, record.bits == 32) ? 32 : 16;
      record.group_size = record.inputs;
    } else {
      record.bits = static_cast<std::uint8_t>(code_choice(bits_, record.bits - 1u) + 1);
      code_choice(scheme_, record.scheme);
      require<format_error>(record.scheme <= static_cast<int>(scheme::two_level), "unknown scheme ", record.scheme);
      record.codebook = code_flag(codebook_, record.codebook != 0);
      if (code_flag(whole_row_, record.group_size == record.inputs))
        record.group_size = record.inputs;
      else
        code_number(group_, record.group_size);
      require<format_error>(record.group_size >= 1 && record.group_size <= max_group, "group_size is ",
                            record.group_size, ", must be 1 to ", max_group);
    }
    record.precision = code_flag(precision_, record.precision != 0);
    code_number(size_, record.outputs);
    require<format_error>(record.outputs >= 1, "the matrix has no rows");
  }

  void spend_matrix(const layer_record& record) {
    spend(64, record.outputs + record.inputs);
    spend(record.outputs, record.inputs);
    const panel_layout layout =
        layout_of(static_cast<index_t>(record.outputs), static_cast<index_t>(record.inputs), format_of(record));
    spend(static_cast<std::uint64_t>(layout.panels), static_cast<std::uint64_t>(layout.panel_bytes));
  }

  void code_dense(layer_content& content) {
    const layer_record& record = content.record;
    content.weights.resize(record.outputs * record.inputs);
    if (coder_.mode() == symbol_mode::adaptive) return code_any_floats(coder_, content.weights, record.bits);
    const int shift = 32 - record.bits;
    std::vector<std::uint32_t> bits(content.weights.size());
    for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = std::bit_cast<std::uint32_t>(content.weights[i]) >> shift;
    code_low_bytes(coder_, bits, record.bits / 8);
    for (std::size_t i = 0; i < bits.size(); ++i) content.weights[i] = std::bit_cast<float>(bits[i] << shift);
  }

  void code_quantized(layer_content& content) {
    quantized_codes& q = content.codes;
    if constexpr (Coder::decodes) prepare(q, content.record);
    if (!q.levels.empty()) code_small_numbers(q.levels, 1, 0);
    code_floats(coder_, q.unit);
    if (!q.offset_unit.empty()) code_floats(coder_, q.offset_unit);
    const bool two_level = q.scheme == scheme::two_level;
    code_small_numbers(q.scale, two_level ? 1 : 2, 0);
    if (!q.offset.empty()) code_small_numbers(q.offset, 1, two_level ? -128 : 0);
    const packed_format format = format_of(content.record);
    const int zero = code_steps(q, format, layout_of(q.rows, q.cols, format)).zero_code();
    code_matrix_codes(coder_, code_matrix{q.rows, q.cols, q.bits, zero, q.codes});
  }

  // By so many bytes each, as what they are above the least.
  template <class Number>
  void code_small_numbers(std::vector<Number>& numbers, int bytes, int least) {
    std::vector<std::uint32_t> all(numbers.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint32_t>(numbers[i] - least);
    code_low_bytes(coder_, all, bytes);
    for (std::size_t i = 0; i < all.size(); ++i) numbers[i] = static_cast<Number>(static_cast<int>(all[i]) + least);
  }

  static void prepare(quantized_codes& q, const layer_record& record) {
    const packed_format format = format_of(record);
    q.rows = static_cast<index_t>(record.outputs);
    q.cols = static_cast<index_t>(record.inputs);
    q.bits = format.bits;
    q.scheme = format.scheme;
    q.group_size = format.group_size;
    const auto groups = static_cast<std::size_t>(q.rows * q.groups());
    q.levels.resize(format.codebook ? std::size_t{1} << q.bits : 0);
    q.codes.resize(static_cast<std::size_t>(q.rows * q.cols));
    q.unit.resize(record.outputs);
    q.offset_unit.resize(format.scheme == scheme::two_level ? record.outputs : 0);
    q.scale.resize(groups);
    q.offset.resize(format.scheme == scheme::symmetric ? 0 : groups);
  }

  Coder& coder_;
  std::uint64_t left_;
  number_model size_, from_, group_;
  code_model kind_{2}, function_{4}, shift_{1}, encoding_{3}, bits_{3}, scheme_{2};
  adaptive_bit usual_, wide_, codebook_, whole_row_, precision_;
};

}  // namespace pare::detail
