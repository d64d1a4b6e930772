// Decoding by way of memory, for what registers do not hold: codes become bytes, those of a codebook its levels.

// A run of codes chunk by chunk.
class chunk_reader {
 public:
  chunk_reader(const packed_format& format, const std::byte* planes, const std::uint8_t* levels)
      : bits_(format.bits), levels_(format.codebook ? levels : nullptr), next_(planes) {}
  chunk_reader(int bits, const std::byte* planes) : bits_(bits), levels_(nullptr), next_(planes) {}

  // The next `steps` steps.
  void read(index_t steps, std::byte* out) {
    decode_chunk(bits_, next_, steps, out);
    next_ += bits_ * step_codes;  // chunk_bytes of a whole chunk
    if (levels_ == nullptr) return;
    for (index_t i = 0; i < steps * step_codes; ++i)
      out[i] = static_cast<std::byte>(levels_[std::to_integer<std::size_t>(out[i]) >> (bits_ == 1)]);
  }

 private:
  int bits_;
  const std::uint8_t* levels_;
  const std::byte* next_;
};

// A run of steps one by one.
class step_reader {
 public:
  step_reader(chunk_reader chunks, index_t steps) : chunks_(chunks), steps_left_(steps) {}

  u8x64 next() {
    if (at_ == end_) {
      const index_t steps = steps_left_ < chunk_steps ? steps_left_ : chunk_steps;
      chunks_.read(steps, bytes_);
      steps_left_ -= steps;
      at_ = bytes_;
      end_ = bytes_ + steps * step_codes;
    }
    const u8x64 codes = load_codes(at_);
    at_ += step_codes;
    return codes;
  }

 private:
  chunk_reader chunks_;
  index_t steps_left_;
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  alignas(64) std::byte bytes_[chunk_steps * step_codes];
};

// Readers of whole panels: chunk(steps) is the next chunk in the order of columns, as bytes, with the zero level where
// a code has been left out.

class codes_reader {
 public:
  codes_reader(const packed_matrix& w, index_t panel)
      : chunks_(w.format(), w.panel(panel) + w.layout().values_at, w.levels()) {}

  const std::byte* chunk(index_t steps) {
    chunks_.read(steps, bytes_);
    return bytes_;
  }

 private:
  chunk_reader chunks_;
  alignas(64) std::byte bytes_[chunk_steps * step_codes];
};

class bitmap_reader {
 public:
  bitmap_reader(const packed_matrix& w, index_t panel)
      : chunks_(w.format(), w.panel(panel) + w.layout().values_at, w.levels()),
        zero_(static_cast<std::uint8_t>(zero_level(w.format()))),
        next_mask_(w.panel(panel) + w.layout().index_at),
        steps_left_(steps_of(w.panel_codes(panel))) {}

  const std::byte* chunk(index_t steps) {
    for (index_t s = 0; s < steps; ++s, next_mask_ += 8) {
      const auto bits = packed_matrix::read<std::uint64_t>(next_mask_);
      if (kept_end_ - kept_begin_ < std::popcount(bits)) refill();
      store_codes(bytes_ + s * step_codes, expand(bits, kept_ + kept_begin_, zero_));
      kept_begin_ += std::popcount(bits);
    }
    return bytes_;
  }

 private:
  // Moves what is left, less than a step, to the front and decodes the next chunk of codes behind it.
  void refill() {
    const index_t left = kept_end_ - kept_begin_;
    std::memmove(kept_, kept_ + kept_begin_, static_cast<std::size_t>(left));
    const index_t steps = steps_left_ < chunk_steps ? steps_left_ : chunk_steps;
    chunks_.read(steps, kept_ + left);
    steps_left_ -= steps;
    kept_begin_ = 0;
    kept_end_ = left + steps * step_codes;
  }

  chunk_reader chunks_;
  std::uint8_t zero_;
  const std::byte* next_mask_;
  index_t steps_left_;
  index_t kept_begin_ = 0;
  index_t kept_end_ = 0;
  alignas(64) std::byte bytes_[chunk_steps * step_codes];
  // Room for what is left of a chunk, the next one, and an expansion that reads on to its end.
  alignas(64) std::byte kept_[(chunk_steps + 2) * step_codes];
};

// The positions and codes of a sparse panel.
class sparse_steps {
 public:
  sparse_steps(const packed_matrix& w, index_t panel)
      : sparse_steps(w, w.panel(panel), steps_of(w.panel_codes(panel))) {}

  index_t next_count() { return std::to_integer<index_t>(*next_count_++); }
  u8x64 next_positions() { return positions_.next(); }
  u8x64 next_codes() { return codes_.next(); }

 private:
  sparse_steps(const packed_matrix& w, const std::byte* panel, index_t steps)
      : next_count_(panel + w.layout().index_at),
        positions_({position_bits, panel + w.layout().values_at}, steps),
        codes_({w.format(), panel + w.layout().values_at + planes_bytes(position_bits, steps), w.levels()}, steps) {}

  const std::byte* next_count_;
  step_reader positions_;
  step_reader codes_;
};

class sparse_reader {
 public:
  sparse_reader(const packed_matrix& w, index_t panel)
      : layout_(w.layout()), zero_(static_cast<std::byte>(zero_level(w.format()))), steps_(w, panel) {}

  const std::byte* chunk(index_t steps) {
    for (index_t s = 0; s < steps; ++s) {
      if (block_step_ == block_end_) fill_block();
      std::memcpy(bytes_ + s * step_codes, block_ + block_step_++ * step_codes, step_codes);
    }
    return bytes_;
  }

 private:
  void fill_block() {
    block_step_ = 0;
    block_end_ = layout_.steps_in_block(next_block_++);
    std::fill_n(block_, block_steps * step_codes, zero_);
    for (index_t left = steps_.next_count(); left > 0; --left) {
      std::byte positions[step_codes];
      std::byte codes[step_codes];
      store_codes(positions, steps_.next_positions());
      store_codes(codes, steps_.next_codes());
      for (index_t i = 0; i < step_codes; ++i) {
        if (codes[i] == zero_) continue;
        const index_t position = std::to_integer<index_t>(positions[i]);
        block_[position / step_cols * step_codes + i / step_cols * step_cols + position % step_cols] = codes[i];
      }
    }
  }

  const panel_layout& layout_;
  std::byte zero_;
  sparse_steps steps_;
  index_t next_block_ = 0;
  index_t block_step_ = 0;
  index_t block_end_ = 0;
  std::byte block_[block_steps * step_codes];
  alignas(64) std::byte bytes_[chunk_steps * step_codes];
};

// Any reader.
struct byte_source {
  void* reader;
  const std::byte* (*next_chunk)(void* reader, index_t steps);

  const std::byte* chunk(index_t steps) { return next_chunk(reader, steps); }
};

template <class Reader>
const std::byte* next_chunk_of(void* reader, index_t steps) {
  return static_cast<Reader*>(reader)->chunk(steps);
}

template <class Reader, class Use>
void use_reader(const packed_matrix& w, index_t panel, Use&& use) {
  Reader reader(w, panel);
  use(byte_source{&reader, next_chunk_of<Reader>});
}

// Calls use(source) with a source for whichever encoding the codes have.
template <class Use>
void use_byte_source(const packed_matrix& w, index_t panel, Use&& use) {
  switch (w.format().encoding) {
    case encoding::bitmap: return use_reader<bitmap_reader>(w, panel, use);
    case encoding::sparse: return use_reader<sparse_reader>(w, panel, use);
    default: return use_reader<codes_reader>(w, panel, use);
  }
}
