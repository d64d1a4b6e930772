// sensitivity: what each layer of a network can bear.
#pragma once

#include <pare/compress/network_compressor.hpp>
#include <pare/compress/output_check.hpp>
#include <pare/compress/progress.hpp>
#include <pare/compress/text.hpp>

namespace pare {

// One layer under one setting, everything else as it was.
struct layer_sensitivity {
  std::size_t layer = 0;  // its number in the network
  layer_setting setting;
  std::size_t bytes = 0;   // of the layer in a file, coding::small
  double layer_error = 0;  // squared error of the layer's outputs, of their square
  answer_change answers;   // of the network
};

// Settings of 2 to 8 bits, dense, and of 3 to 6 bits with half to nine tenths of zeros.
inline std::vector<layer_setting> common_settings() {
  std::vector<layer_setting> settings;
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    settings.push_back({.bits = bits});
    settings.push_back({.bits = bits, .scheme = scheme::symmetric, .group_size = 0});
  }
  for (const double sparsity : {0.5, 0.7, 0.8, 0.9, 0.95})
    for (const int bits : {3, 4, 6})
      settings.push_back({.bits = bits, .scheme = scheme::symmetric, .group_size = 0, .sparsity = sparsity});
  return settings;
}

// Puts every linear layer of a network under every setting in turn and looks at the answers that come out: layers in
// their order, each with all settings in the order given. Throws shape_error where the check is of another network and
// what require_valid throws.
template <std::same_as<network_compressor> Compressor>
std::vector<layer_sensitivity> sensitivity(Compressor& of, const output_check& check,
                                           const std::vector<layer_setting>& settings = common_settings(),
                                           const step_progress& progress = {}) {
  require_valid(settings);
  std::vector<layer_sensitivity> rows;
  std::vector<const layer_setting*> changed(of.size());
  for (std::size_t layer = 0; layer < of.size(); ++layer)
    for (const layer_setting& setting : settings) {
      const compressed_layer& small = of.compress(layer, setting);
      changed.assign(of.size(), nullptr);
      changed[layer] = &setting;
      rows.push_back({of.number(layer), setting, small.bytes, small.error, check.measure(of.assemble(changed))});
      if (progress) progress(rows.size(), of.size() * settings.size());
    }
  return rows;
}

// A table of text, a line for each row.
inline std::string to_text(const std::vector<layer_sensitivity>& rows) {
  std::string text =
      "layer  setting                                   bytes  layer SQNR, dB  output SQNR, dB  wrong, %\n";
  for (const layer_sensitivity& row : rows)
    text += detail::formatted("%5zu  %-38s  %8zu  %14s  %15s  %8s\n", row.layer, describe(row.setting), row.bytes,
                              detail::fixed(detail::decibel(row.layer_error), 1),
                              detail::fixed(detail::decibel(row.answers.error), 1),
                              detail::fixed(100 * row.answers.wrong, 2));
  return text;
}

}  // namespace pare
