// candidate: a compressed network among those that one is chosen from.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include <pare/compress/goal.hpp>
#include <pare/compress/output_check.hpp>

namespace pare {

struct candidate {
  std::shared_ptr<const pare::network> source{};  // what was compressed: the network as it was, or with fewer neurons
  double neuron_loss = 0;                         // of narrow_network, which the source is from
  std::vector<layer_setting> settings{};          // of the linear layers; none where they are the source's
  bool in_sequence = false;                       // by compress_in_sequence, else each layer by itself
  pare::network network{1};
  std::size_t file_bytes = 0;            // coding::small
  std::size_t memory_bytes = 0;          // of pack_smallest(network)
  answer_change answers{};               // for the inputs held out
  double wrong_of_all = 0;               // answer_change::wrong for all inputs
  std::optional<double> microseconds{};  // of a run, where it was chosen by them

  std::size_t bytes(bytes_of of) const { return of == bytes_of::file ? file_bytes : memory_bytes; }
};

}  // namespace pare
