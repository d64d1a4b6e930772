// compression_report: what was made of a network, layer by layer, and what it cost.
#pragma once

#include <cmath>
#include <limits>
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
  layer_setting setting;
  std::string encoding;          // in which it is packed
  double zeros = 0;              // share of the weights
  std::size_t file_bytes = 0;    // by itself, coding::small
  std::size_t memory_bytes = 0;  // that a run reads
  double layer_error = 0;        // squared error of its outputs, of their square, for the inputs that calibrate
  answer_change alone;           // the network's answers if only this layer is compressed
};

// A network, or what became of it.
struct network_report {
  std::size_t file_bytes = 0;  // coding::small
  std::size_t memory_bytes = 0;
  answer_change answers;    // for the inputs held out
  double wrong_of_all = 0;  // answer_change::wrong for all inputs
  double microseconds = 0;  // of a run with one sample, on this machine
};

struct compression_report {
  std::vector<layer_report> layers;
  network_report before, after;
  std::vector<network_report> tried;  // without microseconds: from the fewest bytes on, the best answers
  double neuron_loss = 0;             // share of the variance of layers' outputs that removed neurons were allowed
  bool in_sequence = false;           // whether each layer makes up for what was done to those before it
  index_t calibration_samples = 0, checked_samples = 0;
  bool has_labels = false;
  std::vector<std::string> warnings;
};

namespace detail {

// A number of JSON, which knows no infinity.
inline std::string json_number(double value) { return is_finite(value) ? formatted("%.9g", value) : "null"; }

inline std::string json_string(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

inline std::string json_of(const network_report& n) {
  return "{\"file_bytes\": " + std::to_string(n.file_bytes) + ", \"memory_bytes\": " + std::to_string(n.memory_bytes) +
         ", \"error\": " + json_number(n.answers.error) + ", \"wrong_held_out\": " + json_number(n.answers.wrong) +
         ", \"wrong_of_all\": " + json_number(n.wrong_of_all) + ", \"microseconds\": " + json_number(n.microseconds) +
         "}";
}

// The share of the sum of all layers' errors that each has alone; zeros where there are none.
inline std::vector<double> shares_of_error(const compression_report& report) {
  double sum = 0;
  for (const layer_report& l : report.layers) sum += l.alone.error;
  std::vector<double> shares;
  for (const layer_report& l : report.layers) shares.push_back(sum > 0 ? l.alone.error / sum : 0);
  return shares;
}

}  // namespace detail

// A text of a few lines: the network before and after, a line for each layer, warnings.
inline std::string to_text(const compression_report& report) {
  using detail::formatted;
  std::string text = formatted("%10s  %10s  %12s  %16s  %12s  %9s\n", "", "file bytes", "memory bytes",
                               report.has_labels ? "wrong held out, %" : "other answer, %", "wrong of all", "us");
  for (const auto& [name, n] : {std::pair("before", &report.before), std::pair("after", &report.after)})
    text += formatted("%10s  %10zu  %12zu  %16.2f  %12.2f  %9.2f\n", name, n->file_bytes, n->memory_bytes,
                      100 * n->answers.wrong, 100 * n->wrong_of_all, n->microseconds);
  text +=
      "\nlayer        shape  setting                               encoding     zeros, %  file bytes  share, %  SQNR, "
      "dB"
      "  blame, %\n";
  std::size_t bytes = 0;
  for (const layer_report& l : report.layers) bytes += l.file_bytes;
  const std::vector<double> blame = detail::shares_of_error(report);
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const layer_report& l = report.layers[i];
    text +=
        formatted("%5zu  %11s  %-36s  %-11s  %8.1f  %10zu  %8.1f  %8.1f  %8.1f\n", l.layer,
                  formatted("%lld x %lld", static_cast<long long>(l.outputs), static_cast<long long>(l.inputs)).c_str(),
                  describe(l.setting).c_str(), l.encoding.c_str(), 100 * l.zeros, l.file_bytes,
                  100 * static_cast<double>(l.file_bytes) / static_cast<double>(bytes), detail::decibel(l.layer_error),
                  100 * blame[i]);
  }
  text += formatted("\n%lld inputs calibrated, %lld checked the answers (%s).\n",
                    static_cast<long long>(report.calibration_samples), static_cast<long long>(report.checked_samples),
                    report.has_labels ? "by their labels" : "by those of the network before");
  for (const std::string& warning : report.warnings) text += "Warning: " + warning + ".\n";
  return text;
}

inline std::ostream& operator<<(std::ostream& out, const compression_report& report) { return out << to_text(report); }

// All of it as a JSON object.
inline std::string to_json(const compression_report& report) {
  using detail::json_number;
  std::string text = "{\n  \"before\": " + detail::json_of(report.before) +
                     ",\n  \"after\": " + detail::json_of(report.after) +
                     ",\n  \"neuron_loss\": " + json_number(report.neuron_loss) +
                     ",\n  \"in_sequence\": " + (report.in_sequence ? "true" : "false") +
                     ",\n  \"calibration_samples\": " + std::to_string(report.calibration_samples) +
                     ",\n  \"checked_samples\": " + std::to_string(report.checked_samples) +
                     ",\n  \"has_labels\": " + (report.has_labels ? "true" : "false") + ",\n  \"layers\": [";
  const auto append = [&](std::size_t i, const std::string& item) { text += (i > 0 ? ",\n    " : "\n    ") + item; };
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const layer_report& l = report.layers[i];
    append(i, "{\"layer\": " + std::to_string(l.layer) + ", \"outputs\": " + std::to_string(l.outputs) +
                  ", \"inputs\": " + std::to_string(l.inputs) + ", \"setting\": " +
                  detail::json_string(describe(l.setting)) + ", \"bits\": " + std::to_string(l.setting.bits) +
                  ", \"group_size\": " + std::to_string(l.setting.group_size) +
                  ", \"encoding\": " + detail::json_string(l.encoding) + ", \"zeros\": " + json_number(l.zeros) +
                  ", \"file_bytes\": " + std::to_string(l.file_bytes) +
                  ", \"memory_bytes\": " + std::to_string(l.memory_bytes) + ", \"sqnr_decibel\": " +
                  json_number(detail::decibel(l.layer_error)) + ", \"error_alone\": " + json_number(l.alone.error) +
                  ", \"wrong_alone\": " + json_number(l.alone.wrong) + "}");
  }
  text += "\n  ],\n  \"tried\": [";
  for (std::size_t i = 0; i < report.tried.size(); ++i) append(i, detail::json_of(report.tried[i]));
  text += "\n  ],\n  \"warnings\": [";
  for (std::size_t i = 0; i < report.warnings.size(); ++i) append(i, detail::json_string(report.warnings[i]));
  return text + "\n  ]\n}\n";
}

}  // namespace pare
