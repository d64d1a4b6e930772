// packed_matrix: a weight matrix in the panel layout, in whichever format, ready to be multiplied with.
#pragma once

#include <array>
#include <bit>
#include <cstring>

#include <pare/quantize/half.hpp>
#include <pare/storage/buffer.hpp>
#include <pare/storage/panel.hpp>
#include <pare/tensor/matrix_view.hpp>

namespace pare {

static_assert(std::endian::native == std::endian::little, "packed matrices are little-endian in memory");

// Immutable; copies share the bytes. Weights are [rows, cols] = [outputs, inputs].
class packed_matrix {
 public:
  packed_matrix() = default;

  // A matrix over bytes that already are in the panel layout, for instance of a mapped file. Throws format_error unless
  // they are: the size fits; where zeros are left out every panel's offset and number of codes does; and where
  // positions are listed those of a row lie in their block and rise, which costs one pass over them. Which code or
  // scale each byte holds cannot be wrong.
  packed_matrix(index_t rows, index_t cols, const packed_format& format, buffer bytes)
      : rows_(rows), cols_(cols), format_(format), bytes_(std::move(bytes)) {
    check_format();
    layout_ = detail::layout_of(rows, cols, format);
    check_bytes();
  }

  index_t rows() const noexcept { return rows_; }
  index_t cols() const noexcept { return cols_; }
  const packed_format& format() const noexcept { return format_; }
  const detail::panel_layout& layout() const noexcept { return layout_; }

  // Everything that a multiply reads: codes, scales, masks, padding.
  std::span<const std::byte> bytes() const noexcept { return bytes_.bytes(); }

  // Codes that are stored: one for every weight, or for the nonzeros with a bitmap. Where positions are listed the
  // codes that fill up steps count too.
  index_t stored_weights() const noexcept { return leaves_out_zeros(format_.encoding) ? stored_ : rows_ * cols_; }

  // The first byte of a panel.
  const std::byte* panel(index_t index) const noexcept {
    return bytes_.data() +
           (leaves_out_zeros(format_.encoding) ? panel_start(index) : layout_.panels_at + index * layout_.panel_bytes);
  }

  // Levels + 128 of the codes [256], with a codebook.
  const std::uint8_t* levels() const noexcept { return reinterpret_cast<const std::uint8_t*>(bytes_.data()); }

  // Codes of a panel that leaves out zeros.
  index_t panel_codes(index_t index) const noexcept {
    const std::byte* masks_or_counts = panel(index) + layout_.index_at;
    index_t count = 0;
    if (format_.encoding == encoding::bitmap)
      for (index_t step = 0; step < layout_.steps; ++step)
        count += std::popcount(read<std::uint64_t>(masks_or_counts + step * 8));
    else
      for (index_t block = 0; block < layout_.blocks; ++block)
        count += std::to_integer<index_t>(masks_or_counts[block]) * detail::step_codes;
    return count;
  }

  template <class T>
  static T read(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }

 private:
  index_t panel_start(index_t index) const noexcept {
    return static_cast<index_t>(read<std::uint64_t>(bytes_.data() + layout_.panel_start_at + index * 8));
  }

  void check_format() const {
    using detail::require;
    constexpr index_t most = index_t{1} << 31;
    const packed_format& f = format_;
    require<format_error>(rows_ >= 0 && rows_ <= most && cols_ >= 0 && cols_ <= most, "the matrix is ", rows_, " x ",
                          cols_, ", each must be 0 to 2^31");
    require<format_error>(f.encoding >= encoding::dense && f.encoding <= encoding::very_sparse, "unknown encoding ",
                          static_cast<int>(f.encoding));
    require<format_error>(f.scheme >= scheme::symmetric && f.scheme <= scheme::two_level, "unknown scheme ",
                          static_cast<int>(f.scheme));
    const bool dense = f.encoding == encoding::dense;
    require<format_error>(dense ? f.bits == 32 || f.bits == 16 : f.bits >= 1 && f.bits <= 8, "bits is ", f.bits,
                          ", must be ", dense ? "32 or 16 for dense weights" : "1 to 8");
    const index_t least_group = dense ? std::max<index_t>(1, cols_) : 1;
    const index_t most_group = dense ? least_group : detail::max_group;
    require<format_error>(f.group_size >= least_group && f.group_size <= most_group, "group_size is ", f.group_size,
                          ", must be ", least_group, " to ", most_group);
    require<format_error>(f.scheme == scheme::symmetric || (!f.codebook && f.encoding == encoding::codes),
                          "a codebook, encodings that leave out zeros and dense weights have the symmetric scheme");
    require<format_error>(!dense || !f.codebook, "dense weights have no codebook");
    require<format_error>(!leaves_out_zeros(f.encoding) || f.codebook || f.bits > 1,
                          "bits is 1, must be at least 2 to leave out zeros: 1-bit codes have none");
  }

