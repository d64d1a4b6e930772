// A compression report as JSON.
#pragma once

#include <pare/compress/report.hpp>

namespace pare {
namespace detail {

// A number, of which JSON knows no infinite ones.
inline std::string json_of(double value) {
  char text[32];
  return is_finite(value) ? std::string(text, std::to_chars(text, text + sizeof text, value).ptr) : "null";
}
template <std::integral Value>
std::string json_of(Value value) {
  return std::to_string(value);
}
inline std::string json_of(bool value) { return value ? "true" : "false"; }
inline std::string json_of(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string json_of(const answer_change& c);
std::string json_of(const network_report& n);
std::string json_of(const layer_report& l);

// "name": value
template <class Value>
std::string json_member(const char* name, const Value& value) {
  return '"' + std::string(name) + "\": " + json_of(value);
}

template <class Item>
std::string json_array(const std::vector<Item>& items) {
  std::string text = "[";
  for (std::size_t i = 0; i < items.size(); ++i) text += (i > 0 ? ",\n    " : "\n    ") + json_of(items[i]);
  return text + "\n  ]";
}

inline std::string json_of(const answer_change& c) {
  return '{' + json_member("error", c.error) + ", " + json_member("wrong", c.wrong) + '}';
}

inline std::string json_of(const network_report& n) {
  return '{' + json_member("file_bytes", n.file_bytes) + ", " + json_member("memory_bytes", n.memory_bytes) + ", " +
         json_member("error", n.answers.error) + ", " + json_member("wrong_held_out", n.answers.wrong) + ", " +
         json_member("wrong_of_all", n.wrong_of_all) + ", " + json_member("microseconds", n.microseconds) + '}';
}

inline const char* name_of(scheme s) {
  return s == scheme::symmetric ? "symmetric" : s == scheme::asymmetric ? "asymmetric" : "two_level";
}

inline std::string json_of(const layer_setting& s) {
  return '{' + json_member("bits", s.bits) + ", " + json_member("scheme", std::string(name_of(s.scheme))) + ", " +
         json_member("group_size", s.group_size) + ", " + json_member("sparsity", s.sparsity) + '}';
}

inline std::string json_of(const layer_report& l) {
  return '{' + json_member("layer", l.layer) + ", " + json_member("outputs", l.outputs) + ", " +
         json_member("inputs", l.inputs) + ", " + json_member("description", describe(l)) +
         ", \"setting\": " + (l.setting ? json_of(*l.setting) : "null") + ", " + json_member("bits", l.bits) + ", " +
         json_member("encoding", l.encoding) + ", " + json_member("zeros", l.zeros) + ", " +
         json_member("file_bytes", l.file_bytes) + ", " + json_member("memory_bytes", l.memory_bytes) + ", " +
         json_member("output_error", l.output_error) + ", " + json_member("sqnr_decibel", decibel(l.output_error)) +
         ", " + json_member("alone", l.alone) + '}';
}

}  // namespace detail

// All of it as a JSON object.
inline std::string to_json(const compression_report& report) {
  using detail::json_array, detail::json_member;
  return "{\n  " + json_member("before", report.before) + ",\n  " + json_member("after", report.after) + ",\n  " +
         json_member("batch", report.batch) + ",\n  " + json_member("neurons_removed", report.neurons_removed) +
         ",\n  " + json_member("narrowing", report.narrowing) + ",\n  " +
         json_member("in_sequence", report.in_sequence) + ",\n  " +
         json_member("calibration_samples", report.calibration_samples) + ",\n  " +
         json_member("checked_samples", report.checked_samples) + ",\n  " +
         json_member("has_labels", report.has_labels) + ",\n  \"layers\": " + json_array(report.layers) +
         ",\n  \"tried\": " + json_array(report.tried) + ",\n  \"warnings\": " + json_array(report.warnings) + "\n}\n";
}

}  // namespace pare
