// Decoders: from the bytes of a format to vectors of 64 codes. Written once, in the words of the vocabulary.

// The bits of one plane at a step of a whole chunk, moved to their place in the code. 1-bit codes become 0 and 2.
template <int Bits, std::size_t Plane>
PARE_INLINE u8x64 decode_plane(const std::byte* chunk, int step) {
  constexpr plane p = planes_of(Bits).planes[Plane];
  constexpr index_t at = plane_at(Bits, Plane);
  const u8x64 bytes = load_codes(chunk + at + step * p.width / 8 * step_codes);
  return p.width == 8 ? bytes : field(bytes, step * p.width % 8, p.width, Bits == 1 ? 1 : p.low_bit);
}

template <int Bits>
PARE_INLINE u8x64 decode_step(const std::byte* chunk, int step) {
  u8x64 codes = decode_plane<Bits, 0>(chunk, step);
  if constexpr (planes_of(Bits).count > 1) codes = bit_or(codes, decode_plane<Bits, 1>(chunk, step));
  if constexpr (planes_of(Bits).count > 2) codes = bit_or(codes, decode_plane<Bits, 2>(chunk, step));
  return codes;
}

// The 6-bit positions of the last of four steps, of which the first ones have a vector each.
PARE_INLINE u8x64 join_position(const u8x64& a, const u8x64& b, const u8x64& c) {
  return bit_or(bit_or(field(a, 6, 2, 0), field(b, 6, 2, 2)), field(c, 6, 2, 4));
}
// The positions of a step of a chunk, of 6 bits with any bits above them, or of 8.
PARE_INLINE u8x64 load_position(int bits, const std::byte* positions, index_t step) {
  if (bits == 8) return load_codes(positions + step * step_codes);
  const std::byte* const four = positions + step / 4 * 3 * step_codes;
  if (step % 4 < 3) return load_codes(four + step % 4 * step_codes);
  return join_position(load_codes(four), load_codes(four + step_codes), load_codes(four + 2 * step_codes));
}

// Reads every line of [from, to), in order, and waits for none. What fetches memory ahead of a processor follows one
// stream of lines without a gap: where what lies first in a panel is needed all along the way, as scales are, it is
// read first and so waits in the first-level cache.
inline void read_lines(const std::byte* from, const std::byte* to) {
  for (; from < to; from += 64) [[maybe_unused]] const std::byte read = *static_cast<const volatile std::byte*>(from);
}

// How much of a panel is read that way at the least, where weights come from memory: with less, what fetches ahead has
// not got into its stride when the products begin.
inline constexpr index_t least_read_first = 3072;
inline constexpr std::size_t from_memory = std::size_t{2} << 20;  // bytes of weights that are more than a core keeps

inline void read_first(const packed_matrix& w, const std::byte* panel, const std::byte* codes) {
  const index_t bytes = w.layout().panel_bytes;
  const std::byte* to = panel + (bytes < least_read_first ? bytes : least_read_first);
  if (to < codes || w.bytes().size() < from_memory) to = codes;
  read_lines(panel, to);
}

// How far ahead weights are asked for, in bytes.
inline constexpr index_t prefetch_distance = 4096;

template <index_t Bytes>
PARE_INLINE void prefetch_lines(const std::byte* at) {
  PARE_UNROLL
  for (index_t line = 0; line < Bytes; line += 64) prefetch(at + line + prefetch_distance);
}

// ---- To bytes: plane after plane, with as little code as can be.

// A plane of a whole chunk, written as bytes, or added to those that planes before have left there.
template <int Width, bool Add>
void write_plane(const std::byte* vectors, int low_bit, std::byte* out) {
  for (int vector = 0; vector < Width; ++vector, vectors += step_codes) {
    prefetch(vectors + prefetch_distance);
    const u8x64 bytes = load_codes(vectors);
    PARE_UNROLL
    for (int bit = 0; bit < 8; bit += Width, out += step_codes) {
      if constexpr (Add)
        store_codes(out, bit_or(load_codes(out), field(bytes, bit, Width, low_bit)));
      else
        store_codes(out, field(bytes, bit, Width, 0));
    }
  }
}

// The first steps of a plane of a last chunk.
inline void write_steps(plane p, const std::byte* vectors, index_t steps, std::byte* out) {
  for (index_t s = 0; s < steps; ++s, out += step_codes) {
    const u8x64 bytes = load_codes(vectors + s * p.width / 8 * step_codes);
    const u8x64 codes = field(bytes, static_cast<int>(s * p.width % 8), p.width, p.low_bit);
    store_codes(out, p.low_bit > 0 ? bit_or(load_codes(out), codes) : codes);
  }
}

inline void write_plane(plane p, const std::byte* vectors, std::byte* out) {
  switch (p.width) {
    case 1:
      return p.low_bit > 0 ? write_plane<1, true>(vectors, p.low_bit, out) : write_plane<1, false>(vectors, 0, out);
    case 2:
      return p.low_bit > 0 ? write_plane<2, true>(vectors, p.low_bit, out) : write_plane<2, false>(vectors, 0, out);
    case 4: return write_plane<4, false>(vectors, 0, out);
    default: return write_plane<8, false>(vectors, 0, out);
  }
}

// Writes the bits of the codes of a run of steps, which begins a chunk, as bytes.
inline void write_planes(int bits, const std::byte* planes, index_t steps, std::byte* out) {
  const plane_list& list = planes_by_bits[static_cast<std::size_t>(bits)];
  for (; steps >= chunk_steps; steps -= chunk_steps, out += chunk_steps * step_codes)
    for (const plane& p : list) {
      write_plane(p, planes, out);
      planes += p.width * step_codes;
    }
  for (const plane& p : list) {
    write_steps(p, planes, steps, out);
    planes += plane_vectors(p.width, steps) * step_codes;
  }
}

// The same as codes: 1-bit codes become 0 and 2.
inline void decode_codes(int bits, const std::byte* planes, index_t steps, std::byte* out) {
  write_planes(bits, planes, steps, out);
  if (bits > 1) return;
  for (const std::byte* end = out + steps * step_codes; out != end; out += step_codes)
    store_codes(out, field(load_codes(out), 0, 1, 1));
}
