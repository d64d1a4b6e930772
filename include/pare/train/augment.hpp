// New images out of old ones, by small movements that leave what they show as it is.
#pragma once

#include <concepts>
#include <vector>

#include <pare/tensor/executor.hpp>
#include <pare/train/dataset.hpp>
#include <pare/train/image_warp.hpp>

namespace pare {

// How the features of a sample are an image: channel by channel, each row by row.
struct image_shape {
  index_t height = 0;  // pixels, 1 to 4096
  index_t width = 0;
  index_t channels = 1;
};

// Each movement is drawn for each image, all but the last uniformly, and about the middle of the image.
struct augmentation {
  float shift = 0;     // pixels at most to either side, and up and down; 0 to 4096
  float rotation = 0;  // degrees at most to either side, 0 to 180
  float scale = 0;     // width and height are each multiplied by 1 - scale to 1 + scale; 0 to 0.9
  float shear = 0;     // degrees at most that upright lines are slanted by, 0 to 80
  // Simard et al. 2003: every pixel is displaced by white noise under a Gaussian. Root mean square of the length of a
  // displacement, and standard deviation of the Gaussian, in pixels.
  float elastic = 0;     // 0 to 4096
  float smoothness = 4;  // 0.5 to 32
};

// A data set with each image moved, and labels or targets as they are. Pixels are interpolated between the four
// nearest, with zeros outside of the image; where all are multiples of 1/255, they are rounded to such. The image of a
// sample depends on its number, its pixels, the seed and the variant only, and for pixels of 1/255 is the same on every
// machine. About 25 microseconds per image of 28 x 28. Throws what validate(data) throws, shape_error where features
// are not what the shape says, value_error for a number outside the bounds above or a negative variant.
template <std::same_as<dataset> Data>
dataset augmented(const Data& data, const image_shape& shape, const augmentation& options, std::uint64_t seed,
                  index_t variant = 0, executor* threads = nullptr);

namespace detail {

inline void validate(const image_shape& shape, index_t features) {
  for (const index_t side : {shape.height, shape.width})
    require<value_error>(side >= 1 && side <= 4096, "augmentation: an image is ", shape.height, " x ", shape.width,
                         " pixels, must be 1 to 4096 each");
  require<shape_error>(shape.channels >= 1 && features % (shape.height * shape.width) == 0 &&
                           features / (shape.height * shape.width) == shape.channels,
                       "augmentation: samples have ", features, " features, images have ", shape.height, " x ",
                       shape.width, " pixels in ", shape.channels, " channels");
}

inline void validate(const augmentation& options) {
  const auto within = [](std::string_view name, float value, float low, float high) {
    require<value_error>(value >= low && value <= high, "augmentation: ", name, " is ", value, ", must be ", low,
                         " to ", high);
  };
  within("shift", options.shift, 0, 4096);
  within("rotation", options.rotation, 0, 180);
  within("scale", options.scale, 0, 0.9f);
  within("shear", options.shear, 0, 80);
  within("elastic", options.elastic, 0, 4096);
  within("smoothness", options.smoothness, 0.5f, 32);
}

#include <pare/tensor/strict_fp_begin.inl>

// Pixels in multiples of 1/255 as the integers they stand for, and back.
inline float to_byte(float value) { return static_cast<float>(static_cast<int>(value * 255.0f + 0.5f)); }
inline float from_byte(float byte) { return byte / 255.0f; }

#include <pare/tensor/strict_fp_end.inl>

// Up to the rounding of a division by 255 or of a product with 1/255.
template <std::same_as<Eigen::MatrixXf> Matrix>
bool are_bytes(const Matrix& inputs) {
  return std::all_of(inputs.data(), inputs.data() + inputs.size(), [](float value) {
    return value >= 0.0f && value <= 1.0f && std::abs(value * 255.0f - to_byte(value)) < 1e-4f;
  });
}

// Moves one image after the other.
class image_augmenter {
 public:
  image_augmenter(const image_shape& shape, const augmentation& options)
      : options_(options),
        pixels_(static_cast<std::size_t>(shape.height * shape.width)),
        channels_(static_cast<std::size_t>(shape.channels)),
        field_(shape.height, shape.width, static_cast<double>(options.elastic), static_cast<double>(options.smoothness),
               1 << place_bits),
        warp_(shape.height, shape.width) {}

