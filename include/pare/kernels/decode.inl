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
