// How a batch goes over a panel: codes are decoded once, a run of steps at a time, and every run is multiplied with
// tiles of samples while it is in the first-level cache. What a sample has summed up so far waits in memory.

// Samples that go over the panels together: their inputs of 8 bits stay in the second-level cache.
inline constexpr index_t slice_samples = 64;

// Calls visit(tile, first) for tiles that cover `samples`; the number of samples in one is a constant, Tile or 1. A
// rest of up to half a tile is taken one by one, a longer one by a tile that hangs over.
template <int Tile, class Visit>
PARE_INLINE void for_each_tile(index_t samples, Visit&& visit) {
  constexpr index_t half = Tile / 2;
  index_t first = 0;
  for (; samples - first > half; first += Tile) visit(std::integral_constant<int, Tile>(), first);
  for (; first < samples; ++first) visit(std::integral_constant<int, 1>(), first);
}

// Functions that add to the samples of a whole tile, or to a single one.
template <class Function>
struct tile_adders {
  Function whole, single;

  template <int Tile>
  PARE_INLINE Function of(std::integral_constant<int, Tile>) const {
    return Tile == 1 ? single : whole;
  }
};

// Where the inputs of the samples of a tile lie. Those behind the end of the batch are its last one once more.
template <int Tile, class T>
struct tile_inputs {
  const T* x[Tile];

  PARE_INLINE tile_inputs(const T* inputs, const multiply_arguments& a, index_t sample) {
    PARE_UNROLL
    for (int b = 0; b < Tile; ++b) x[b] = inputs + (sample + b < a.batch ? sample + b : a.batch - 1) * a.x.stride;
  }
};

// Calls walk(parameters, panel, first sample, samples, states) for slices of the batch, of Slice samples, and all
// panels of the range, and then stores the outputs of state.output(parameters, bias). States are cleared; behind those
// of the samples is room for a tile that hangs over.
template <class State, int Tile, index_t Slice = slice_samples, class Walk>
PARE_INLINE void for_each_slice(const multiply_arguments& a, Walk&& walk) {
  State states[Slice + Tile];
  for (index_t sample = 0; sample < a.batch; sample += Slice) {
    const index_t count = a.batch - sample < Slice ? a.batch - sample : Slice;
    for (index_t panel = a.panel_begin; panel < a.panel_end; ++panel) {
      const group_parameters parameters(*a.weights, panel);
      for (index_t b = 0; b < count + Tile - 1; ++b) states[b].clear();
      walk(parameters, panel, sample, count, states);
      float* y = a.y + sample * a.y_stride + panel * panel_rows;
      for (index_t b = 0; b < count; ++b)
        store(y + b * a.y_stride, states[b].output(parameters, a.bias + panel * panel_rows));
    }
  }
}

// Calls visit(group, part, begins, ends) for the parts of groups that lie in a range of steps, with whether each begins
// and ends with its group.
template <class Visit>
PARE_INLINE void for_each_group_part(const panel_layout& layout, step_range range, Visit&& visit) {
  index_t group = range.begin / layout.group_steps;
  index_t group_begin = group * layout.group_steps;
  for (index_t at = range.begin; at < range.end; ++group) {
    const index_t full_end = group_begin + layout.group_steps;
    const index_t group_end = full_end < layout.steps ? full_end : layout.steps;
    const index_t end = group_end < range.end ? group_end : range.end;
    visit(group, step_range{at, end}, at == group_begin, end == group_end);
    at = end;
    group_begin = full_end;
  }
}
