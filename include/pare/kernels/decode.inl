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

// Sources of codes for a walk over a panel: chunk(steps) moves on to the next chunk, step<S>(chunk) is its S-th vector,
// decode(chunk, steps, out) all of them as bytes.

// k-bit planes, decoded in registers.
template <int Bits>
class plane_source {
 public:
  using chunk_type = chunk_planes<Bits>;
  static constexpr bool narrow = Bits < 8;

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
  static constexpr bool narrow = false;

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

// Everything else goes through memory: a chunk is decoded to bytes first. Codebooks look their levels up there, bitmaps
// are expanded, with the zero point where there is no code.
class byte_source {
 public:
  using chunk_type = const std::byte*;
  static constexpr bool narrow = false;

  byte_source(const packed_matrix& w, const std::byte* panel)
      : bits_(w.format().bits),
        levels_(w.format().codebook ? w.levels() : nullptr),
        zero_(static_cast<std::uint8_t>(zero_level(w.format()))),
        next_(panel + w.layout().values_at) {
    if (w.format().encoding != encoding::bitmap) return;
    masks_ = panel + w.layout().masks_at;
    index_t nonzeros = 0;
    for (index_t s = 0; s < w.layout().steps; ++s) nonzeros += std::popcount(mask(s));
    steps_left_ = (nonzeros + step_codes - 1) / step_codes;
  }

  chunk_type chunk(index_t steps) {
    if (masks_ == nullptr)
      read(steps, dense_);
    else
      expand_chunk(steps);
    return dense_;
  }
  template <int Step>
  PARE_INLINE u8x64 step(const chunk_type& chunk) const {
    return load_codes(chunk + Step * step_codes);
  }
  void decode(const chunk_type& chunk, index_t steps, std::byte* out) const {
    std::memcpy(out, chunk, static_cast<std::size_t>(steps * step_codes));
  }

 private:
  std::uint64_t mask(index_t step) const {
    std::uint64_t bits;
    std::memcpy(&bits, masks_ + step * 8, 8);
    return bits;
  }

  // Decodes the next `steps` steps of codes, as levels.
  void read(index_t steps, std::byte* out) {
    decode_chunk(bits_, next_, steps, out);
    next_ += chunk_bytes(bits_, chunk_steps);
    if (levels_ == nullptr) return;
    for (index_t i = 0; i < steps * step_codes; ++i)
      out[i] = static_cast<std::byte>(levels_[std::to_integer<std::size_t>(out[i]) >> (bits_ == 1)]);
  }

  void expand_chunk(index_t steps) {
    for (index_t s = 0; s < steps; ++s) {
      const std::uint64_t bits = mask(next_mask_++);
      if (kept_end_ - kept_begin_ < std::popcount(bits)) refill();
      store_codes(dense_ + s * step_codes, expand(bits, kept_ + kept_begin_, zero_));
      kept_begin_ += std::popcount(bits);
    }
  }

  // Moves what is left, less than a step, to the front and decodes the next chunk of codes behind it.
  void refill() {
    const index_t left = kept_end_ - kept_begin_;
    std::memmove(kept_, kept_ + kept_begin_, static_cast<std::size_t>(left));
    const index_t steps = steps_left_ < chunk_steps ? steps_left_ : chunk_steps;
    read(steps, kept_ + left);
    steps_left_ -= steps;
    kept_begin_ = 0;
    kept_end_ = left + steps * step_codes;
  }

  int bits_;
  const std::uint8_t* levels_;
  std::uint8_t zero_;
  const std::byte* next_;
  const std::byte* masks_ = nullptr;
  index_t steps_left_ = 0;
  index_t next_mask_ = 0;
  index_t kept_begin_ = 0;
  index_t kept_end_ = 0;
  alignas(64) std::byte dense_[chunk_steps * step_codes];
  // Room for what is left of a chunk, the next one, and an expansion that reads on to its end.
  alignas(64) std::byte kept_[(chunk_steps + 2) * step_codes];
};
