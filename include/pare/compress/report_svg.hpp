// A compression report as a picture.
#pragma once

#include <algorithm>

#include <pare/compress/report.hpp>

namespace pare {
namespace detail {

inline std::string svg_text(double x, double y, const std::string& text, const char* anchor = "start") {
  return formatted("<text x='%.1f' y='%.1f' text-anchor='%s'>", x, y, anchor) + text + "</text>\n";
}

inline std::string svg_bar(double x, double y, double width, double height, const char* color) {
  return formatted("<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s'/>\n", x, y, std::max(width, 0.5),
                   height, color);
}

// Bars for each layer: its share of the file, and of the error.
inline std::string svg_of_layers(const compression_report& report, double left, double top, double width) {
  std::size_t bytes = 0;
  for (const layer_report& l : report.layers) bytes += l.file_bytes;
  const std::vector<double> blame = shares_of_error(report);
  std::string svg = svg_text(left, top, "share of the file (blue) and of the error (red)");
  for (std::size_t i = 0; i < report.layers.size(); ++i) {
    const layer_report& l = report.layers[i];
    const double y = top + 16 + 44 * static_cast<double>(i);
    const double share = static_cast<double>(l.file_bytes) / static_cast<double>(std::max<std::size_t>(bytes, 1));
    svg += svg_text(left, y + 12, "layer " + std::to_string(l.layer) + ": " + describe(l.setting));
    svg += svg_bar(left, y + 16, share * width, 8, "#3366cc") + svg_bar(left, y + 26, blame[i] * width, 8, "#cc3333");
  }
  return svg;
}

// Percent of wrong answers over the bytes of what was tried, on a logarithmic axis, and where the network is that was
// chosen.
inline std::string svg_of_tried(const compression_report& report, double left, double top, double width,
                                double height) {
  double least = static_cast<double>(report.after.file_bytes), most = least, worst = report.after.wrong_of_all;
  for (const network_report& n : report.tried) {
    least = std::min(least, static_cast<double>(n.file_bytes));
    most = std::max(most, static_cast<double>(n.file_bytes));
    worst = std::max(worst, n.wrong_of_all);
  }
  const double span = std::max(std::log(most / least), 1e-9), range = std::max(worst, 1e-9);
  const auto x = [&](const network_report& n) {
    return left + width * std::log(static_cast<double>(n.file_bytes) / least) / span;
  };
  const auto y = [&](const network_report& n) { return top + height * (1 - n.wrong_of_all / range); };
  std::string svg = svg_text(left, top - 12, formatted("%.1f %% of all inputs wrong", 100 * worst));
  svg += formatted("<path d='M%.1f %.1fV%.1fH%.1f' fill='none' stroke='#888888'/>\n", left, top, top + height,
                   left + width);
  svg += svg_text(left, top + height + 18, formatted("%.0f bytes", least));
  svg += svg_text(left + width, top + height + 18, formatted("%.0f bytes", most), "end");
  for (const network_report& n : report.tried)
    svg += formatted("<circle cx='%.1f' cy='%.1f' r='3' fill='#888888'/>\n", x(n), y(n));
  return svg + formatted("<circle cx='%.1f' cy='%.1f' r='6' fill='none' stroke='#cc3333' stroke-width='2'/>\n",
                         x(report.after), y(report.after));
}

}  // namespace detail

// On the left what each layer takes and costs, on the right the networks that were tried, the chosen one in a circle.
inline std::string to_svg(const compression_report& report) {
  const double height = std::max(280.0, 60 + 44 * static_cast<double>(report.layers.size()));
  std::string svg = detail::formatted(
      "<svg xmlns='http://www.w3.org/2000/svg' width='900' height='%.0f' font-family='sans-serif' font-size='12'>\n"
      "<rect width='100%%' height='100%%' fill='#ffffff'/>\n",
      height);
  return svg + detail::svg_of_layers(report, 20, 30, 400) + detail::svg_of_tried(report, 480, 40, 390, height - 80) +
         "</svg>\n";
}

}  // namespace pare
