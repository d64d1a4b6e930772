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

// Whether format_of takes these codes in an encoding.
inline bool can_pack(const quantized_codes& q, encoding as) {
  if (!leaves_out_zeros(as)) return as == encoding::codes;
  if (q.scheme != scheme::symmetric || (q.bits == 1 && !q.has_codebook())) return false;
  return as == encoding::bitmap || !q.has_codebook() || code_of_zero_level(q);
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
      for (index_t step = 0; step < layout_.steps;)
        for (const step_codes_array& codes : steps_.gather(p, step, layout_.steps - step))
          write_step(panel + layout_.values_at, q_.bits, layout_.steps, step++, codes);
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

  // What is in panels that leave out zeros, one behind the other.
  struct listed_panels {
    std::vector<std::byte> index;         // masks or counts, as many bytes for each panel
    std::vector<std::uint8_t> positions;  // as many as codes, or none
    std::vector<std::uint8_t> codes;      // whole steps
    std::vector<index_t> ends;            // where the codes of each panel end
  };

  void list_with_masks(index_t panel, listed_panels& listed) {
    const std::size_t masks = listed.index.size();
    listed.index.resize(masks + static_cast<std::size_t>(layout_.steps * 8));
    std::size_t size = listed.codes.size();
    listed.codes.resize(size + static_cast<std::size_t>(layout_.steps * step_codes));
    for (index_t step = 0; step < layout_.steps;)
      for (const step_codes_array& codes : steps_.gather(panel, step, layout_.steps - step)) {
        const std::uint64_t nonzeros = steps_.nonzeros(panel, step, codes);
        put(listed.index.data() + masks + step++ * 8, nonzeros);
        for (std::size_t i = 0; i < codes.size(); ++i) {
          listed.codes[size] = codes[i];
          size += nonzeros >> i & 1;
        }
      }
    listed.codes.resize(size);
    listed.codes.resize(static_cast<std::size_t>(steps_of(static_cast<index_t>(size)) * step_codes));
  }

  // The nonzeros of a row in a block.
  struct row_list {
    std::size_t size;
    std::array<std::uint8_t, 256> positions, codes;
  };

  void list_with_positions(index_t panel, listed_panels& listed) {
    std::array<row_list, panel_rows> rows;
    for (index_t block = 0; block < layout_.blocks; ++block) {
      const std::size_t steps = list_block(panel, block, rows);
      listed.index.push_back(static_cast<std::byte>(steps));
      for (std::size_t begin = 0; begin < steps * step_cols; begin += step_cols)
        for (const row_list& row : rows)
          for (std::size_t i = begin; i < begin + step_cols; ++i) {
            const bool filler = i >= row.size;
            listed.positions.push_back(filler ? std::uint8_t{0} : row.positions[i]);
            listed.codes.push_back(filler ? static_cast<std::uint8_t>(steps_.zero_code()) : row.codes[i]);
          }
    }
  }

  // Returns the steps that the row with the most nonzeros takes.
  std::size_t list_block(index_t panel, index_t block, std::array<row_list, panel_rows>& rows) {
    for (row_list& row : rows) row.size = 0;
    const index_t first = layout_.block_step(block), count = layout_.steps_in_block(block);
    for (index_t done = 0; done < count;)
      for (const step_codes_array& codes : steps_.gather(panel, first + done, count - done)) {
        for (std::uint64_t left = steps_.nonzeros(panel, first + done, codes); left != 0; left &= left - 1) {
          const int i = std::countr_zero(left);
          row_list& row = rows[static_cast<std::size_t>(i / step_cols)];
          row.positions[row.size] = static_cast<std::uint8_t>(done * step_cols + i % step_cols);
          row.codes[row.size++] = codes[static_cast<std::size_t>(i)];
        }
        ++done;
      }
    std::size_t most = 0;
    for (const row_list& row : rows) most = std::max(most, row.size);
    return (most + step_cols - 1) / step_cols;
  }

  packed_matrix pack_listed() {
    listed_panels listed;
    index_t size = layout_.panels_at, begin = 0;
    for (index_t p = 0; p < layout_.panels; ++p) {
      if (format_.encoding == encoding::bitmap)
        list_with_masks(p, listed);
      else
        list_with_positions(p, listed);
      listed.ends.push_back(std::ssize(listed.codes));
      size += layout_.panel_bytes + listed_bytes(format_, (listed.ends.back() - begin) / step_codes);
      begin = listed.ends.back();
    }
    buffer_writer out(static_cast<std::size_t>(size));
    write_levels(out.data());
    index_t at = layout_.panels_at;
    begin = 0;
    const index_t index_bytes = layout_.panels == 0 ? 0 : std::ssize(listed.index) / layout_.panels;
    for (index_t p = 0; p < layout_.panels; ++p) {
      put(out.data() + layout_.panel_start_at + p * 8, static_cast<std::uint64_t>(at));
      std::byte* panel = out.data() + at;
      write_parameters(panel, p);
      std::copy_n(listed.index.data() + p * index_bytes, index_bytes, panel + layout_.index_at);
      const index_t steps = (listed.ends[static_cast<std::size_t>(p)] - begin) / step_codes;
      at += layout_.panel_bytes + listed_bytes(format_, steps);
      write_listed(panel + layout_.values_at, listed, begin, steps);
      begin += steps * step_codes;
    }
    put(out.data() + layout_.panel_start_at + layout_.panels * 8, static_cast<std::uint64_t>(at));
    return {q_.rows, q_.cols, format_, std::move(out).finish()};
  }

  void write_listed(std::byte* values, const listed_panels& listed, index_t begin, index_t steps) const {
    const auto at = [&](const std::vector<std::uint8_t>& all, index_t step) {
      return std::span<const std::uint8_t, step_codes>(all.data() + begin + step * step_codes, step_codes);
    };
    for (index_t s = 0; s < steps; ++s) {
      if (!lists_positions(format_.encoding)) {
        write_step(values, q_.bits, steps, s, at(listed.codes, s));
        continue;
      }
      const listed_chunk chunk(format_, steps, s);
      write_step(values + chunk.positions_at, positions_of{position_bits(format_.encoding)}, chunk.steps, chunk.step,
                 at(listed.positions, s));
      write_step(values + chunk.codes_at, q_.bits, chunk.steps, chunk.step, at(listed.codes, s));
    }
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
