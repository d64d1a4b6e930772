// network_compressor: a network with any setting for each of its layers.
#pragma once

#include <deque>
#include <span>
#include <utility>

#include <pare/compress/calibrate.hpp>
#include <pare/compress/layer_compressor.hpp>

namespace pare {

// Sees once what goes into the layers of a network, and remembers every layer that it was asked for. Linear layers are
// counted by themselves, from 0 on.
class network_compressor {
 public:
  // `inputs` [inputs, samples] calibrate it; the network is copied. Errors as for calibrate and layer_compressor.
  template <std::same_as<network> Network>
  network_compressor(const Network& net, const Eigen::MatrixXf& inputs, executor* threads = nullptr)
      : net_(net), seen_(calibrate(net, inputs, threads)) {
    for (std::size_t i = 0; i < net_.layers().size(); ++i)
      if (const auto* layer = std::get_if<linear>(&net_.layers()[i]))
        layers_.push_back({i, layer_compressor(*layer, seen_.inputs_of(i), threads), {}});
  }
  network_compressor(const network_compressor&) = delete;  // layers refer to what was seen
  network_compressor& operator=(const network_compressor&) = delete;

  const network& original() const noexcept { return net_; }
  const calibration& seen() const noexcept { return seen_; }

  // How many linear layers there are, and the number that one has among all layers. Throws value_error for one too
  // many.
  std::size_t size() const noexcept { return layers_.size(); }
  std::size_t number(std::size_t layer) const {
    require_layer(layer);
    return layers_[layer].number;
  }

  // Errors and complexity as layer_compressor::compress and number, once for each layer and setting.
  const compressed_layer& compress(std::size_t layer, const layer_setting& setting) {
    require_layer(layer);
    entry& at = layers_[layer];
    for (const auto& [made_with, made] : at.made)
      if (made_with == setting) return made;
    return at.made.emplace_back(setting, at.compressor.compress(setting)).second;
  }

  // The network with a setting for each linear layer; null leaves a layer as it is. Throws shape_error for another
  // number of settings, else as compress.
  network assemble(std::span<const layer_setting* const> settings) {
    detail::require<shape_error>(settings.size() == size(), "there are ", settings.size(), " settings for ", size(),
                                 " linear layers");
    std::size_t next = 0;
    return replace_linear(net_, [&](std::size_t, const linear& l) {
      const std::size_t layer = next++;
      return settings[layer] != nullptr ? compress(layer, *settings[layer]).layer : l;
    });
  }

  // The same with settings for all.
  network assemble(const std::vector<layer_setting>& settings) {
    std::vector<const layer_setting*> all;
    for (const layer_setting& setting : settings) all.push_back(&setting);
    return assemble(all);
  }

 private:
  void require_layer(std::size_t layer) const {
    detail::require<value_error>(layer < size(), "layer is ", layer, ", there are ", size(), " linear layers");
  }

  struct entry {
    std::size_t number;
    layer_compressor compressor;
    std::deque<std::pair<layer_setting, compressed_layer>> made;  // which stay where they are
  };

  network net_;
  calibration seen_;
  std::deque<entry> layers_;  // compressors are large, and not moved
};

}  // namespace pare
