// The blocks of columns that steps of listed nonzeros belong to.
#pragma once

#include <cstddef>
#include <cstdint>

#include <pare/storage/panel.hpp>

namespace pare::detail {

// Where the inputs of steps lie, block by block.
class block_list {
 public:
  block_list(index_t block_steps, const std::byte* counts) : most_steps_(block_steps), next_count_(counts) {}

  // The first columns of the blocks of the next steps of a group with `blocks` blocks, of which those before `block`
  // are done. Returns the number of steps.
  index_t fill(index_t& block, index_t blocks) {
    return most_steps_ == most_block_steps ? fill_blocks<most_block_steps>(block, blocks)
                                           : fill_blocks<least_block_steps>(block, blocks);
  }
  const std::int32_t* at() const { return at_; }

 private:
  template <index_t MostSteps>
  index_t fill_blocks(index_t& block, index_t blocks) {
    index_t steps = 0;
    for (; block < blocks && steps <= capacity - MostSteps; ++block) {
      // All that there may be, without a look at how many there are.
      for (index_t i = 0; i < MostSteps; ++i) at_[steps + i] = static_cast<std::int32_t>(block * MostSteps * step_cols);
      steps += std::to_integer<index_t>(*next_count_++);
    }
    return steps;
  }

  static constexpr index_t capacity = 256;
  index_t most_steps_;  // of a block
  const std::byte* next_count_;
  std::int32_t at_[capacity];
};

}  // namespace pare::detail
