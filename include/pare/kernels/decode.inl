// Decoders: from the bytes of a format to vectors of 64 codes. Written once, in the words of the vocabulary.

// The planes of one chunk: where each begins depends on how many steps the chunk has.
template <int Bits>
struct chunk_planes {
  const std::byte* plane[3];

  chunk_planes(const std::byte* chunk, index_t steps) : plane{} {
    constexpr plane_list list = planes_of(Bits);
    for (std::size_t i = 0; i < list.count; ++i) {
      plane[i] = chunk;
      chunk += plane_vectors(list.planes[i].width, steps) * step_codes;
    }
  }
};

// The bits of one plane at a step, moved to their place in the code. 1-bit codes become 0 and 2.
template <int Bits, int Step, std::size_t Plane>
PARE_INLINE u8x64 decode_plane(const chunk_planes<Bits>& chunk) {
  constexpr plane p = planes_of(Bits).planes[Plane];
  const u8x64 bytes = load_codes(chunk.plane[Plane] + Step * p.width / 8 * step_codes);
  if constexpr (p.width == 8)
    return bytes;
  else
    return field < Step * p.width % 8, p.width, Bits == 1 ? 1 : p.low_bit > (bytes);
}

template <int Bits, int Step>
PARE_INLINE u8x64 decode_step(const chunk_planes<Bits>& chunk) {
  u8x64 codes = decode_plane<Bits, Step, 0>(chunk);
  if constexpr (planes_of(Bits).count > 1) codes = bit_or(codes, decode_plane<Bits, Step, 1>(chunk));
  if constexpr (planes_of(Bits).count > 2) codes = bit_or(codes, decode_plane<Bits, Step, 2>(chunk));
  return codes;
}

// Writes the codes of a chunk of `steps` steps as bytes.
template <int Bits>
void decode_chunk(const chunk_planes<Bits>& chunk, index_t steps, std::byte* out) {
  if (steps > 0) store_codes(out, decode_step<Bits, 0>(chunk));
  if (steps > 1) store_codes(out + 64, decode_step<Bits, 1>(chunk));
  if (steps > 2) store_codes(out + 128, decode_step<Bits, 2>(chunk));
  if (steps > 3) store_codes(out + 192, decode_step<Bits, 3>(chunk));
  if (steps > 4) store_codes(out + 256, decode_step<Bits, 4>(chunk));
  if (steps > 5) store_codes(out + 320, decode_step<Bits, 5>(chunk));
  if (steps > 6) store_codes(out + 384, decode_step<Bits, 6>(chunk));
  if (steps > 7) store_codes(out + 448, decode_step<Bits, 7>(chunk));
}

inline void decode_chunk(int bits, const std::byte* bytes, index_t steps, std::byte* out) {
  switch (bits) {
    case 1: return decode_chunk<1>({bytes, steps}, steps, out);
    case 2: return decode_chunk<2>({bytes, steps}, steps, out);
    case 3: return decode_chunk<3>({bytes, steps}, steps, out);
    case 4: return decode_chunk<4>({bytes, steps}, steps, out);
    case 5: return decode_chunk<5>({bytes, steps}, steps, out);
    case 6: return decode_chunk<6>({bytes, steps}, steps, out);
    case 7: return decode_chunk<7>({bytes, steps}, steps, out);
    default: return decode_chunk<8>({bytes, steps}, steps, out);
  }
}

// Sources of codes of so many `bits` for a walk over a panel: chunk(steps) moves on to the next chunk, step<S>(chunk)
// is its S-th vector, decode(chunk, steps, out) all of them as bytes.

// k-bit planes, decoded in registers.
template <int Bits>
class plane_source {
 public:
  using chunk_type = chunk_planes<Bits>;
  static constexpr int bits = Bits;

  plane_source(const packed_matrix& w, const std::byte* panel) : next_(panel + w.layout().values_at) {}

  PARE_INLINE chunk_type chunk(index_t steps) {
    const chunk_type current(next_, steps);
    constexpr index_t bytes = chunk_bytes(Bits, chunk_steps);
    for (index_t line = 0; line < bytes; line += 64) prefetch(next_ + line + prefetch_distance);
    next_ += bytes;
    return current;
  }
  template <int Step>
  PARE_INLINE u8x64 step(const chunk_type& chunk) const {
    return decode_step<Bits, Step>(chunk);
  }
  void decode(const chunk_type& chunk, index_t steps, std::byte* out) const { decode_chunk<Bits>(chunk, steps, out); }

 private:
  static constexpr index_t prefetch_distance = 4096;
  const std::byte* next_;
};

