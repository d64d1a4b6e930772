// Synthetic digits: handwritten-like figures drawn by the program, for machines without a data set.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include <pare/train/dataset.hpp>
#include <pare/train/digit_strokes.hpp>

namespace pare {

// `samples` images of 28 x 28 pixels, row by row, in multiples of 1 / 255 from 0 (paper) to 1 (ink). Sample i shows the
// digit i mod 10 and depends on nothing but i and the seed; it is the same on every machine, all being integer
// arithmetic. Throws value_error for a negative number of samples. About 20 microseconds per sample.
dataset make_digits(index_t samples, std::uint64_t seed);

namespace detail {

inline constexpr int digit_side = 28;           // pixels
inline constexpr std::int64_t pixel = 1 << 10;  // positions are in 1/1024 pixel; so are all factors, with 1024 as 1

// A spline is evaluated at 6 points per piece, exactly in 1/432 of the unit of its points.
inline constexpr int spline_pieces = 6;
inline constexpr std::int64_t glyph_unit = 2 * spline_pieces * spline_pieces * spline_pieces;

struct position {
  std::int64_t x = 0;
  std::int64_t y = 0;
};

// The floor of the square root: IEEE roots are correctly rounded, and these squares are far below 2^53.
inline std::int64_t square_root(std::int64_t square) {
  return static_cast<std::int64_t>(std::sqrt(static_cast<double>(square)));
}

// What one hand does to all strokes of a figure: shear, rotation, scale, shift, then a smooth displacement field.
class distortion {
 public:
  explicit distortion(random& source) {
    const std::int64_t scale_x = 172 + source.around_zero(56);  // glyph units are 1/5 pixel, about 205
    const std::int64_t scale_y = 188 + source.around_zero(36);
    const std::int64_t shear = 110 + source.around_zero(400);
    // Rotation by 2 atan(t), up to 15 degrees: cos = (1 - t^2) / (1 + t^2), sin = 2 t / (1 + t^2).
    const std::int64_t t = source.between(-135, 135);
    const std::int64_t divisor = pixel * pixel + t * t;
    const std::int64_t cosine = (pixel * pixel - t * t) * pixel / divisor;
    const std::int64_t sine = 2 * t * pixel * pixel / divisor;
    xx_ = cosine * scale_x;
    xy_ = (-shear * cosine / pixel - sine) * scale_y;
    yx_ = sine * scale_x;
    yy_ = (-shear * sine / pixel + cosine) * scale_y;
    shift_ = {source.around_zero(3000), source.around_zero(3000)};
    for (auto& row : field_)
      for (position& displacement : row) displacement = {source.around_zero(3300), source.around_zero(3300)};
  }

  // From 1/432 of a glyph unit around the center of the figure.
  position operator()(std::int64_t x, std::int64_t y) const {
    constexpr std::int64_t unit = glyph_unit * pixel;
    constexpr std::int64_t center = digit_side * pixel / 2;
    const position plain{center + shift_.x + (xx_ * x + xy_ * y) / unit,
                         center + shift_.y + (yx_ * x + yy_ * y) / unit};
    const position moved = displacement(plain);
    return {plain.x + moved.x, plain.y + moved.y};
  }

 private:
  static constexpr int nodes = 5;  // per side, at the corners and every 7 pixels between
  static constexpr std::int64_t cell = digit_side * pixel / (nodes - 1);

  // Which cell a coordinate lies in, and how far, smoothed by 3 u^2 - 2 u^3.
  struct cell_position {
    explicit cell_position(std::int64_t coordinate) {
      const std::int64_t inside = std::clamp<std::int64_t>(coordinate, 0, digit_side * pixel - 1);
      const std::int64_t u = inside % cell * pixel / cell;
      index = static_cast<std::size_t>(inside / cell);
      share = u * u * (3 * pixel - 2 * u) / (pixel * pixel);
    }
    std::size_t index;
    std::int64_t share;
  };

  position displacement(position at) const {
    const cell_position x(at.x);
    const cell_position y(at.y);
    const auto between = [](position a, position b, std::int64_t share) {
      return position{a.x + (b.x - a.x) * share / pixel, a.y + (b.y - a.y) * share / pixel};
    };
    const auto& above = field_[y.index];
    const auto& below = field_[y.index + 1];
    return between(between(above[x.index], above[x.index + 1], x.share),
                   between(below[x.index], below[x.index + 1], x.share), y.share);
  }

  std::int64_t xx_, xy_, yx_, yy_;
  position shift_;
  std::array<std::array<position, nodes>, nodes> field_;
};

// The paper: for each pixel how deep its center lies within the ink, negative outside.
class canvas {
 public:
  canvas() { depth_.fill(-digit_side * pixel); }

