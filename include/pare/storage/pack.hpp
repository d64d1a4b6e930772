// Packing: from plain codes or floats into the panel layout, and back.
#pragma once

#include <pare/quantize/affine.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/storage/packed_matrix.hpp>

namespace pare {
namespace detail {

// The format that packs `q`. Groups longer than max_group are cut, which needs them to be cut evenly.
inline packed_format format_of(const quantized_codes& q, encoding as) {
  require_valid(q);
  const bool cut = q.group_size > max_group;
  require<value_error>(!cut || q.groups() <= 1 || q.group_size % max_group == 0, "group_size is ", q.group_size,
                       ", above ", max_group, " it must be a multiple of that or the whole row");
  require<value_error>(as != encoding::dense, "codes cannot be packed as dense floats: dequantize them first");
  require<value_error>(as != encoding::bitmap || q.scheme == scheme::symmetric,
                       "a bitmap needs the symmetric scheme, in which a missing weight is an exact zero");
  require<value_error>(as != encoding::bitmap || q.has_codebook() || q.bits > 1,
                       "bits is 1, must be at least 2 for a bitmap: 1-bit codes have no zero to leave out");
  return {as, q.bits, q.scheme, q.has_codebook(), cut ? max_group : q.group_size};
}

// Writes one matrix of codes; reading codes and parameters of padding rows and columns gives what multiplies to zero.
class code_packer {
 public:
  code_packer(const quantized_codes& q, const packed_format& format)
      : q_(q), format_(format), layout_(layout_of(q.rows, q.cols, format)) {}

  packed_matrix pack() {
    if (format_.encoding == encoding::bitmap) return pack_bitmap();
    buffer_writer out(static_cast<std::size_t>(layout_.panels_at + layout_.panels * layout_.panel_bytes));
    write_levels(out.data());
    for (index_t p = 0; p < layout_.panels; ++p) {
      std::byte* panel = out.data() + layout_.panels_at + p * layout_.panel_bytes;
      write_parameters(panel, p);
      for (index_t step = 0; step < layout_.steps; ++step)
        write_step(panel + layout_.values_at, q_.bits, layout_.steps, step, step_at(p, step).codes);
    }
    return {q_.rows, q_.cols, format_, std::move(out).finish()};
  }

 private:
  struct step_content {
    std::array<std::uint8_t, step_codes> codes{};
    std::uint64_t nonzeros = 0;  // bit i is set where weight i is there and not zero
  };

  // The code that dequantizes to zero, or to any value where rows or inputs are padding.
  int zero_code() const {
    return q_.has_codebook() || q_.scheme == scheme::asymmetric ? 0 : 1 << (q_.bits - 1) >> (q_.bits == 1);
  }

  step_content step_at(index_t panel, index_t index) const {
    step_content result;
    result.codes.fill(static_cast<std::uint8_t>(zero_code()));
    const index_t group = layout_.group_steps > 0 ? index / layout_.group_steps : 0;
    const index_t group_end = std::min(q_.cols, (group + 1) * format_.group_size);
    const index_t col = group * format_.group_size + (index - group * layout_.group_steps) * step_cols;
    for (index_t r = 0; r < panel_rows && panel * panel_rows + r < q_.rows; ++r)
      for (index_t c = 0; c < step_cols && col + c < group_end; ++c) {
        const index_t row = panel * panel_rows + r;
        const std::size_t i = static_cast<std::size_t>(r * step_cols + c);
        result.codes[i] = q_.codes[static_cast<std::size_t>(row * q_.cols + col + c)];
        if (!is_zero(row, col + c)) result.nonzeros |= std::uint64_t{1} << i;
      }
    return result;
  }

  bool is_zero(index_t row, index_t col) const {
    const std::size_t group = static_cast<std::size_t>(row * q_.groups() + col / q_.group_size);
    return q_.level(row, col) == 0 || q_.unit[static_cast<std::size_t>(row)] == 0 || half_value(q_.scale[group]) == 0;
  }

  void write_levels(std::byte* out) const {
    for (std::size_t code = 0; code < q_.levels.size(); ++code)
      out[code] = static_cast<std::byte>(q_.levels[code] + 128);
  }

  // 1-bit codes are decoded as 0 and 2: see panel.hpp.
  bool doubled() const { return q_.bits == 1 && q_.scheme == scheme::asymmetric; }

