// The blocks of columns that steps of listed nonzeros belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <pare/storage/panel.hpp>

namespace pare::detail {

// Where the inputs of steps lie, block by block.
class block_list {
 public:
  block_list(const panel_layout& layout, const std::byte* panel)
      : block_steps_(layout.block_steps),
        next_count_(panel + layout.index_at),
        counts_end_(next_count_ + layout.blocks) {}

  // The blocks of the next steps of a group with `blocks` blocks, of which those before `block` are done: at()[first +
  // s] for step s, counted from the block that was the next one, in units of least_block_steps. `first` is below
  // chunk_steps. Returns the number of steps.
  index_t fill(index_t& block, index_t blocks) {
    return block_steps_ == most_block_steps ? fill<most_block_steps>(block, blocks, 0)
                                            : fill<least_block_steps>(block, blocks, 0);
  }
  template <index_t BlockSteps>
  index_t fill(index_t& block, index_t blocks, index_t first) {
    constexpr index_t units = BlockSteps / least_block_steps;
    const index_t most = (capacity - first) / BlockSteps;
    const index_t count = blocks - block < most ? blocks - block : most;
    const std::byte* const counts = next_count_;
    constexpr std::uint64_t in_each = in_each_byte(units);
    std::uint64_t eight = 0;
    index_t steps = first;
    for (index_t i = 0; i < count; ++i, eight += in_each) {
      // All that there may be, without a look at how many there are.
      for (index_t j = 0; j < BlockSteps; j += 8) std::memcpy(at_ + steps + j, &eight, 8);
      steps += std::to_integer<index_t>(counts[i]);
    }
    next_count_ += count;
    block += count;
    return steps - first;
  }
  const std::uint8_t* at() const { return at_; }

  // `steps` and those of the blocks that follow, of this group and the next ones; no more than `most`.
  index_t add_following(index_t steps, index_t most) const {
    for (const std::byte* count = next_count_; count != counts_end_ && steps < most; ++count)
      steps += std::to_integer<index_t>(*count);
    return steps < most ? steps : most;
  }

 private:
  static constexpr index_t capacity = 256 * least_block_steps;
  index_t block_steps_;
  const std::byte* next_count_;
  const std::byte* counts_end_;
  std::uint8_t at_[capacity];
};

}  // namespace pare::detail