  void check_bytes() {
    using detail::require;
    const index_t size = static_cast<index_t>(bytes_.size());
    require<format_error>(reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignof(float) == 0,
                          "the matrix is not aligned to ", alignof(float), " bytes");
    if (!leaves_out_zeros(format_.encoding)) {
      const bool fits = layout_.panels == 0 || layout_.panel_bytes <= (size - layout_.panels_at) / layout_.panels;
      require<format_error>(fits && size == layout_.panels_at + layout_.panels * layout_.panel_bytes, "the matrix has ",
                            size, " bytes, its shape asks for another number");
      return;
    }
    require<format_error>(layout_.panels_at <= size, "the matrix has ", size, " bytes, its index alone needs ",
                          layout_.panels_at);
    index_t at = layout_.panels_at;
    for (index_t p = 0; p < layout_.panels; ++p) {
      require<format_error>(panel_start(p) == at && layout_.panel_bytes <= size - at, "panel ", p, " starts at ",
                            panel_start(p), ", must be at ", at, " with ", layout_.panel_bytes, " of ", size, " bytes");
      check_counts(p);
      const index_t codes = panel_codes(p);
      stored_ += codes;
      at += layout_.panel_bytes + detail::listed_bytes(format_, detail::steps_of(codes));
      if (lists_positions(format_.encoding) && at <= size) check_positions(p, detail::steps_of(codes));
    }
    require<format_error>(panel_start(layout_.panels) == at && size == at, "the matrix has ", size,
                          " bytes, its masks or counts ask for ", at);
  }

  // A block has at most the steps that it would have if none of its weights were zero.
  void check_counts(index_t panel_index) const {
    if (!lists_positions(format_.encoding)) return;
    const std::byte* counts = panel(panel_index) + layout_.index_at;
    for (index_t block = 0; block < layout_.blocks; ++block)
      detail::require<format_error>(std::to_integer<index_t>(counts[block]) <= layout_.steps_in_block(block), "panel ",
                                    panel_index, " has ", std::to_integer<int>(counts[block]), " steps in block ",
                                    block, ", must be at most ", layout_.steps_in_block(block));
  }

  bool is_zero(std::uint8_t code) const {
    return format_.codebook ? levels()[code] == 128 : code == 1 << (format_.bits - 1);
  }

  void check_positions(index_t panel_index, index_t steps) const {
    using namespace detail;
    const std::byte* counts = panel(panel_index) + layout_.index_at;
    const std::byte* values = panel(panel_index) + layout_.values_at;
    const positions_of bits{position_bits(format_.encoding)};
    index_t step = 0;
    for (index_t block = 0; block < layout_.blocks; ++block) {
      std::array<index_t, panel_rows> least{};  // that the next position of a row may be
      const index_t block_cols = layout_.steps_in_block(block) * step_cols;
      for (index_t left = std::to_integer<index_t>(counts[block]); left > 0; --left, ++step) {
        const listed_chunk chunk(format_, steps, step);
        const auto position = read_step(values + chunk.positions_at, bits, chunk.steps, chunk.step);
        const auto code = read_step(values + chunk.codes_at, format_.bits, chunk.steps, chunk.step);
        for (std::size_t i = 0; i < code.size(); ++i) {
          if (is_zero(code[i])) continue;
          index_t& next = least[i / step_cols];
          require<format_error>(position[i] >= next && position[i] < block_cols, "panel ", panel_index,
                                " has a nonzero at position ", static_cast<int>(position[i]), " of block ", block,
                                ", must be ", next, " to ", block_cols - 1);
          next = position[i] + 1;
        }
      }
    }
  }

  index_t rows_ = 0;
  index_t cols_ = 0;
  packed_format format_;
  detail::panel_layout layout_;
  buffer bytes_;
  index_t stored_ = 0;
};

}  // namespace pare