  void write_parameters(std::byte* panel, index_t index) const {
    for (index_t r = 0; r < panel_rows && index * panel_rows + r < q_.rows; ++r) {
      const index_t row = index * panel_rows + r;
      const std::size_t at = static_cast<std::size_t>(row);
      put(panel + r * 4, doubled() ? q_.unit[at] / 2 : q_.unit[at]);
      if (q_.scheme == scheme::two_level) put(panel + 64 + r * 4, q_.offset_unit[at]);
      for (index_t g = 0; g < layout_.groups; ++g) {
        const std::size_t group = static_cast<std::size_t>(row * q_.groups() + g * format_.group_size / q_.group_size);
        std::byte* out = panel + layout_.parameters_at + g * layout_.parameter_bytes;
        if (q_.scheme == scheme::two_level) {
          out[r] = static_cast<std::byte>(q_.scale[group]);
          out[16 + r] = static_cast<std::byte>(q_.offset[group]);
          continue;
        }
        put(out + r * 2, q_.scale[group]);
        if (q_.scheme == scheme::asymmetric)
          out[32 + r] = static_cast<std::byte>(doubled() ? 2 * q_.offset[group] : q_.offset[group]);
      }
    }
  }

  packed_matrix pack_bitmap() const {
    std::vector<std::vector<std::uint8_t>> codes(static_cast<std::size_t>(layout_.panels));
    std::vector<std::uint64_t> masks;
    index_t size = layout_.panels_at;
    for (index_t p = 0; p < layout_.panels; ++p) {
      auto& kept = codes[static_cast<std::size_t>(p)];
      for (index_t s = 0; s < layout_.steps; ++s) {
        const step_content step = step_at(p, s);
        masks.push_back(step.nonzeros);
        for (std::size_t i = 0; i < step.codes.size(); ++i)
          if (step.nonzeros >> i & 1) kept.push_back(step.codes[i]);
      }
      kept.resize(static_cast<std::size_t>(round_up(static_cast<index_t>(kept.size()), step_codes)));
      size += layout_.panel_bytes + planes_bytes(q_.bits, static_cast<index_t>(kept.size()) / step_codes);
    }
    buffer_writer out(static_cast<std::size_t>(size));
    write_levels(out.data());
    index_t at = layout_.panels_at;
    for (index_t p = 0; p < layout_.panels; ++p) {
      const auto& kept = codes[static_cast<std::size_t>(p)];
      put(out.data() + layout_.panel_start_at + p * 8, static_cast<std::uint64_t>(at));
      std::byte* panel = out.data() + at;
      write_parameters(panel, p);
      if (layout_.steps > 0)
        std::memcpy(panel + layout_.masks_at, masks.data() + p * layout_.steps,
                    static_cast<std::size_t>(layout_.steps) * 8);
      const index_t steps = static_cast<index_t>(kept.size()) / step_codes;
      for (index_t s = 0; s < steps; ++s)
        write_step(panel + layout_.values_at, q_.bits, steps, s,
                   std::span<const std::uint8_t, step_codes>(kept.data() + s * step_codes, step_codes));
      at += layout_.panel_bytes + planes_bytes(q_.bits, steps);
    }
    put(out.data() + layout_.panel_start_at + layout_.panels * 8, static_cast<std::uint64_t>(at));
    return {q_.rows, q_.cols, format_, std::move(out).finish()};
  }

  template <class T>
  static void put(std::byte* at, T value) {
    std::memcpy(at, &value, sizeof value);
  }

  const quantized_codes& q_;
  packed_format format_;
  panel_layout layout_;
};

}  // namespace detail

// Packs codes as they are (encoding::codes), or their nonzeros with a bitmap (encoding::bitmap; symmetric or codebook).
// Throws value_error where the encoding cannot hold them.
inline packed_matrix pack(const quantized_codes& q, encoding as = encoding::codes) {
  return detail::code_packer(q, detail::format_of(q, as)).pack();
}

// Packs weights [rows, cols] as 32-bit floats. Throws value_error naming the first that is not finite.
template <tensor_like W>
packed_matrix pack_dense(const W& weights) {
  using namespace detail;
  const auto w = as_matrix(weights);
  const packed_format format{encoding::dense, 32, scheme::symmetric, false, std::max<index_t>(1, w.cols())};
  const panel_layout layout = layout_of(w.rows(), w.cols(), format);
  buffer_writer out(static_cast<std::size_t>(layout.panels * layout.panel_bytes));
  std::vector<float> values;
  for (index_t row = 0; row < w.rows(); ++row) {
    read_floats(w, row, values, "weights");
    std::byte* panel = out.data() + row / panel_rows * layout.panel_bytes + row % panel_rows * 4;
    for (std::size_t col = 0; col < values.size(); ++col) std::memcpy(panel + col * 64, &values[col], 4);
  }
  return {w.rows(), w.cols(), format, std::move(out).finish()};
}

// Quantizes and packs: the matrix to multiply with. Errors as for quantize_codes and pack.
template <tensor_like W>
packed_matrix quantize(const W& weights, const quantize_options& options = {}, encoding as = encoding::codes) {
  return pack(quantize_codes(weights, options), as);
}
template <tensor_like W, std::same_as<codebook> Book>
packed_matrix quantize(const W& weights, const Book& book, const quantize_options& options = {},
                       encoding as = encoding::codes) {
  return pack(quantize_codes(weights, book, options), as);
}

}  // namespace pare