// k-bit planes whose codes index a table of at most 16 levels, in a register.
template <int Bits>
class level_source {
 public:
  using chunk_type = chunk_planes<Bits>;
  static constexpr int bits = 8;  // of the levels

  level_source(const packed_matrix& w, const std::byte* panel) : planes_(w, panel), table_(load_table(w.levels())) {}

  PARE_INLINE chunk_type chunk(index_t steps) { return planes_.chunk(steps); }
  template <int Step>
  PARE_INLINE u8x64 step(const chunk_type& chunk) const {
    return lookup(table_, decode_step<Bits, Step>(chunk));
  }
  void decode(const chunk_type& chunk, index_t steps, std::byte* out) const {
    decode_chunk<Bits>(chunk, steps, out);
    for (index_t s = 0; s < steps; ++s, out += step_codes) store_codes(out, lookup(table_, load_codes(out)));
  }

 private:
  plane_source<Bits> planes_;
  table16 table_;
};

// Everything else goes through memory: codes are decoded to bytes first, those of a codebook to its levels.
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

class dense_reader {
 public:
  dense_reader(const packed_matrix& w, const std::byte* panel)
      : chunks_(w.format(), panel + w.layout().values_at, w.levels()) {}

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
  bitmap_reader(const packed_matrix& w, const std::byte* panel)
      : chunks_(w.format(), panel + w.layout().values_at, w.levels()),
        zero_(static_cast<std::uint8_t>(zero_level(w.format()))),
        next_mask_(panel + w.layout().masks_at) {
    index_t nonzeros = 0;
    for (index_t s = 0; s < w.layout().steps; ++s) nonzeros += std::popcount(mask(s));
    steps_left_ = steps_of(nonzeros);
  }

  const std::byte* chunk(index_t steps) {
    for (index_t s = 0; s < steps; ++s, next_mask_ += 8) {
      const std::uint64_t bits = mask(0);
      if (kept_end_ - kept_begin_ < std::popcount(bits)) refill();
      store_codes(bytes_ + s * step_codes, expand(bits, kept_ + kept_begin_, zero_));
      kept_begin_ += std::popcount(bits);
    }
    return bytes_;
  }

 private:
  std::uint64_t mask(index_t step) const {
    std::uint64_t bits;
    std::memcpy(&bits, next_mask_ + step * 8, 8);
    return bits;
  }

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
  index_t steps_left_ = 0;
  index_t kept_begin_ = 0;
  index_t kept_end_ = 0;
  alignas(64) std::byte bytes_[chunk_steps * step_codes];
  // Room for what is left of a chunk, the next one, and an expansion that reads on to its end.
  alignas(64) std::byte kept_[(chunk_steps + 2) * step_codes];
};

// The positions and codes of a sparse panel.
class listed_steps {
 public:
  listed_steps(const packed_matrix& w, const std::byte* panel)
      : listed_steps(w, panel, count(panel + w.layout().masks_at, w.layout().blocks)) {}

  index_t next_count() { return std::to_integer<index_t>(*next_count_++); }
  u8x64 next_positions() { return positions_.next(); }
  u8x64 next_codes() { return codes_.next(); }

 private:
  static index_t count(const std::byte* counts, index_t blocks) {
    index_t steps = 0;
    for (index_t block = 0; block < blocks; ++block) steps += std::to_integer<index_t>(counts[block]);
    return steps;
  }
  listed_steps(const packed_matrix& w, const std::byte* panel, index_t steps)
      : next_count_(panel + w.layout().masks_at),
        positions_({position_bits, panel + w.layout().values_at}, steps),
        codes_({w.format(), panel + w.layout().values_at + planes_bytes(position_bits, steps), w.levels()}, steps) {}

  const std::byte* next_count_;
  step_reader positions_;
  step_reader codes_;
};

class sparse_reader {
 public:
  sparse_reader(const packed_matrix& w, const std::byte* panel)
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
  listed_steps steps_;
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
void use_reader(const packed_matrix& w, const std::byte* panel, Use&& use) {
  Reader reader(w, panel);
  use(byte_source{&reader, next_chunk_of<Reader>});
}

// Calls use(source) with a source for whichever encoding the codes have.
template <class Use>
void use_byte_source(const packed_matrix& w, const std::byte* panel, Use&& use) {
  switch (w.format().encoding) {
    case encoding::bitmap: return use_reader<bitmap_reader>(w, panel, use);
    case encoding::sparse: return use_reader<sparse_reader>(w, panel, use);
    default: return use_reader<dense_reader>(w, panel, use);
  }
}
