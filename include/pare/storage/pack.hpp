// Packing: from plain codes or floats into the panel layout, and back.
#pragma once

#include <pare/quantize/affine.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/storage/packed_matrix.hpp>
#include <pare/storage/steps.hpp>

namespace pare {
namespace detail {

// The format that packs `q`. Groups longer than max_group are cut, which needs them to be cut evenly.
inline packed_format format_of(const quantized_codes& q, encoding as) {
  require_valid(q);
  const bool cut = q.group_size > max_group;
  require<value_error>(!cut || q.groups() <= 1 || q.group_size % max_group == 0, "group_size is ", q.group_size,
                       ", above ", max_group, " it must be a multiple of that or the whole row");
  require<value_error>(as != encoding::dense, "codes cannot be packed as dense floats: dequantize them first");
  require<value_error>(!leaves_out_zeros(as) || q.scheme == scheme::symmetric,
                       "to leave out zeros needs the symmetric scheme, in which a missing weight is an exact zero");
  require<value_error>(!leaves_out_zeros(as) || q.has_codebook() || q.bits > 1,
                       "bits is 1, must be at least 2 to leave out zeros: 1-bit codes have none");
  require<value_error>(!lists_positions(as) || !q.has_codebook() || code_of_zero_level(q),
                       "an encoding that lists positions needs a codebook with a level 0, by which rows are filled up");
  return {as, q.bits, q.scheme, q.has_codebook(), cut ? max_group : q.group_size};
}

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

// Writes one matrix of codes; reading codes and parameters of padding rows and columns gives what multiplies to zero.
// A template so that it is compiled only where it is used, like others that take just one type.
template <std::same_as<quantized_codes> Codes>
class code_packer {
 public:
  code_packer(const Codes& q, const packed_format& format)
      : q_(q), format_(format), layout_(layout_of(q.rows, q.cols, format)), steps_(q, format, layout_) {}

  packed_matrix pack() {
    if (leaves_out_zeros(format_.encoding)) return pack_listed();
    buffer_writer out(static_cast<std::size_t>(layout_.panels_at + layout_.panels * layout_.panel_bytes));
    write_levels(out.data());
    for (index_t p = 0; p < layout_.panels; ++p) {
      std::byte* panel = out.data() + layout_.panels_at + p * layout_.panel_bytes;
      write_parameters(panel, p);
      steps_.for_each(p, 0, layout_.steps, [&](index_t step, const step_codes_array& codes) {
        write_step(panel + layout_.values_at, q_.bits, layout_.steps, step, codes);
      });
    }
    return {q_.rows, q_.cols, format_, std::move(out).finish()};
  }

 private:
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

  // What is in a panel that leaves out zeros.
  struct listed_panel {
    std::vector<std::byte> index;         // masks or counts
    std::vector<std::uint8_t> positions;  // as many as codes, or none
    std::vector<std::uint8_t> codes;      // whole steps
  };

  listed_panel list_with_masks(index_t panel) const {
    listed_panel listed;
    listed.index.resize(static_cast<std::size_t>(layout_.steps * 8));
    listed.codes.resize(static_cast<std::size_t>(layout_.steps * step_codes));
    index_t size = 0;
    steps_.for_each_listed(panel, 0, layout_.steps,
                           [&](index_t s, const step_codes_array& codes, std::uint64_t nonzeros) {
                             put(listed.index.data() + s * 8, nonzeros);
                             for (std::size_t i = 0; i < codes.size(); ++i) {
                               listed.codes[static_cast<std::size_t>(size)] = codes[i];
                               size += static_cast<index_t>(nonzeros >> i & 1);
                             }
                           });
    std::fill(listed.codes.begin() + size, listed.codes.end(), std::uint8_t{0});
    listed.codes.resize(static_cast<std::size_t>(steps_of(size) * step_codes));
    return listed;
  }

  listed_panel list_with_positions(index_t panel) const {
    struct nonzero {
      std::uint8_t position, code;
    };
    listed_panel listed;
    std::array<std::vector<nonzero>, panel_rows> rows;
    for (index_t block = 0; block < layout_.blocks; ++block) {
      for (auto& row : rows) row.clear();
      const index_t first = layout_.block_step(block);
      steps_.for_each_listed(panel, first, layout_.steps_in_block(block),
                             [&](index_t s, const step_codes_array& codes, std::uint64_t nonzeros) {
                               for (; nonzeros != 0; nonzeros &= nonzeros - 1) {
                                 const int i = std::countr_zero(nonzeros);
                                 const index_t position = (s - first) * step_cols + i % step_cols;
                                 rows[static_cast<std::size_t>(i / step_cols)].push_back(
                                     {static_cast<std::uint8_t>(position), codes[static_cast<std::size_t>(i)]});
                               }
                             });
      std::size_t most = 0;
      for (const auto& row : rows) most = std::max(most, row.size());
      const std::size_t steps = (most + step_cols - 1) / step_cols;
      listed.index.push_back(static_cast<std::byte>(steps));
      for (std::size_t s = 0; s < steps; ++s)
        for (const auto& row : rows)
          for (std::size_t i = s * step_cols; i < (s + 1) * step_cols; ++i) {
            const nonzero filler{0, static_cast<std::uint8_t>(steps_.zero_code())};
            const nonzero& next = i < row.size() ? row[i] : filler;
            listed.positions.push_back(next.position);
            listed.codes.push_back(next.code);
          }
    }
    return listed;
  }

