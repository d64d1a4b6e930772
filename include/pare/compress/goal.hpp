// What a compressed network is wanted for.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include <pare/compress/layer_setting.hpp>

namespace pare {

// Where bytes are counted.
enum class bytes_of {
  file,    // written with coding::small
  memory,  // that a run reads
};

// The best answers in at most so many bytes.
struct budget {
  std::size_t bytes = 0;
  bytes_of of = bytes_of::file;
};

// The smallest file that gets at most so many more points (percent of the inputs) wrong.
struct accuracy_loss {
  double points = 0.5;
};

// The best answers of what runs in so many microseconds, on this machine, by one thread.
struct latency {
  double microseconds = 0;
  index_t batch = 1;
};

// One setting for each linear layer, or one for all of them.
struct recipe {
  std::vector<layer_setting> settings;
};

using goal = std::variant<budget, accuracy_loss, latency, recipe>;

}  // namespace pare
