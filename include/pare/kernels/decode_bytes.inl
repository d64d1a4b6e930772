// Decoding by way of memory, for what registers do not hold: codes become bytes, those of a codebook its levels.

// A run of codes, so many steps at a time; but for the last time whole chunks.
class code_reader {
 public:
  code_reader(const packed_format& format, const std::byte* planes, const std::uint8_t* levels)
      : bits_(format.bits), levels_(format.codebook ? levels : nullptr), next_(planes) {}

  void read(index_t steps, std::byte* out) {
    const std::byte* planes = next_;
    next_ += steps / chunk_steps * chunk_bytes(bits_, chunk_steps);
    if (levels_ == nullptr) return decode_codes(bits_, planes, steps, out);
    write_planes(bits_, planes, steps, out);
    const std::byte* end = out + steps * step_codes;
    if (bits_ <= 4) {
      const table16 table = load_table(levels_);
      for (; out != end; out += step_codes) store_codes(out, lookup(table, load_codes(out)));
    } else {
      for (; out != end; ++out) *out = static_cast<std::byte>(levels_[std::to_integer<std::size_t>(*out)]);
    }
  }

 private:
  int bits_;
  const std::uint8_t* levels_;
  const std::byte* next_;
};

// Writes the positions of a chunk as bytes.
inline void write_positions(int bits, const std::byte* positions, index_t steps, std::byte* out) {
  for (index_t s = 0; s < steps; ++s)
    store_codes(out + s * step_codes, field(load_position(bits, positions, s), 0, bits, 0));
}

// What a panel of an encoding with positions lists, decoded some steps at a time: weights minus zero, and positions.
class listed_steps {
 public:
  listed_steps(const packed_matrix& w, index_t panel)
      : w_(w), next_(w.panel(panel) + w.layout().values_at), left_(steps_of(w.panel_codes(panel))) {}

  // How many are decoded, at least one if any are left.
  index_t ready() {
    if (at_ == decoded_) decode();
    return decoded_ - at_;
  }
  const std::byte* weights() const { return weights_ + at_ * step_codes; }
  const std::byte* positions() const { return positions_ + at_ * step_codes; }
  void drop(index_t steps) { at_ += steps; }

 private:
  static constexpr index_t most = 4 * chunk_steps;

  [[gnu::noinline]] void decode() {
    const packed_format& format = w_.format();
    const int bits = position_bits(format.encoding);
    decoded_ = left_ < most ? left_ : most;
    left_ -= decoded_;
    at_ = 0;
    for (index_t begin = 0; begin < decoded_; begin += chunk_steps) {
      const index_t steps = decoded_ - begin < chunk_steps ? decoded_ - begin : chunk_steps;
      write_positions(bits, next_, steps, positions_ + begin * step_codes);
      code_reader(format, next_ + positions_bytes(bits, steps), w_.levels()).read(steps, weights_ + begin * step_codes);
      next_ += listed_bytes(format, steps);
    }
    const auto zero = static_cast<std::uint8_t>(zero_level(format));
    for (std::byte* w = weights_; w != weights_ + decoded_ * step_codes; w += step_codes)
      store_codes(w, subtract(load_codes(w), zero));
  }

  const packed_matrix& w_;
  const std::byte* next_;
  index_t left_;
  index_t at_ = 0;
  index_t decoded_ = 0;
  alignas(64) std::byte weights_[most * step_codes];
  alignas(64) std::byte positions_[most * step_codes];
};

// Readers of whole panels, of which code_reader is one: read(steps, out) writes the next steps in the order of columns
// as bytes, with the zero level where a code has been left out. Whole chunks, but for the last time.

class bitmap_reader {
 public:
  bitmap_reader(const packed_matrix& w, index_t panel)
      : codes_(w.format(), w.panel(panel) + w.layout().values_at, w.levels()),
        zero_(static_cast<std::uint8_t>(zero_level(w.format()))),
        next_mask_(w.panel(panel) + w.layout().index_at),
        steps_left_(steps_of(w.panel_codes(panel))) {}

  void read(index_t steps, std::byte* out) {
    for (index_t s = 0; s < steps; ++s, next_mask_ += 8, out += step_codes) {
      const auto bits = packed_matrix::read<std::uint64_t>(next_mask_);
      if (kept_end_ - kept_begin_ < std::popcount(bits)) refill();
      store_codes(out, expand(bits, kept_ + kept_begin_, zero_));
      kept_begin_ += std::popcount(bits);
    }
  }

