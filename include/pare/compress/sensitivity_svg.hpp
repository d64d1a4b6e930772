// Sensitivities as a picture.
#pragma once

#include <array>

#include <pare/compress/sensitivity.hpp>
#include <pare/compress/svg.hpp>

namespace pare {

// Error of the answers over bytes, both logarithmic, a color for each layer: a circle for each setting that gives
// answers with a finite error; nothing where none does.
inline std::string to_svg(const std::vector<layer_sensitivity>& rows) {
  constexpr double left = 60, right = 680, top = 40, bottom = 380;
  constexpr std::array<const char*, 8> colors{"#3366cc", "#cc3333", "#339933", "#cc8800",
                                              "#8844aa", "#008b8b", "#aa5566", "#666666"};
  const auto bytes = [](const layer_sensitivity& row) { return std::log10(static_cast<double>(row.bytes)); };
  // Errors below 1e-9 would leave no room for the others.
  const auto error = [](const layer_sensitivity& row) { return std::log10(std::max(row.answers.error, 1e-9)); };
  detail::svg_axis x(left, right), y(bottom, top);
  std::vector<std::size_t> layers;
  for (const layer_sensitivity& row : rows) {
    if (layers.empty() || layers.back() != row.layer) layers.push_back(row.layer);
    if (!detail::is_finite(row.answers.error)) continue;
    x.add(bytes(row));
    y.add(error(row));
  }
  if (x.high() < x.low()) return detail::svg_picture(700, 420, "");
  using detail::fixed, detail::significant, detail::svg_text;
  std::string svg = svg_text(left, 20, "error of the answers over bytes of a layer, the others as they were");
  svg += detail::svg_axes(left, top, right - left, bottom - top);
  svg += svg_text(left - 6, top + 10, significant(std::pow(10, y.high()), 2), "end");
  svg += svg_text(left - 6, bottom, significant(std::pow(10, y.low()), 2), "end");
  svg += svg_text(left, bottom + 18, fixed(std::pow(10, x.low()), 0) + " bytes");
  svg += svg_text(right, bottom + 18, fixed(std::pow(10, x.high()), 0) + " bytes", "end");
  const auto style = [&](std::size_t i) { return std::string("fill='") + colors[i % colors.size()] + "'"; };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double line = top + 16 * static_cast<double>(i + 1);
    svg += detail::svg_circle(right - 66, line - 4, 4, style(i));
    svg += svg_text(right - 56, line, "layer " + std::to_string(layers[i]));
    for (const layer_sensitivity& row : rows)
      if (row.layer == layers[i] && detail::is_finite(row.answers.error))
        svg += detail::svg_circle(x(bytes(row)), y(error(row)), 3, style(i));
  }
  return detail::svg_picture(700, 420, svg);
}

}  // namespace pare
