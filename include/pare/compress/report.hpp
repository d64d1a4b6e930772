// compression_report: what was made of a network, layer by layer, and what it cost.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <pare/compress/layer_setting.hpp>
#include <pare/compress/output_check.hpp>
#include <pare/compress/text.hpp>

namespace pare {

// One linear layer.
struct layer_report {
  std::size_t layer = 0;  // its number in the network
  index_t outputs = 0, inputs = 0;
  std::optional<layer_setting> setting;  // none where it is as it was
  int bits = 0;                          // of a code; 32 or 16 of dense weights
  std::string encoding;                  // in which it is packed
  double zeros = 0;                      // share of the weights
  std::size_t file_bytes = 0;            // coding::small
  std::size_t memory_bytes = 0;          // that a run reads
  // Squared error of its outputs in the network, of their square, for the inputs held out, with what comes from the
  // layers before it. As `alone` compared with the network without the neurons that were removed.
  double output_error = 0;
  answer_change alone;  // the network's answers if only this layer is compressed
};

// A network, or what became of it.
struct network_report {
  std::size_t file_bytes = 0;                                      // coding::small
  std::size_t memory_bytes = 0;                                    // that a run reads
  answer_change answers;                                           // for the inputs held out
  double wrong_of_all = 0;                                         // answer_change::wrong for all inputs
  double microseconds = std::numeric_limits<double>::quiet_NaN();  // of a run with `batch` samples, on this machine
};

struct compression_report {
  std::vector<layer_report> layers;
  network_report before, after;
  std::vector<network_report> tried;  // not timed: from the fewest bytes on (of the kind of the goal), the best answers
  index_t batch = 1;                  // samples of a run that was timed
  index_t neurons_removed = 0;        // before anything else
  answer_change narrowing;            // the network's answers if only these neurons are removed
  bool in_sequence = false;           // whether each layer makes up for what was done to those before it
  index_t calibration_samples = 0, checked_samples = 0;
  bool has_labels = false;
  std::vector<std::string> warnings;
};

namespace detail {

inline std::string describe(const layer_report& layer) {
  return layer.setting ? pare::describe(*layer.setting) : "as it was";
}

// Shares of the sum of what each step costs alone; zeros where nothing costs anything.
struct error_shares {
  double narrowing = 0;
  std::vector<double> layers;
};

inline error_shares shares_of_error(const compression_report& report) {
  // What is not finite outweighs all else.
  const auto cost = [](const answer_change& c) { return std::min(c.error, 1e100); };
  double sum = cost(report.narrowing);
  for (const layer_report& l : report.layers) sum += cost(l.alone);
  const double scale = sum > 0 ? 1 / sum : 0;
  error_shares shares{cost(report.narrowing) * scale, {}};
  for (const layer_report& l : report.layers) shares.layers.push_back(cost(l.alone) * scale);
  return shares;
}

inline std::size_t file_bytes_of_layers(const compression_report& report) {
  std::size_t bytes = 0;
  for (const layer_report& l : report.layers) bytes += l.file_bytes;
  return bytes;
}

}  // namespace detail

// A text of a few lines: the network before and after, a line for each layer, warnings.
inline std::string to_text(const compression_report& report) {
  using detail::fixed, detail::formatted;
  std::string text =
      formatted("%6s  %10s  %12s  %8s  %18s  %15s  %9s\n", "", "file bytes", "memory bytes",
                report.has_labels ? "KL, nats" : "error",
                report.has_labels ? "wrong, held out, %" : "other, held out, %", "of all inputs, %", "us");
  for (const auto& [name, n] : {std::pair("before", &report.before), std::pair("after", &report.after)})
    text += formatted("%6s  %10zu  %12zu  %8s  %18s  %15s  %9s\n", name, n->file_bytes, n->memory_bytes,
                      detail::significant(n->answers.error, 3), fixed(100 * n->answers.wrong, 2),
                      fixed(100 * n->wrong_of_all, 2), fixed(n->microseconds, 2));
  constexpr const char* columns = "%5s  %11s  %-36s  %-11s  %8s  %10s  %8s  %8s  %8s\n";
  text += "\n" + formatted(columns, "layer", "shape", "setting", "encoding", "zeros, %", "file bytes", "share, %",
                           "SQNR, dB", "blame, %");
  const auto bytes = static_cast<double>(std::max<std::size_t>(detail::file_bytes_of_layers(report), 1));
  const detail::error_shares blame = detail::shares_of_error(report);
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const layer_report& l = report.layers[i];
    text += formatted(columns, std::to_string(l.layer), std::to_string(l.outputs) + " x " + std::to_string(l.inputs),
                      detail::describe(l), l.encoding, fixed(100 * l.zeros, 1), std::to_string(l.file_bytes),
                      fixed(100 * static_cast<double>(l.file_bytes) / bytes, 1),
                      fixed(detail::decibel(l.output_error), 1), fixed(100 * blame.layers[i], 1));
  }
  if (report.neurons_removed > 0)
    text += formatted(columns, "", "", std::to_string(report.neurons_removed) + " neurons removed", "", "", "", "", "",
                      fixed(100 * blame.narrowing, 1));
  text += formatted("\n%lld inputs calibrated, %lld checked the answers (%s). Microseconds are of %lld at once.\n",
                    static_cast<long long>(report.calibration_samples), static_cast<long long>(report.checked_samples),
                    report.has_labels ? "by their labels" : "by those of the network before",
                    static_cast<long long>(report.batch));
  for (const std::string& warning : report.warnings) text += "Warning: " + warning + ".\n";
  return text;
}

inline std::ostream& operator<<(std::ostream& out, const compression_report& report) { return out << to_text(report); }

}  // namespace pare