  // `in` gives a pixel, `out` takes it with its number.
  template <class In, class Out>
  void operator()(random source, In&& in, Out&& out) {
    const image_map map = map_back(draw_pose(source));
    if (!field_.empty()) field_.draw(source);
    warp_.aim(map, field_);
    for (std::size_t first = 0; first < channels_ * pixels_; first += pixels_)
      warp_.apply([&](std::size_t i) { return in(first + i); },
                  [&](std::size_t i, float value) { out(first + i, value); });
  }

 private:
  image_pose draw_pose(random& source) const {
    const auto within = [&source](float limit) {
      return static_cast<double>(limit) * static_cast<double>(2.0f * source.unit() - 1.0f);
    };
    image_pose pose;
    pose.shift_x = within(options_.shift);
    pose.shift_y = within(options_.shift);
    pose.rotation = within(options_.rotation);
    pose.scale_x = 1.0 + within(options_.scale);
    pose.scale_y = 1.0 + within(options_.scale);
    pose.shear = within(options_.shear);
    return pose;
  }

  augmentation options_;
  std::size_t pixels_;
  std::size_t channels_;
  elastic_field field_;
  image_warp warp_;
};

// Calls out(sample, feature, value) with all new images, many side by side; of bytes, with integers in 0 to 255.
template <std::same_as<dataset> Data, class Out>
void augment_each(const Data& data, const image_shape& shape, const augmentation& options, bool bytes,
                  std::uint64_t seed, index_t variant, executor* threads, Out&& out) {
  const std::uint64_t variant_seed = random(seed, static_cast<std::uint64_t>(variant)).bits();
  serial_executor serial;
  executor& workers = threads ? *threads : serial;
  const index_t tasks = std::min<index_t>(data.samples(), 4 * index_t{workers.threads()});
  std::vector<image_augmenter> augmenters(static_cast<std::size_t>(tasks), image_augmenter(shape, options));
  workers.for_each(static_cast<int>(tasks), [&](int task) {
    image_augmenter& augment = augmenters[static_cast<std::size_t>(task)];
    for (index_t sample = data.samples() * task / tasks; sample < data.samples() * (task + 1) / tasks; ++sample) {
      const float* const pixels = data.inputs.data() + sample * data.features();
      const random source(variant_seed, static_cast<std::uint64_t>(sample));
      if (bytes)
        augment(
            source, [&](std::size_t i) { return to_byte(pixels[i]); },
            [&](std::size_t i, float value) { out(sample, i, static_cast<float>(static_cast<int>(value + 0.5f))); });
      else
        augment(
            source, [&](std::size_t i) { return pixels[i]; },
            [&](std::size_t i, float value) { out(sample, i, value); });
    }
  });
}

}  // namespace detail

template <std::same_as<dataset> Data>
dataset augmented(const Data& data, const image_shape& shape, const augmentation& options, std::uint64_t seed,
                  index_t variant, executor* threads) {
  validate(data);
  detail::validate(shape, data.features());
  detail::validate(options);
  detail::require<value_error>(variant >= 0, "augmentation: variant ", variant, ", must not be negative");
  dataset result{Eigen::MatrixXf(data.features(), data.samples()), data.labels, data.classes, data.name, data.targets};
  const bool bytes = detail::are_bytes(data.inputs);
  detail::augment_each(
      data, shape, options, bytes, seed, variant, threads, [&](index_t sample, std::size_t feature, float value) {
        result.inputs(static_cast<index_t>(feature), sample) = bytes ? detail::from_byte(value) : value;
      });
  return result;
}

}  // namespace pare
