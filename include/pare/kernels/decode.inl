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

// How far ahead weights are asked for, in bytes.
inline constexpr index_t prefetch_distance = 4096;

template <int Bits>
PARE_INLINE void prefetch_chunk(const std::byte* planes) {
  for (index_t line = 0; line < chunk_bytes(Bits, chunk_steps); line += 64) prefetch(planes + line + prefetch_distance);
}

// ---- To bytes.

template <int Bits, int... Step>
PARE_INLINE void decode_chunk(const chunk_planes<Bits>& chunk, index_t steps, std::byte* out,
                              std::integer_sequence<int, Step...>) {
  ((Step < steps ? store_codes(out + Step * step_codes, decode_step<Bits, Step>(chunk)) : void()), ...);
}

template <int Bits>
void decode_planes(const std::byte* planes, index_t steps, std::byte* out) {
  constexpr std::make_integer_sequence<int, chunk_steps> each;
  for (; steps >= chunk_steps; steps -= chunk_steps, out += chunk_steps * step_codes) {
    prefetch_chunk<Bits>(planes);
    decode_chunk<Bits>({planes, chunk_steps}, chunk_steps, out, each);
    planes += chunk_bytes(Bits, chunk_steps);
  }
  if (steps > 0) decode_chunk<Bits>({planes, steps}, steps, out, each);
}

// Writes the codes of a run of steps, which begins a chunk, as bytes.
inline void decode_planes(int bits, const std::byte* planes, index_t steps, std::byte* out) {
  switch (bits) {
    case 1: return decode_planes<1>(planes, steps, out);
    case 2: return decode_planes<2>(planes, steps, out);
    case 3: return decode_planes<3>(planes, steps, out);
    case 4: return decode_planes<4>(planes, steps, out);
    case 5: return decode_planes<5>(planes, steps, out);
    case 6: return decode_planes<6>(planes, steps, out);
    case 7: return decode_planes<7>(planes, steps, out);
    default: return decode_planes<8>(planes, steps, out);
  }
}