  packed_matrix pack_listed() const {
    std::vector<listed_panel> panels;
    index_t size = layout_.panels_at;
    for (index_t p = 0; p < layout_.panels; ++p) {
      panels.push_back(format_.encoding == encoding::bitmap ? list_with_masks(p) : list_with_positions(p));
      size += layout_.panel_bytes + listed_bytes(format_, steps_of(static_cast<index_t>(panels.back().codes.size())));
    }
    buffer_writer out(static_cast<std::size_t>(size));
    write_levels(out.data());
    index_t at = layout_.panels_at;
    for (index_t p = 0; p < layout_.panels; ++p) {
      const listed_panel& listed = panels[static_cast<std::size_t>(p)];
      put(out.data() + layout_.panel_start_at + p * 8, static_cast<std::uint64_t>(at));
      std::byte* panel = out.data() + at;
      write_parameters(panel, p);
      std::copy(listed.index.begin(), listed.index.end(), panel + layout_.index_at);
      const index_t steps = steps_of(static_cast<index_t>(listed.codes.size()));
      at += layout_.panel_bytes + listed_bytes(format_, steps);
      write_steps(out.data() + at - planes_bytes(q_.bits, steps), q_.bits, listed.codes);
      write_steps(panel + layout_.values_at, position_bits(format_.encoding), listed.positions);
    }
    put(out.data() + layout_.panel_start_at + layout_.panels * 8, static_cast<std::uint64_t>(at));
    return {q_.rows, q_.cols, format_, std::move(out).finish()};
  }

  static void write_steps(std::byte* planes, int bits, const std::vector<std::uint8_t>& codes) {
    const index_t steps = steps_of(static_cast<index_t>(codes.size()));
    for (index_t s = 0; s < steps; ++s)
      write_step(planes, bits, steps, s,
                 std::span<const std::uint8_t, step_codes>(codes.data() + s * step_codes, step_codes));
  }

  const Codes& q_;
  packed_format format_;
  panel_layout layout_;
  code_steps steps_;
};

}  // namespace detail

// Packs codes as they are (encoding::codes), or their nonzeros (bitmap, sparse or very_sparse; symmetric or codebook).
// Throws value_error where the encoding cannot hold them.
template <std::same_as<quantized_codes> Codes>
packed_matrix pack(const Codes& q, encoding as = encoding::codes) {
  return detail::code_packer<Codes>(q, detail::format_of(q, as)).pack();
}

// How a weight is stored that stays a float.
enum class float_format {
  float32,
  bfloat16,  // the upper 16 bits, rounded to nearest even, at most the largest finite one
};

namespace detail {

// Packs finite floats row by row.
class dense_packer {
 public:
  dense_packer(index_t rows, index_t cols, float_format as)
      : rows_(rows),
        cols_(cols),
        format_{encoding::dense, as == float_format::float32 ? 32 : 16, scheme::symmetric, false,
                std::max<index_t>(1, cols)},
        layout_(layout_of(rows, cols, format_)),
        out_(static_cast<std::size_t>(layout_.panels * layout_.panel_bytes)) {}

  void put_row(index_t row, std::span<const float> values) {
    std::byte* next = out_.data() + row / panel_rows * layout_.panel_bytes + row % panel_rows * format_.bits / 8;
    for (const float value : values) {
      if (format_.bits == 32)
        put(next, value);
      else
        put(next, bfloat_bits(value));
      next += panel_rows * format_.bits / 8;
    }
  }
  packed_matrix finish() && { return {rows_, cols_, format_, std::move(out_).finish()}; }

 private:
  index_t rows_, cols_;
  packed_format format_;
  panel_layout layout_;
  buffer_writer out_;
};

}  // namespace detail

// Packs weights [rows, cols] as floats. Throws value_error naming the first that is not finite.
template <tensor_like W>
packed_matrix pack_dense(const W& weights, float_format as = float_format::float32) {
  const auto w = as_matrix(weights);
  detail::dense_packer packer(w.rows(), w.cols(), as);
  detail::for_each_finite_row<float>(w, detail::finite_in_float("weights"),
                                     [&](index_t row, std::span<const float> values) { packer.put_row(row, values); });
  return std::move(packer).finish();
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
