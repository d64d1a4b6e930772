// What pictures are made of.
#pragma once

#include <algorithm>

#include <pare/compress/text.hpp>

namespace pare::detail {

// From a point on, or with "middle" or "end" around it or up to it.
inline std::string svg_text(double x, double y, const std::string& text, const char* anchor = "start") {
  return formatted("<text x='%s' y='%s' text-anchor='%s'>", fixed(x, 1), fixed(y, 1), anchor) + text + "</text>\n";
}

inline std::string svg_bar(double x, double y, double width, double height, const char* color) {
  return formatted("<rect x='%s' y='%s' width='%s' height='%s' fill='%s'/>\n", fixed(x, 1), fixed(y, 1),
                   fixed(std::max(width, 0.5), 1), fixed(height, 1), color);
}

inline std::string svg_circle(double x, double y, double radius, const std::string& style) {
  return formatted("<circle cx='%s' cy='%s' r='%s' %s/>\n", fixed(x, 1), fixed(y, 1), fixed(radius, 0), style);
}

// Where values are drawn, so that all that were added lie between two coordinates.
class svg_axis {
 public:
  svg_axis(double first, double last) : first_(first), last_(last) {}

  void add(double value) {
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
  }
  double low() const noexcept { return low_; }
  double high() const noexcept { return high_; }
  double operator()(double value) const {
    return high_ > low_ ? first_ + (last_ - first_) * (value - low_) / (high_ - low_) : first_;
  }

 private:
  double first_, last_;
  double low_ = std::numeric_limits<double>::infinity(), high_ = -low_;
};

// The left one and the lower one.
inline std::string svg_axes(double left, double top, double width, double height) {
  return formatted("<path d='M%s %sV%sH%s' fill='none' stroke='#888888'/>\n", fixed(left, 1), fixed(top, 1),
                   fixed(top + height, 1), fixed(left + width, 1));
}

inline std::string svg_picture(double width, double height, const std::string& inside) {
  return "<svg xmlns='http://www.w3.org/2000/svg' width='" + fixed(width, 0) + "' height='" + fixed(height, 0) +
         "' font-family='sans-serif' font-size='12'>\n<rect width='100%' height='100%' fill='#ffffff'/>\n" + inside +
         "</svg>\n";
}

}  // namespace pare::detail
