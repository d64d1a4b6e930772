// The panel layout: where everything of a packed matrix lies. The same on every machine, so that a file can be mapped.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include <pare/quantize/options.hpp>
#include <pare/storage/planes.hpp>

namespace pare {

// How the weights of a packed matrix are stored.
enum class encoding {
  dense,        // floats of 32 bits, or of 16 (bfloat16: the upper half of those)
  codes,        // k-bit codes in planes
  bitmap,       // a 64-bit mask per step and k-bit codes of the nonzeros only: the smallest up to 92 to 94 % of zeros
  sparse,       // k-bit codes of the nonzeros only, with 6-bit positions in blocks of 64 columns: time for those alone
  very_sparse,  // the same with 8-bit positions in blocks of 256 columns: fewer steps, each of more work
};

constexpr std::string_view name(encoding e) {
  constexpr std::array<std::string_view, 5> names = {"dense", "codes", "bitmap", "sparse", "very_sparse"};
  return names[static_cast<std::size_t>(e)];
}

// Whether weights that are zero are left out, so that panels differ in size.
constexpr bool leaves_out_zeros(encoding e) { return e >= encoding::bitmap; }

// Whether nonzeros are listed with their positions.
constexpr bool lists_positions(encoding e) { return e >= encoding::sparse; }

// The format of a packed matrix: what a decoder must know besides the shape.
struct packed_format {
  pare::encoding encoding = encoding::codes;
  int bits = 8;                             // of a code; 32 or 16 for dense
  pare::scheme scheme = scheme::symmetric;  //
  bool codebook = false;                    // codes index levels; the scheme is symmetric then
  index_t group_size = 1;                   // columns that share scales

