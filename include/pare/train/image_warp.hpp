// Moving the pixels of an image: shift, rotation, scale and shear about its middle, and displacements of each pixel.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <pare/train/elastic_field.hpp>

namespace pare::detail {

// p' = R(rotation) S(shear) diag(scale_x, scale_y) (p - middle) + middle + shift, x to the right and y downward.
struct image_pose {
  double shift_x = 0;  // pixels
  double shift_y = 0;
  double rotation = 0;  // degrees, from x to y
  double scale_x = 1;
  double scale_y = 1;
  double shear = 0;  // degrees that a column is slanted by
};

// The way back from a place in the new image to one in the old, in 2^-17 pixels, the middle of the image being 0:
// x = xx x' + xy y' + x0 for places x' and y' in half pixels.
struct image_map {
  std::int64_t xx, xy, yx, yy;  // in 2^-16
  std::int64_t x0, y0;
};

inline constexpr int place_bits = 17;

#include <pare/tensor/strict_fp_begin.inl>

struct sine_cosine {
  // The same on every machine, and exact for multiples of 90 degrees: the series of an angle within 45 degrees.
  explicit sine_cosine(double degrees) {
    const double quarters = std::floor(degrees / 90.0 + 0.5);
    const double angle = (degrees - 90.0 * quarters) * 0.017453292519943295;
    const double square = angle * angle;
    double s = 1.0, c = 1.0;
    for (int k = 16; k >= 2; k -= 2) {
      s = std::fma(-square / (k * (k + 1)), s, 1.0);
      c = std::fma(-square / (k * (k - 1)), c, 1.0);
    }
    s *= angle;
    const int quarter = static_cast<int>(quarters) & 3;
    sine = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
    cosine = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
  }

  double sine, cosine;
};

inline image_map map_back(const image_pose& pose) {
  const auto integer = [](double x, double unit) { return static_cast<std::int64_t>(std::floor(x * unit + 0.5)); };
  const sine_cosine turn(pose.rotation), slant(pose.shear);
  const double tangent = slant.sine / slant.cosine;
  const double xx = std::fma(tangent, turn.sine, turn.cosine) / pose.scale_x;
  const double xy = std::fma(-tangent, turn.cosine, turn.sine) / pose.scale_x;
  const double yx = -turn.sine / pose.scale_y;
  const double yy = turn.cosine / pose.scale_y;
  constexpr double whole = 1 << place_bits, half = whole / 2;  // of a pixel
  return {integer(xx, half),
          integer(xy, half),
          integer(yx, half),
          integer(yy, half),
          integer(-std::fma(xx, pose.shift_x, xy * pose.shift_y), whole),
          integer(-std::fma(yx, pose.shift_x, yy * pose.shift_y), whole)};
}

// Works on images of one size, each channel's pixels row by row.
class image_warp {
 public:
  image_warp(index_t height, index_t width)
      : height_(height),
        width_(width),
        taps_(static_cast<std::size_t>(height * width)),
        padded_(static_cast<std::size_t>((height + 3) * (width + 3))) {}

  // Where each pixel of the new image comes from. An empty field displaces nothing.
  void aim(const image_map& map, const elastic_field& field) {
    const bool elastic = !field.empty();
    auto next = taps_.begin();
    for (index_t row = 0; row < height_; ++row) {
      const index_t y = 2 * row - (height_ - 1);
      for (index_t col = 0; col < width_; ++col) {
        const index_t x = 2 * col - (width_ - 1);
        *next++ = tap_at(map.xx * x + map.xy * y + map.x0 + (elastic ? field.x(row, col) : 0),
                         map.yx * x + map.yy * y + map.y0 + (elastic ? field.y(row, col) : 0));
      }
    }
  }

  // The new image of one channel, by bilinear interpolation with zeros around. Exact for integers within 255, since
  // fractions have 8 bits. in(i) gives pixel i, out(i, value) takes it.
  template <class In, class Out>
  void apply(In&& in, Out&& out) {
    const auto stride = static_cast<std::size_t>(width_ + 3);
    const auto height = static_cast<std::size_t>(height_), width = static_cast<std::size_t>(width_);
    for (std::size_t row = 0; row < height; ++row)
      for (std::size_t col = 0; col < width; ++col) padded_[(row + 1) * stride + col + 1] = in(row * width + col);
    for (std::size_t i = 0; i < taps_.size(); ++i) {
      const float* const above = padded_.data() + taps_[i].index;
      const float* const below = above + stride;
      const float upper = above[0] + taps_[i].x * (above[1] - above[0]);
      const float lower = below[0] + taps_[i].x * (below[1] - below[0]);
      out(i, upper + taps_[i].y * (lower - upper));
    }
  }

 private:
  // Four neighbours from `index` of the padded image on, and where between them, in multiples of 1/256.
  struct tap {
    std::size_t index;
    float x, y;
  };

  // Of a place in 2^-17 pixels from the middle. Outside there is one pixel of border on the left and above.
  tap tap_at(index_t x, index_t y) const {
    constexpr int drop = place_bits - 8;
    const auto place = [](index_t from_middle, index_t size) {
      const index_t at = from_middle + ((size - 1) << (place_bits - 1)) + (1 << (drop - 1));
      return std::clamp<index_t>(at >> drop, -256, size * 256) + 256;
    };
    const index_t across = place(x, width_), down = place(y, height_);
    return {static_cast<std::size_t>((down >> 8) * (width_ + 3) + (across >> 8)),
            static_cast<float>(across & 255) / 256.0f, static_cast<float>(down & 255) / 256.0f};
  }

  index_t height_;
  index_t width_;
  std::vector<tap> taps_;
  std::vector<float> padded_;  // [height + 3, width + 3]: one zero in front, two behind
};

#include <pare/tensor/strict_fp_end.inl>

}  // namespace pare::detail
