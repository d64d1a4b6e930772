// make_report: looks at a compressed network for its report.
#pragma once

#include <pare/compress/compression_data.hpp>
#include <pare/compress/in_sequence.hpp>
#include <pare/compress/measure_latency.hpp>
#include <pare/compress/network_compressor.hpp>
#include <pare/compress/report.hpp>

namespace pare {
namespace detail {

// As it is packed.
inline network_report network_report_of(const candidate& c) {
  return {c.file_bytes, c.network.bytes(), c.answers, c.wrong_of_all};
}

inline double share_of_zeros(const linear& layer) {
  const row_major_matrix weights = dense_weights(layer);
  return weights.size() == 0
             ? 0
             : static_cast<double>((weights.array() == 0).count()) / static_cast<double>(weights.size());
}

// Squared error of what comes out of a layer, of its square.
inline double output_error(const network& before, const network& after, std::size_t layer,
                           const Eigen::MatrixXf& inputs, executor* threads) {
  const index_t batch = std::min<index_t>(256, inputs.cols());
  features_of_layer exact(before, layer + 1, batch, threads), now(after, layer + 1, batch, threads);
  double squares = 0, energy = 0;
  for (index_t begin = 0; begin < inputs.cols(); begin += batch) {
    const Eigen::MatrixXf part = inputs.middleCols(begin, std::min(batch, inputs.cols() - begin));
    const Eigen::MatrixXd y = exact(part);
    squares += (now(part) - y).squaredNorm();
    energy += y.squaredNorm();
  }
  return energy > 0 ? squares / energy : 0;
}

inline index_t neurons_of(const network& net) {
  index_t all = 0;
  for (const any_layer& layer : net.layers())
    if (const auto* l = std::get_if<linear>(&layer)) all += l->outputs();
  return all;
}

inline void warn_of_inputs(const layer_report& l, const input_statistics& inputs, std::vector<std::string>& warnings) {
  if (inputs.samples() < inputs.inputs())
    warnings.push_back(text("layer ", l.layer, " has ", inputs.inputs(), " inputs, of which ", inputs.samples(),
                            " samples say little: more calibration inputs would help"));
  if ((inputs.low().array() == inputs.high().array()).all())
    warnings.push_back(text("all calibration inputs of layer ", l.layer, " are the same"));
  else if (2 * inputs.dead_inputs() > inputs.inputs())
    warnings.push_back(text(inputs.dead_inputs(), " of ", inputs.inputs(), " inputs of layer ", l.layer,
                            " were zero in all calibration inputs"));
}

inline void warn_of_latency(const layer_report& l, const linear& layer, index_t batch,
                            std::vector<std::string>& warnings) {
  const auto microseconds = [&](const linear& of) { return measure_latency(network(of.inputs()).add(of), batch); };
  const double compressed = microseconds(layer),
               dense = microseconds(linear(pack_dense(dense_weights(layer)), layer.bias()));
  constexpr double noise = 0.2;  // microseconds
  if (compressed > 1.1 * dense + noise)
    warnings.push_back(text("layer ", l.layer, " takes ", fixed(compressed, 2),
                            " us, with dense 32-bit weights it would take ", fixed(dense, 2)));
}

}  // namespace detail

// Of a candidate made by `data`, timed with `batch` samples at once. Errors as for network_compressor, value_error for
// a batch below 1, and `cancelled`.
template <std::same_as<candidate> Candidate>
compression_report make_report(const compression_data& data, const Candidate& of, index_t batch = 1,
                               const compress_callback& callback = {}) {
  const network &original = data.original(), &source = *of.source;
  compression_report report;
  report.before = {coded_size(original, coding::small), original.bytes(), data.held_out().original(),
                   data.all().original().wrong, measure_latency(original, batch)};
  report.after = detail::network_report_of(of);
  report.after.microseconds = of.microseconds ? *of.microseconds : measure_latency(of.network, batch);
  report.batch = batch;
  report.neurons_removed = detail::neurons_of(original) - detail::neurons_of(source);
  report.narrowing = data.held_out().measure(source);
  report.in_sequence = of.in_sequence;
  report.calibration_samples = data.calibration_inputs().cols();
  report.checked_samples = data.held_out().samples();
  report.has_labels = data.held_out().has_labels();

  network_compressor compressor(source, data.calibration_inputs(), data.threads());
  const output_check check = data.held_out_check(source);
  for (std::size_t i = 0; i < compressor.size(); ++i) {
    detail::tell(callback, "looking at layers for the report", i, compressor.size());
    const std::size_t number = compressor.number(i);
    const auto& layer = std::get<linear>(of.network.layers()[number]);
    layer_report& l = report.layers.emplace_back();
    l.layer = number;
    l.outputs = layer.outputs();
    l.inputs = layer.inputs();
    l.bits = layer.weights().format().bits;
    l.encoding = name(layer.weights().format().encoding);
    l.zeros = detail::share_of_zeros(layer);
    l.file_bytes = coded_size(layer);
    l.memory_bytes = layer.bytes();
    l.output_error = detail::output_error(source, of.network, number, check.inputs(), data.threads());
    l.alone = check.original();
    if (!of.settings.empty()) {
      std::vector<const layer_setting*> only(compressor.size());
      l.setting = of.settings[i];
      only[i] = &*l.setting;
      l.alone = check.measure(compressor.assemble(only));
    }
    detail::warn_of_inputs(l, compressor.seen().inputs_of(number), report.warnings);
    detail::warn_of_latency(l, layer, batch, report.warnings);
  }
  const std::vector<double> blame = detail::shares_of_error(report).layers;
  for (std::size_t i = 0; i < blame.size(); ++i)
    if (blame.size() > 1 && blame[i] > 0.5)
      report.warnings.push_back(
          detail::text("layer ", report.layers[i].layer, " has ", std::round(100 * blame[i]), " % of the error"));
  return report;
}

}  // namespace pare
