// The memory of one run: made once by network::workspace, used by one thread at a time.
#pragma once

#include <vector>

#include <pare/kernels/inputs.hpp>

namespace pare {

class network;

class workspace {
 public:
  // The largest batch that it has room for.
  index_t batch() const noexcept { return batch_; }

 private:
  friend class network;

  // `width` floats per sample and buffer.
  workspace(index_t batch, index_t width, std::size_t saved, std::uint64_t structure)
      : batch_(batch), structure_(structure), inputs_(batch) {
    const auto buffer = [&] { return detail::aligned_array<float>(static_cast<std::size_t>(batch * width)); };
    current_ = buffer();
    next_ = buffer();
    for (std::size_t i = 0; i < saved; ++i) saved_.push_back(buffer());
  }

  index_t batch_;
  std::uint64_t structure_;  // of the network that it was made for
  detail::input_buffer inputs_;
  detail::aligned_array<float> current_;
  detail::aligned_array<float> next_;
  std::vector<detail::aligned_array<float>> saved_;
};

}  // namespace pare