 private:
  // Moves what is left, less than a step, to the front and decodes the next chunk of codes behind it.
  void refill() {
    const index_t left = kept_end_ - kept_begin_;
    std::memmove(kept_, kept_ + kept_begin_, static_cast<std::size_t>(left));
    const index_t steps = steps_left_ < chunk_steps ? steps_left_ : chunk_steps;
    codes_.read(steps, kept_ + left);
    steps_left_ -= steps;
    kept_begin_ = 0;
    kept_end_ = left + steps * step_codes;
  }

  code_reader codes_;
  std::uint8_t zero_;
  const std::byte* next_mask_;
  index_t steps_left_;
  index_t kept_begin_ = 0;
  index_t kept_end_ = 0;
  // Room for what is left of a chunk, the next one, and an expansion that reads on to its end.
  alignas(64) std::byte kept_[(chunk_steps + 2) * step_codes];
};

// Of either encoding that lists positions.
class sparse_reader {
 public:
  sparse_reader(const packed_matrix& w, index_t panel)
      : layout_(w.layout()),
        zero_(static_cast<std::byte>(zero_level(w.format()))),
        next_count_(w.panel(panel) + w.layout().index_at),
        listed_(w, panel) {}

  void read(index_t steps, std::byte* out) {
    for (index_t s = 0; s < steps; ++s, out += step_codes) {
      if (block_step_ == block_end_) fill_block();
      std::memcpy(out, block_ + block_step_++ * step_codes, step_codes);
    }
  }

 private:
  void fill_block() {
    block_step_ = 0;
    block_end_ = layout_.steps_in_block(next_block_++);
    std::memset(block_, std::to_integer<int>(zero_), static_cast<std::size_t>(block_end_ * step_codes));
    for (index_t left = std::to_integer<index_t>(*next_count_++); left > 0; --left) {
      listed_.ready();
      for (index_t i = 0; i < step_codes; ++i) {
        if (listed_.weights()[i] == std::byte{0}) continue;
        const index_t position = std::to_integer<index_t>(listed_.positions()[i]);
        block_[position / step_cols * step_codes + i / step_cols * step_cols + position % step_cols] =
            static_cast<std::byte>(std::to_integer<int>(listed_.weights()[i]) + std::to_integer<int>(zero_));
      }
      listed_.drop(1);
    }
  }

  const panel_layout& layout_;
  std::byte zero_;
  const std::byte* next_count_;
  listed_steps listed_;
  index_t next_block_ = 0;
  index_t block_step_ = 0;
  index_t block_end_ = 0;
  std::byte block_[most_block_steps * step_codes];
};

inline step_range next_steps(const packed_matrix& w, index_t begin, index_t most) {
  const index_t steps = w.layout().steps;
  return {begin, begin + most < steps ? begin + most : steps};
}

// Steps that are gone over at a time: they and the inputs of a tile stay in the first-level cache.
inline constexpr index_t most_steps = 128;

template <class Reader>
void visit_decoded(Reader&& reader, const packed_matrix& w, index_t most, step_visitor visit) {
  alignas(64) std::byte codes[most_steps * step_codes];
  for (index_t at = 0; at < w.layout().steps; at += most) {
    const step_range range = next_steps(w, at, most);
    reader.read(range.end - range.begin, codes);
    visit(range, codes);
  }
}

// Visits all steps of a panel, at most `most` at a time, which are whole chunks, with codes as bytes, decoded unless
// they are that already, or with floats.
[[gnu::noinline]] inline void for_each_decoded(const packed_matrix& w, index_t panel, index_t most,
                                               step_visitor visit) {
  const packed_format& format = w.format();
  const std::byte* values = w.panel(panel) + w.layout().values_at;
  switch (format.encoding) {
    case encoding::bitmap: return visit_decoded(bitmap_reader(w, panel), w, most, visit);
    case encoding::sparse:
    case encoding::very_sparse: return visit_decoded(sparse_reader(w, panel), w, most, visit);
    default: break;
  }
  if (format.bits < 8 || format.codebook) return visit_decoded(code_reader(format, values, w.levels()), w, most, visit);
  for (index_t at = 0; at < w.layout().steps; at += most)
    visit(next_steps(w, at, most), values + value_bytes(format, at));
}
