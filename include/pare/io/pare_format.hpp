// The fixed parts of a .pare file, to the bit: its header and one record per layer (docs/file-format.md).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include <pare/io/coding.hpp>
#include <pare/nn/network.hpp>

namespace pare::detail {

inline constexpr std::uint64_t file_block = 64;  // everything in a file starts at a multiple of this
constexpr std::uint64_t padded(std::uint64_t size) { return (size + file_block - 1) / file_block * file_block; }
inline constexpr std::uint16_t file_version = 1;
inline constexpr std::uint32_t max_file_layers = 1 << 14;

// What the headers of all codings begin with.
struct file_prefix {
  std::array<char, 4> magic{'P', 'A', 'R', 'E'};
  std::uint16_t version = file_version;
  pare::coding coding = coding::mapped;
};
static_assert(sizeof(file_prefix) == 8);

// Of a mapped file.
struct file_header {
  file_prefix prefix;
  std::uint64_t length = 0;    // of the whole file, a multiple of 64
  std::uint64_t checksum = 0;  // of the whole file, with zero in this field
  std::uint64_t inputs = 0;    // features that the network takes, at least 1
  std::uint32_t layers = 0;
  std::array<std::uint8_t, 28> zero{};
};
static_assert(sizeof(file_header) == file_block);

enum class layer_kind : std::uint8_t { linear = 1, activation = 2, normalization = 3, residual = 4 };

// Fields that a kind does not use are zero.
struct layer_record {
  layer_kind kind{};
  std::uint8_t type = 0;  // linear: encoding; activation: function; normalization: 0 RMS norm, 1 layer norm
  std::uint8_t bits = 0;  // linear, of a code; 32 for dense
  std::uint8_t scheme = 0;
  std::uint8_t codebook = 0;   // linear: 0 or 1
  std::uint8_t precision = 0;  // linear, of the inputs
  std::array<std::uint8_t, 2> zero{};
  std::uint64_t outputs = 0;       // linear
  std::uint64_t inputs = 0;        // linear, normalization: features
  std::uint64_t group_size = 0;    // linear
  std::uint64_t weight_bytes = 0;  // linear
  std::uint64_t from = 0;          // residual
  float parameter = 0;             // activation: alpha; normalization: epsilon
  std::array<std::uint8_t, 12> more_zero{};
};
static_assert(sizeof(layer_record) == file_block);

inline layer_record record_of(const linear& l) {
  const packed_format& format = l.weights().format();
  layer_record record{.kind = layer_kind::linear, .type = static_cast<std::uint8_t>(format.encoding)};
  record.bits = static_cast<std::uint8_t>(format.bits);
  record.scheme = static_cast<std::uint8_t>(format.scheme);
  record.codebook = format.codebook;
  record.precision = static_cast<std::uint8_t>(l.input_precision());
  record.outputs = static_cast<std::uint64_t>(l.outputs());
  record.inputs = static_cast<std::uint64_t>(l.inputs());
  record.group_size = static_cast<std::uint64_t>(format.group_size);
  record.weight_bytes = l.weights().bytes().size();
  return record;
}
inline layer_record record_of(const activation_layer& l) {
  return {.kind = layer_kind::activation, .type = static_cast<std::uint8_t>(l.function), .parameter = l.alpha};
}
inline layer_record record_of(const normalization& l) {
  return {.kind = layer_kind::normalization,
          .type = l.shift().empty() ? std::uint8_t{0} : std::uint8_t{1},
          .inputs = static_cast<std::uint64_t>(l.size()),
          .parameter = l.epsilon()};
}
inline layer_record record_of(const residual& l) { return {.kind = layer_kind::residual, .from = l.from}; }
inline layer_record record_of(const any_layer& l) {
  if (const auto* lin = std::get_if<linear>(&l)) return record_of(*lin);
  if (const auto* function = std::get_if<activation_layer>(&l)) return record_of(*function);
  if (const auto* norm = std::get_if<normalization>(&l)) return record_of(*norm);
  return record_of(std::get<residual>(l));
}

// What follows the records, in order: of every layer the parts below, then the recorded input and output.
inline std::vector<std::span<const std::byte>> payloads_of(const any_layer& l) {
  if (const auto* lin = std::get_if<linear>(&l)) return {lin->weights().bytes(), std::as_bytes(lin->bias())};
  const auto* norm = std::get_if<normalization>(&l);
  if (norm == nullptr) return {};
  if (norm->shift().empty()) return {std::as_bytes(norm->gain())};
  return {std::as_bytes(norm->gain()), std::as_bytes(norm->shift())};
}

// Throws format_error naming the first of 16 floats of a panel, as bits, that has all of the bits of its exponent set:
// that is not finite. The message is made apart from the check, which is a vector's work.
template <class Bits>
void require_finite_rows(const std::byte* floats, Bits exponent, std::string_view what, index_t first_row,
                         index_t col) {
  std::array<Bits, panel_rows> bits;
  std::memcpy(bits.data(), floats, sizeof bits);
  bool finite = true;
  for (const Bits b : bits) finite &= (b & exponent) != exponent;
  if (finite) return;
  index_t row = first_row;
  for (const Bits b : bits)
    require<format_error>((b & exponent) != exponent, what, "[", row++, ", ", col, "] is not finite");
}

// Throws format_error naming the first weight or scale that is not finite, padding included. One pass over dense
// weights, or over the scales of others.
inline void require_finite_weights(const packed_matrix& m) {
  constexpr std::uint32_t float_exponent = 0x7f800000u;
  constexpr std::uint16_t bfloat_exponent = 0x7f80u, half_exponent = 0x7c00u;
  const panel_layout& layout = m.layout();
  const bool dense = m.format().encoding == encoding::dense;
  const index_t cols = layout.steps * step_cols;
  for (index_t p = 0; p < layout.panels; ++p) {
    const std::byte* panel = m.panel(p);
    const index_t row = p * panel_rows;
    const index_t bytes = panel_rows * m.format().bits / 8;  // of a column
    for (index_t col = 0; dense && col < cols; ++col)
      if (m.format().bits == 32)
        require_finite_rows(panel + col * bytes, float_exponent, "weights", row, col);
      else
        require_finite_rows(panel + col * bytes, bfloat_exponent, "weights", row, col);
    if (dense) continue;
    for (index_t i = 0; i < unit_bytes_of(m.format()) / (panel_rows * 4); ++i)
      require_finite_rows(panel + i * panel_rows * 4, float_exponent, "unit", row, i);
    if (m.format().scheme == scheme::two_level) continue;
    for (index_t g = 0; g < layout.groups; ++g)
      require_finite_rows(panel + layout.parameters_at + g * layout.parameter_bytes, half_exponent, "scale", row, g);
  }
}

inline packed_format format_of(const layer_record& record) {
  return {static_cast<encoding>(record.type), record.bits, static_cast<scheme>(record.scheme), record.codebook != 0,
          static_cast<index_t>(record.group_size)};
}

// The layer of a record with its weights (of a linear layer), and its bias, or its gain and shift. Throws format_error
// for what no record may hold.
inline any_layer layer_of(const layer_record& record, packed_matrix weights, std::span<const float> first,
                          std::span<const float> second) {
  switch (record.kind) {
    case layer_kind::linear:
      require<format_error>(record.precision <= 1, "unknown precision ", record.precision);
      require_finite_weights(weights);
      return linear(std::move(weights), first, static_cast<precision>(record.precision));
    case layer_kind::activation:
      require<format_error>(record.type < activations.size(), "unknown activation ", record.type);
      return activation_layer(activations[record.type], record.parameter);
    case layer_kind::normalization:
      if (record.type == 0) return rms_norm(first, record.parameter);
      return layer_norm(first, second, record.parameter);
    case layer_kind::residual: return residual{static_cast<std::size_t>(record.from)};
  }
  throw format_error(text("unknown kind of layer ", static_cast<int>(record.kind)));
}

}  // namespace pare::detail
