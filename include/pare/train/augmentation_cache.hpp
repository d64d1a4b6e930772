// Augmented data sets for the epochs of a training run, made once each and kept.
#pragma once

#include <concepts>
#include <cstdint>
#include <vector>

#include <pare/train/augment.hpp>

namespace pare {

// Gives epoch e the variant e mod `variants` of a data set, made when it is first asked for. Holds `variants` copies of
// all pixels, in a byte each where they are multiples of 1/255 and else in four, and one more as floats. The data set
// and the executor outlive the cache.
template <std::same_as<dataset> Data>
class augmentation_cache {
 public:
  // Errors as for `augmented`, and value_error for less than one variant.
  augmentation_cache(const Data& data, const image_shape& shape, const augmentation& options, std::uint64_t seed,
                     index_t variants, executor* threads = nullptr)
      : data_(data), shape_(shape), options_(options), seed_(seed), variants_(variants), threads_(threads) {
    validate(data);
    detail::validate(shape, data.features());
    detail::validate(options);
    detail::require<value_error>(variants >= 1, "augmentation: ", variants, " variants, must be at least 1");
    bytes_ = detail::are_bytes(data.inputs);
    (bytes_ ? packed_.resize(static_cast<std::size_t>(variants)) : plain_.resize(static_cast<std::size_t>(variants)));
    set_ = {{}, data.labels, data.classes, data.name, data.targets};
  }

  // Equal to augmented(data, shape, options, seed, epoch mod variants), and there until the next call. Throws
  // value_error for a negative epoch.
  const Data& epoch(index_t number) {
    detail::require<value_error>(number >= 0, "augmentation: epoch ", number, ", must not be negative");
    const index_t wanted = number % variants_;
    if (wanted == current_) return set_;
    if (bytes_)
      unpack(wanted);
    else
      exchange(wanted);
    current_ = wanted;
    return set_;
  }

 private:
  using float_matrix = decltype(Data::inputs);
  using byte_matrix = Eigen::Matrix<std::uint8_t, float_matrix::RowsAtCompileTime, float_matrix::ColsAtCompileTime>;

  // The pixels of a variant, made unless they are there.
  template <class Matrix>
  Matrix& made(std::vector<Matrix>& all, index_t variant) {
    Matrix& pixels = all[static_cast<std::size_t>(variant)];
    if (pixels.size() > 0) return pixels;
    pixels.resize(data_.features(), data_.samples());
    detail::augment_each(data_, shape_, options_, bytes_, seed_, variant, threads_,
                         [&](index_t sample, std::size_t feature, float value) {
                           pixels(static_cast<index_t>(feature), sample) = static_cast<typename Matrix::Scalar>(value);
                         });
    return pixels;
  }

  void unpack(index_t variant) {
    const byte_matrix& pixels = made(packed_, variant);
    set_.inputs.resize(pixels.rows(), pixels.cols());
    detail::for_each_range(threads_, pixels.size(), [&](index_t begin, index_t end) {
      for (index_t i = begin; i < end; ++i) set_.inputs.data()[i] = detail::from_byte(pixels.data()[i]);
    });
  }

  void exchange(index_t variant) {
    if (current_ >= 0) plain_[static_cast<std::size_t>(current_)].swap(set_.inputs);
    current_ = -1;
    set_.inputs.swap(made(plain_, variant));
  }

  const Data& data_;
  image_shape shape_;
  augmentation options_;
  std::uint64_t seed_;
  index_t variants_;
  executor* threads_;
  bool bytes_ = false;
  std::vector<byte_matrix> packed_;  // one of the two has the variants that were asked for,
  std::vector<float_matrix> plain_;  // without the one that is in set_
  Data set_;
  index_t current_ = -1;  // the variant in set_
};

}  // namespace pare