  friend bool operator==(const packed_format&, const packed_format&) = default;
};

namespace detail {

// Integer sums over one group stay exact in 32 bits up to this many columns: 2 · 255 · 127 · 32768 < 2^31.
inline constexpr index_t max_group = 32768;

// Steps of a block of the encodings that list positions, if its group does not end before, and bits of a position.
inline constexpr index_t least_block_steps = 16;
inline constexpr index_t most_block_steps = 64;
constexpr index_t block_steps_of(encoding e) {
  return e == encoding::very_sparse ? most_block_steps : least_block_steps;
}
constexpr int position_bits(encoding e) { return e == encoding::very_sparse ? 8 : 6; }

constexpr index_t round_up(index_t value, index_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Byte offsets within a packed matrix. In front lie, each padded to 64 bytes,
//   levels       256 bytes, level + 128 of each code          (codebooks)
//   panel_start  u64 [panels + 1], offset of each panel       (bitmap, sparse, very_sparse: panels differ in size)
// and then the panels, each of 16 rows (the last padded with zero rows), in which follow one another, padded likewise,
//   units        f32 [16], and with two_level another f32 [16] for the offsets
//   parameters   per group: f16 [16] scales | asymmetric: f16 [16] scales, u8 [16] zero points
//                         | two_level: u8 [16] scales, i8 [16] offsets
//   masks        u64 per step, bit row · 4 + column           (bitmap)
//   counts       u8 per block, its number of steps            (sparse, very_sparse)
//   values       f32 or bf16 [16] per column (dense), or the planes of the codes, a step at a time
// Where positions are listed the columns of a group are cut into blocks of 64 or 256. The nonzeros of a row in a block
// are listed from left to right, 4 to a step; the row with most gives the number of steps, and the others are filled up
// with zeros at position 0. Values are then, chunk after chunk of 8 steps, the positions in the block, and behind them
// the planes of the codes. A group is padded to whole steps of 4 columns. 1-bit codes stand for 0 and 2 around a center
// of 1, so that asymmetric zero points of theirs are stored doubled and units halved.
struct panel_layout {
  index_t panels = 0;
  index_t groups = 0;
  index_t group_steps = 0;  // steps of every group but the last
  index_t last_group_steps = 0;
  index_t steps = 0;            // of a panel, padding included
  index_t block_steps = 0;      // of every block but the last of a group
  index_t group_blocks = 0;     // blocks of every group but the last
  index_t blocks = 0;           // of a panel
  index_t parameter_bytes = 0;  // of one group
  index_t parameters_at = 0;    // from the start of a panel
  index_t index_at = 0;         // masks or counts
  index_t values_at = 0;
  index_t panel_bytes = 0;     // where zeros are left out: without the values
  index_t panel_start_at = 0;  // from the start of the matrix
  index_t panels_at = 0;

  // The step that holds a column, and its place in that step, 0 to 3.
  constexpr index_t step_of(index_t col, index_t group_size) const {
    return col / group_size * group_steps + col % group_size / step_cols;
  }
  constexpr index_t steps_in_group(index_t group) const { return group + 1 == groups ? last_group_steps : group_steps; }
  constexpr index_t blocks_in_group(index_t group) const {
    const index_t left = blocks - group * group_blocks;
    return left < group_blocks ? left : group_blocks;
  }
  // The first step, in the dense order, that a block covers, and how many.
  constexpr index_t block_step(index_t block) const {
    return block / group_blocks * group_steps + block % group_blocks * block_steps;
  }
  constexpr index_t steps_in_block(index_t block) const {
    const index_t group = block / group_blocks;
    const index_t group_end = group + 1 == groups ? steps : (group + 1) * group_steps;
    return std::min(block_steps, group_end - block_step(block));
  }
};

// The level that stands for zero where it is the same for all weights; levels of codebooks are stored with 128 added.
constexpr int zero_level(const packed_format& format) { return format.codebook ? 128 : 1 << (format.bits - 1); }

constexpr index_t parameter_bytes_of(const packed_format& format) {
  if (format.encoding == encoding::dense) return 0;
  return format.scheme == scheme::asymmetric ? 3 * panel_rows : 2 * panel_rows;
}

constexpr index_t unit_bytes_of(const packed_format& format) {
  if (format.encoding == encoding::dense) return 0;
  return (format.scheme == scheme::two_level ? 2 : 1) * panel_rows * 4;
}

// Bytes of the values of `steps` steps.
constexpr index_t value_bytes(const packed_format& format, index_t steps) {
  return format.encoding == encoding::dense ? steps * step_codes * format.bits / 8 : planes_bytes(format.bits, steps);
}

// Vectors of 64 codes that so many fill.
constexpr index_t steps_of(index_t codes) { return (codes + step_codes - 1) / step_codes; }

// Bytes of the values of a panel that leaves out zeros, in `steps` steps.
constexpr index_t listed_bytes(const packed_format& format, index_t steps) {
  const index_t positions =
      lists_positions(format.encoding) ? positions_bytes(position_bits(format.encoding), steps) : 0;
  return positions + planes_bytes(format.bits, steps);
}

// Where positions and codes of the chunk lie that a step of them belongs to, from the start of the values.
struct listed_chunk {
  index_t positions_at, codes_at;
  index_t steps;  // of the chunk
  index_t step;   // within the chunk

  constexpr listed_chunk(const packed_format& format, index_t panel_steps, index_t panel_step)
      : step(panel_step % chunk_steps) {
    const index_t first = panel_step - step;
    steps = std::min(chunk_steps, panel_steps - first);
    positions_at = listed_bytes(format, first);
    codes_at = positions_at + positions_bytes(position_bits(format.encoding), steps);
  }
};

constexpr panel_layout layout_of(index_t rows, index_t cols, const packed_format& format) {
  panel_layout layout;
  layout.block_steps = block_steps_of(format.encoding);
  layout.panels = (rows + panel_rows - 1) / panel_rows;
  layout.groups = (cols + format.group_size - 1) / format.group_size;
  layout.group_steps = (std::min(format.group_size, cols) + step_cols - 1) / step_cols;
  if (layout.groups > 0) {
    const index_t last_cols = cols - (layout.groups - 1) * format.group_size;
    layout.last_group_steps = (last_cols + step_cols - 1) / step_cols;
    layout.steps = (layout.groups - 1) * layout.group_steps + layout.last_group_steps;
    const auto blocks_of = [&](index_t steps) { return (steps + layout.block_steps - 1) / layout.block_steps; };
    layout.group_blocks = blocks_of(layout.group_steps);
    layout.blocks = (layout.groups - 1) * layout.group_blocks + blocks_of(layout.last_group_steps);
  }
  constexpr index_t line = 64;
  const bool indexed = leaves_out_zeros(format.encoding);
  const index_t index_bytes = format.encoding == encoding::bitmap ? layout.steps * 8
                              : lists_positions(format.encoding)  ? layout.blocks
                                                                  : 0;
  layout.parameter_bytes = parameter_bytes_of(format);
  layout.parameters_at = unit_bytes_of(format);
  layout.index_at = layout.parameters_at + round_up(layout.groups * layout.parameter_bytes, line);
  layout.values_at = layout.index_at + round_up(index_bytes, line);
  layout.panel_bytes = layout.values_at + (indexed ? 0 : value_bytes(format, layout.steps));
  layout.panel_start_at = format.codebook ? 256 : 0;
  layout.panels_at = layout.panel_start_at + (indexed ? round_up((layout.panels + 1) * 8, line) : 0);
  return layout;
}

}  // namespace detail
}  // namespace pare