  // A line of the pen, `radius` wide to either side.
  void line(position a, position b, std::int64_t radius) {
    const position along{b.x - a.x, b.y - a.y};
    const std::int64_t square = along.x * along.x + along.y * along.y;
    const std::int64_t length = std::max<std::int64_t>(square_root(square), 1);
    const std::int64_t reach = radius + 2 * pixel;  // no pen is softer
    const auto first = [&](std::int64_t from) {
      return std::clamp<std::int64_t>((from - reach) / pixel, 0, digit_side);
    };
    const auto last = [&](std::int64_t to) {
      return std::clamp<std::int64_t>((to + reach) / pixel, -1, digit_side - 1);
    };
    for (std::int64_t row = first(std::min(a.y, b.y)); row <= last(std::max(a.y, b.y)); ++row)
      for (std::int64_t col = first(std::min(a.x, b.x)); col <= last(std::max(a.x, b.x)); ++col) {
        const position from_a{col * pixel + pixel / 2 - a.x, row * pixel + pixel / 2 - a.y};
        const std::int64_t projection = from_a.x * along.x + from_a.y * along.y;
        std::int64_t distance = 0;
        if (projection > 0 && projection < square) {
          distance = std::abs(from_a.x * along.y - from_a.y * along.x) / length;
        } else {
          const position end = projection <= 0 ? position{} : along;
          const position away{from_a.x - end.x, from_a.y - end.y};
          distance = square_root(away.x * away.x + away.y * away.y);
        }
        std::int64_t& depth = depth_[static_cast<std::size_t>(row * digit_side + col)];
        depth = std::max(depth, radius - distance);
      }
  }

  // The pixels, 0 to 255: the edge of the ink fades over `softness`, `noise` is the largest error of a pixel.
  template <class Out>
  void develop(std::int64_t softness, std::int64_t darkest, int noise, random& source, Out&& out) const {
    for (std::size_t i = 0; i < depth_.size(); ++i) {
      const std::int64_t ink =
          std::clamp<std::int64_t>(darkest * (2 * depth_[i] + softness) / (2 * softness), 0, darkest);
      out(i, static_cast<int>(std::clamp<std::int64_t>(ink + source.around_zero(noise), 0, 255)));
    }
  }

 private:
  std::array<std::int64_t, digit_side * digit_side> depth_;
};

// Catmull and Rom 1974: the uniform spline from p1 to p2 at t = k / 6.
inline position spline(const pen_point& p0, const pen_point& p1, const pen_point& p2, const pen_point& p3, int k) {
  const auto along = [k](std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    constexpr int n = spline_pieces;
    return 2 * b * n * n * n + (c - a) * k * n * n + (2 * a - 5 * b + 4 * c - d) * k * k * n +
           (3 * b - a - 3 * c + d) * k * k * k;
  };
  return {along(p0.x, p1.x, p2.x, p3.x), along(p0.y, p1.y, p2.y, p3.y)};
}

inline void draw_stroke(const stroke& path, const distortion& hand, std::int64_t radius, std::int64_t taper,
                        canvas& paper) {
  const auto place = [&](position p) { return hand(p.x - 30 * glyph_unit, p.y - 50 * glyph_unit); };
  const auto point = [&](std::size_t i) -> const pen_point& { return path.points[std::min(i, path.count - 1)]; };
  const auto steps = static_cast<std::int64_t>(path.count - 1) * spline_pieces;
  position from = place({point(0).x * glyph_unit, point(0).y * glyph_unit});
  for (std::size_t i = 0; i + 1 < path.count; ++i)
    for (int k = 1; k <= spline_pieces; ++k) {
      const position to = place(spline(point(i == 0 ? 0 : i - 1), point(i), point(i + 1), point(i + 2), k));
      const std::int64_t done = static_cast<std::int64_t>(i) * spline_pieces + k;
      paper.line(from, to, radius + taper * (2 * done - steps) / (2 * steps));
      from = to;
    }
}

// Moves the points of a stroke a little; both copies of a corner alike.
inline stroke jitter(stroke path, random& source) {
  pen_point before{-1, -1};
  for (std::size_t i = 0; i < path.count; ++i) {
    const pen_point original = path.points[i];
    const bool corner = original.x == before.x && original.y == before.y;
    path.points[i] =
        corner ? path.points[i - 1] : pen_point{original.x + source.around_zero(9), original.y + source.around_zero(9)};
    before = original;
  }
  return path;
}

template <class Out>
void draw_digit(int digit, random& source, Out&& out) {
  const digit_style& style = digit_styles[digit][source.below(index_t{styles_per_digit})];
  const distortion hand(source);
  const int radius = source.between(650, 1650);
  canvas paper;
  // One draw per statement: the order in which arguments are evaluated differs between compilers.
  for (const stroke& path : style.strokes) {
    if (path.count == 0) continue;
    const stroke moved = jitter(path, source);
    const int taper = source.around_zero(radius);
    draw_stroke(moved, hand, radius, taper, paper);
  }
  const int softness = source.between(1000, 2200);
  const int darkest = source.between(190, 255);
  paper.develop(softness, darkest, source.between(0, 24), source, out);
}

}  // namespace detail

inline dataset make_digits(index_t samples, std::uint64_t seed) {
  detail::require<value_error>(samples >= 0, "digits: ", samples, " samples wanted, must not be negative");
  constexpr int classes = 10;
  dataset data{Eigen::MatrixXf(detail::digit_side * detail::digit_side, samples), {}, classes, "synthetic digits"};
  data.labels.reserve(static_cast<std::size_t>(samples));
  for (index_t i = 0; i < samples; ++i) {
    const int digit = static_cast<int>(i % classes);
    detail::random source(seed, static_cast<std::uint64_t>(i));
    detail::draw_digit(digit, source, [&](std::size_t pixel, int value) {
      data.inputs(static_cast<index_t>(pixel), i) = static_cast<float>(value) / 255.0f;
    });
    data.labels.push_back(digit);
  }
  return data;
}

}  // namespace pare
