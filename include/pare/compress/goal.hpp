// What a compressed network is wanted for.
#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include <pare/compress/layer_setting.hpp>
#include <pare/nn/quantize.hpp>

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

// The smallest file that gets at most so many more points (percent of the inputs) wrong, of the inputs held out and of
// all of them. At least 0.
struct accuracy_loss {
  double points = 0.5;
};

// The best answers of what runs in so many microseconds, on this machine, by one thread. More than 0.
struct latency {
  double microseconds = 0;
  index_t batch = 1;
};

// One setting for each linear layer, or one for all of them.
struct recipe {
  std::vector<layer_setting> settings;
};

using goal = std::variant<budget, accuracy_loss, latency, recipe>;

// Throw value_error for a goal that no search can reach for a network.
inline void require_valid(const budget&, const network&) {}
inline void require_valid(const accuracy_loss& wanted, const network& net) {
  detail::require<value_error>(net.outputs() > 1, "the network has 1 output, an accuracy needs one for each class");
  detail::require<value_error>(wanted.points >= 0, "points is ", wanted.points, ", must not be negative");
}
inline void require_valid(const latency& wanted, const network&) {
  detail::require<value_error>(wanted.microseconds > 0, "microseconds is ", wanted.microseconds, ", must be positive");
  detail::require<value_error>(wanted.batch >= 1, "batch is ", wanted.batch, ", must be at least 1");
}
inline void require_valid(const recipe& wanted, const network& net) {
  const std::size_t layers = linear_layers(net);
  detail::require<shape_error>(wanted.settings.size() == 1 || wanted.settings.size() == layers, "there are ",
                               wanted.settings.size(), " settings for ", layers, " linear layers");
  require_valid(wanted.settings);
}
inline void require_valid(const goal& wanted, const network& net) {
  std::visit([&](const auto& g) { require_valid(g, net); }, wanted);
}

}  // namespace pare
