// compress: a network made small for a goal, with a report. Opt-in, as it brings all methods that look at inputs.
#pragma once

#include <pare/compress/make_report.hpp>
#include <pare/compress/report_json.hpp>
#include <pare/compress/report_svg.hpp>
#include <pare/compress/search.hpp>
#include <pare/compress/sensitivity_svg.hpp>
#include <pare/train/dataset.hpp>

namespace pare {

struct compression {
  pare::network network{1};
  compression_report report;
};

// The best network found for a goal, and a report on it. `search` serves any number of goals.
template <std::same_as<compression_search> Search>
compression compress(const Search& search, const goal& wanted) {
  const candidate best = std::visit([&](const auto& g) { return search.best(g); }, wanted);
  const auto* room = std::get_if<budget>(&wanted);
  const auto* time = std::get_if<latency>(&wanted);
  compression result{best.network,
                     make_report(search.data(), best, time != nullptr ? time->batch : 1, search.options().progress)};
  const bytes_of of = room != nullptr ? room->of : bytes_of::file;
  for (const candidate* c : search.front(of)) {
    result.report.tried.push_back(detail::network_report_of(*c));
    if (of == bytes_of::memory) result.report.tried.back().memory_bytes = c->memory_bytes;
  }
  return result;
}

// Compresses a trained network by a few hundred inputs [inputs, samples], without any training: tries bits, groups,
// zeros and fewer neurons for each layer, with codes and weights that make up for each other's errors, and returns what
// suits the goal best; a recipe is followed at once. The network is unchanged. Labels, if there are any, say that
// outputs are probabilities and how good the answers are; nothing is fitted to them. Targets are not looked at. Errors
// as for compression_search, its best() and follow_recipe.
template <std::same_as<network> Network>
compression compress(const Network& net, const dataset& data, const goal& wanted,
                     const compress_options& options = {}) {
  require_valid(wanted, net);
  if (const auto* r = std::get_if<recipe>(&wanted)) {
    const compression_data by(net, data.inputs, data.labels, options.threads);
    const candidate made = follow_recipe(by, *r, options.progress);
    return {made.network, make_report(by, made, 1, options.progress)};
  }
  return compress(compression_search(net, data.inputs, data.labels, options), wanted);
}
template <std::same_as<network> Network, tensor_like X>
compression compress(const Network& net, const X& inputs, const goal& wanted, const compress_options& options = {}) {
  const auto samples = as_samples(inputs);
  dataset data;
  data.inputs.resize(samples.cols(), samples.rows());
  samples.read_rows(0, samples.rows(), data.inputs.data());
  return compress(net, data, wanted, options);
}

}  // namespace pare
