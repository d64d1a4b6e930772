// Packing: from plain codes or floats into the panel layout, and back.
#pragma once

#include <optional>

#include <pare/quantize/affine.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/storage/packed_matrix.hpp>

namespace pare {
namespace detail {

inline std::optional<int> code_of_zero_level(const quantized_codes& q) {
  const auto zero = std::find(q.levels.begin(), q.levels.end(), 0);
  if (zero == q.levels.end()) return std::nullopt;
  return static_cast<int>(zero - q.levels.begin());
}

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
class code_packer {
 public:
  code_packer(const quantized_codes& q, const packed_format& format)
      : q_(q), format_(format), layout_(layout_of(q.rows, q.cols, format)) {}

  packed_matrix pack() {
    if (leaves_out_zeros(format_.encoding)) return pack_listed();
    buffer_writer out(static_cast<std::size_t>(layout_.panels_at + layout_.panels * layout_.panel_bytes));
    write_levels(out.data());
    for (index_t p = 0; p < layout_.panels; ++p) {
      std::byte* panel = out.data() + layout_.panels_at + p * layout_.panel_bytes;
      write_parameters(panel, p);
      for (index_t step = 0; step < layout_.steps; ++step)
        write_step(panel + layout_.values_at, q_.bits, layout_.steps, step, codes_at(p, step));
    }
    return {q_.rows, q_.cols, format_, std::move(out).finish()};
  }

 private:
  using step_codes_array = std::array<std::uint8_t, step_codes>;

  struct step_content {
    step_codes_array codes{};
    std::uint64_t nonzeros = 0;  // bit i is set where weight i is there and not zero
  };

  // The code that dequantizes to zero, or to any value where rows or inputs are padding.
  int zero_code() const {
    if (q_.has_codebook()) return code_of_zero_level(q_).value_or(0);
    return q_.scheme == scheme::asymmetric ? 0 : 1 << (q_.bits - 1) >> (q_.bits == 1);
  }

  // The columns [begin, end) that a step covers.
  struct step_range {
    index_t begin, end;
  };

  step_range columns_of(index_t step) const {
    const index_t group = step / layout_.group_steps;
    const index_t begin = group * format_.group_size + (step - group * layout_.group_steps) * step_cols;
    return {begin, std::min({begin + step_cols, (group + 1) * format_.group_size, q_.cols})};
  }

  step_codes_array codes_at(index_t panel, index_t step) const {
    step_codes_array codes;
    codes.fill(static_cast<std::uint8_t>(zero_code()));
    const auto [begin, end] = columns_of(step);
    const index_t rows = std::min(panel_rows, q_.rows - panel * panel_rows);
    const std::uint8_t* from = q_.codes.data() + panel * panel_rows * q_.cols + begin;
    for (index_t r = 0; r < rows; ++r, from += q_.cols) std::copy_n(from, end - begin, codes.data() + r * step_cols);
    return codes;
  }

  step_content step_at(index_t panel, index_t step) const {
    step_content result{codes_at(panel, step)};
    const auto [begin, end] = columns_of(step);
    for (index_t r = 0; r < panel_rows && panel * panel_rows + r < q_.rows; ++r)
      for (index_t col = begin; col < end; ++col)
        if (!is_zero(panel * panel_rows + r, col)) result.nonzeros |= std::uint64_t{1} << (r * step_cols + col - begin);
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

  // What is in a panel that leaves out zeros.
  struct listed_panel {
    std::vector<std::byte> index;         // masks or counts
    std::vector<std::uint8_t> positions;  // as many as codes, or none
    std::vector<std::uint8_t> codes;      // whole steps
  };

  listed_panel list_with_masks(index_t panel) const {
    listed_panel listed;
    for (index_t s = 0; s < layout_.steps; ++s) {
      const step_content step = step_at(panel, s);
      const auto mask = std::bit_cast<std::array<std::byte, 8>>(step.nonzeros);
      listed.index.insert(listed.index.end(), mask.begin(), mask.end());
      for (std::size_t i = 0; i < step.codes.size(); ++i)
        if (step.nonzeros >> i & 1) listed.codes.push_back(step.codes[i]);
    }
    listed.codes.resize(static_cast<std::size_t>(steps_of(static_cast<index_t>(listed.codes.size())) * step_codes));
    return listed;
  }

  listed_panel list_with_positions(index_t panel) const {
    struct nonzero {
      std::uint8_t position, code;
    };
    listed_panel listed;
    for (index_t block = 0; block < layout_.blocks; ++block) {
      std::array<std::vector<nonzero>, panel_rows> rows;
      for (index_t s = 0; s < layout_.steps_in_block(block); ++s) {
        const step_content step = step_at(panel, layout_.block_step(block) + s);
        for (std::size_t i = 0; i < step.codes.size(); ++i)
          if (step.nonzeros >> i & 1)
            rows[i / step_cols].push_back(
                {static_cast<std::uint8_t>(static_cast<std::size_t>(s * step_cols) + i % step_cols), step.codes[i]});
      }
      std::size_t most = 0;
      for (const auto& row : rows) most = std::max(most, row.size());
      const std::size_t steps = (most + step_cols - 1) / step_cols;
      listed.index.push_back(static_cast<std::byte>(steps));
      for (std::size_t s = 0; s < steps; ++s)
        for (const auto& row : rows)
          for (std::size_t i = s * step_cols; i < (s + 1) * step_cols; ++i) {
            const nonzero filler{0, static_cast<std::uint8_t>(zero_code())};
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

  const quantized_codes& q_;
  packed_format format_;
  panel_layout layout_;
};

}  // namespace detail

// Packs codes as they are (encoding::codes), or their nonzeros (bitmap, sparse or very_sparse; symmetric or codebook).
// Throws value_error where the encoding cannot hold them.
inline packed_matrix pack(const quantized_codes& q, encoding as = encoding::codes) {
  return detail::code_packer(q, detail::format_of(q, as)).pack();
}

// How a weight is stored that stays a float.
enum class float_format {
  float32,
  bfloat16,  // the upper 16 bits, rounded to nearest even, at most the largest finite one
};

// Packs weights [rows, cols] as floats. Throws value_error naming the first that is not finite.
template <tensor_like W>
packed_matrix pack_dense(const W& weights, float_format as = float_format::float32) {
  using namespace detail;
  const auto w = as_matrix(weights);
  const int bits = as == float_format::float32 ? 32 : 16;
  const packed_format format{encoding::dense, bits, scheme::symmetric, false, std::max<index_t>(1, w.cols())};
  const panel_layout layout = layout_of(w.rows(), w.cols(), format);
  buffer_writer out(static_cast<std::size_t>(layout.panels * layout.panel_bytes));
  std::vector<float> values;
  for (index_t row = 0; row < w.rows(); ++row) {
    read_floats(w, row, values, "weights");
    std::byte* next = out.data() + row / panel_rows * layout.panel_bytes + row % panel_rows * bits / 8;
    for (const float value : values) {
      if (as == float_format::float32)
        put(next, value);
      else
        put(next, bfloat_bits(value));
      next += panel_rows * bits / 8;
    }
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
