// compress: a network made small for a goal, with a report. Opt-in, as it brings all methods that look at inputs.
#pragma once

#include <pare/compress/report_svg.hpp>
#include <pare/compress/search.hpp>
#include <pare/train/dataset.hpp>

namespace pare {

struct compression {
  pare::network network{1};
  compression_report report;
};

namespace detail {

inline network_report network_report_of(const candidate& c) {
  return {c.file_bytes, c.memory_bytes, c.answers, c.wrong_of_all, 0};
}

inline double share_of_zeros(const linear& layer) {
  const row_major_matrix weights = dense_weights(layer);
  return weights.size() == 0
             ? 0
             : static_cast<double>((weights.array() == 0).count()) / static_cast<double>(weights.size());
}

// Microseconds of a layer with one sample.
inline double layer_latency(const linear& layer) {
  network alone(layer.inputs());
  return measure_latency(alone.add(layer));
}

// What a reader of the report should look at first.
inline std::vector<std::string> warnings_of(const compression_report& report, const network_compressor& source,
                                            const network& small) {
  std::vector<std::string> warnings;
  const std::vector<double> blame = shares_of_error(report);
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const layer_report& l = report.layers[i];
    const input_statistics& inputs = source.seen().inputs_of(l.layer);
    if (report.layers.size() > 1 && blame[i] > 0.5)
      warnings.push_back(text("layer ", l.layer, " has ", std::round(100 * blame[i]), " % of the error"));
    if (inputs.samples() < inputs.inputs())
      warnings.push_back(text("layer ", l.layer, " has ", inputs.inputs(), " inputs, of which ", inputs.samples(),
                              " samples say little: more calibration inputs would help"));
    if (2 * inputs.dead_inputs() > inputs.inputs())
      warnings.push_back(text(inputs.dead_inputs(), " of ", inputs.inputs(), " inputs of layer ", l.layer,
                              " were zero in all calibration inputs"));
    if ((inputs.low().array() == inputs.high().array()).all())
      warnings.push_back(text("all calibration inputs of layer ", l.layer, " are the same"));
    const auto& now = std::get<linear>(small.layers()[l.layer]);
    const double compressed = layer_latency(now),
                 dense = layer_latency(linear(pack_dense(dense_weights(now)), now.bias()));
    if (compressed > 1.1 * dense)
      warnings.push_back(
          text("layer ", l.layer, " takes ", compressed, " us, with dense 32-bit weights it would take ", dense));
  }
  return warnings;
}

inline compression_report report_of(const compression_search& search, const candidate& best, bytes_of of) {
  compression_report report;
  report.after = network_report_of(best);
  report.after.memory_bytes = best.network.bytes();
  report.after.microseconds = measure_latency(best.network);
  const network& original = search.original();
  report.before = {coded_size(original, coding::small), original.bytes(), search.check().original(),
                   search.check_of_all().original().wrong, measure_latency(original)};
  for (const candidate* c : search.front(of)) report.tried.push_back(network_report_of(*c));
  report.neuron_loss = best.neuron_loss.value_or(0);
  report.in_sequence = best.in_sequence;
  report.calibration_samples = search.calibration_inputs().cols();
  report.checked_samples = search.check().samples();
  report.has_labels = search.check().has_labels();
  network_compressor source(search.source_of(best), search.calibration_inputs(), search.threads());
  for (std::size_t l = 0; l < source.size(); ++l) {
    std::vector<const layer_setting*> only(source.size());
    only[l] = &best.settings[l];
    const compressed_layer& small = source.compress(l, best.settings[l]);
    const auto& layer = std::get<linear>(best.network.layers()[source.number(l)]);
    report.layers.push_back({source.number(l), layer.outputs(), layer.inputs(), best.settings[l],
                             std::string(name(layer.weights().format().encoding)), share_of_zeros(layer),
                             coded_size(network(layer.inputs()).add(layer), coding::small), layer.bytes(), small.error,
                             search.check().measure(source.assemble(only))});
  }
  report.warnings = warnings_of(report, source, best.network);
  return report;
}

}  // namespace detail

// The best network found for a goal, and a report on it. `search` serves any number of goals.
template <std::same_as<compression_search> Search>
compression compress(const Search& search, const goal& wanted) {
  candidate best = std::visit([&](const auto& g) -> candidate { return search.best(g); }, wanted);
  const auto* room = std::get_if<budget>(&wanted);
  const bytes_of of = room != nullptr ? room->of : bytes_of::file;
  if (of == bytes_of::memory) best.network = pack_smallest(best.network);
  return {best.network, detail::report_of(search, best, of)};
}

// Compresses a trained network by a few hundred inputs [inputs, samples], without any training: tries bits, groups,
// zeros and fewer neurons for each layer, with codes and weights that make up for each other's errors, and returns what
// suits the goal best. The network is unchanged. Labels, if there are any, say that outputs are probabilities and how
// good the answers are; nothing is fitted to them. Errors as for compression_search and its best().
template <std::same_as<network> Network>
compression compress(const Network& net, const dataset& data, const goal& wanted,
                     const compress_options& options = {}) {
  return compress(compression_search(net, data.inputs, data.labels, options), wanted);
}
template <std::same_as<network> Network, tensor_like X>
compression compress(const Network& net, const X& inputs, const goal& wanted, const compress_options& options = {}) {
  const auto samples = as_samples(inputs);
  Eigen::MatrixXf columns(samples.cols(), samples.rows());
  samples.read_rows(0, samples.rows(), columns.data());
  return compress(compression_search(net, columns, {}, options), wanted);
}

}  // namespace pare
