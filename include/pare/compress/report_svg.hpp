// A compression report as a picture.
#pragma once

#include <algorithm>

#include <pare/compress/report.hpp>
#include <pare/compress/svg.hpp>

namespace pare {
namespace detail {

// Bars for each layer: its share of the file, and of the error; for removed neurons what they cost.
inline std::string svg_of_layers(const compression_report& report, double left, double top, double width) {
  const auto bytes = static_cast<double>(std::max<std::size_t>(file_bytes_of_layers(report), 1));
  const error_shares blame = shares_of_error(report);
  std::string svg = svg_text(left, top, "share of the file (blue) and of the error (red)");
  double y = top + 16;
  const auto add = [&](const std::string& name, double size, double error) {
    svg += svg_text(left, y + 12, name);
    svg += svg_bar(left, y + 16, size * width, 8, "#3366cc") + svg_bar(left, y + 26, error * width, 8, "#cc3333");
    y += 44;
  };
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const layer_report& l = report.layers[i];
    add("layer " + std::to_string(l.layer) + ": " + describe(l), static_cast<double>(l.file_bytes) / bytes,
        blame.layers[i]);
  }
  if (report.neurons_removed > 0) add(std::to_string(report.neurons_removed) + " neurons removed", 0, blame.narrowing);
  return svg;
}

// Percent of wrong answers, or without labels the error of the outputs, over the bytes of what was tried, on a
// logarithmic axis, and where the network is that was chosen.
inline std::string svg_of_tried(const compression_report& report, double left, double top, double width,
                                double height) {
  const auto bytes = [](const network_report& n) { return std::log(static_cast<double>(n.file_bytes)); };
  const auto error = [&](const network_report& n) {
    return report.has_labels ? 100 * n.wrong_of_all : n.answers.error;
  };
  svg_axis x(left, left + width), y(top + height, top);
  y.add(0);
  const auto include = [&](const network_report& n) {
    x.add(bytes(n));
    y.add(error(n));
  };
  include(report.after);
  for (const network_report& n : report.tried) include(n);
  std::string svg = svg_text(
      left, top - 12,
      significant(y.high(), 3) + (report.has_labels ? " % of all inputs wrong" : " squared error of the outputs"));
  svg += svg_axes(left, top, width, height);
  svg += svg_text(left, top + height + 18, fixed(std::exp(x.low()), 0) + " bytes");
  svg += svg_text(left + width, top + height + 18, fixed(std::exp(x.high()), 0) + " bytes", "end");
  const auto circle = [&](const network_report& n, double radius, const char* style) {
    return svg_circle(x(bytes(n)), y(error(n)), radius, style);
  };
  for (const network_report& n : report.tried) svg += circle(n, 3, "fill='#888888'");
  return svg + circle(report.after, 6, "fill='none' stroke='#cc3333' stroke-width='2'");
}

}  // namespace detail

// On the left what each layer takes and costs, on the right the networks that were tried, the chosen one in a circle.
inline std::string to_svg(const compression_report& report) {
  const double height = std::max(280.0, 104 + 44 * static_cast<double>(report.layers.size()));
  return detail::svg_picture(
      900, height,
      detail::svg_of_layers(report, 20, 30, 400) + detail::svg_of_tried(report, 480, 40, 390, height - 80));
}

}  // namespace pare
