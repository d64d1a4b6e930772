// What to tell while training.
#pragma once

#include <concepts>
#include <cstdio>
#include <ostream>

#include <pare/train/training_options.hpp>

namespace pare {

// A function for training_options::progress that prints a line per epoch. The stream must outlive it.
template <std::derived_from<std::ostream> Stream>
std::function<void(const epoch_report&)> print_progress(Stream& out) {
  return [&out](const epoch_report& done) {
    char text[64];
    const auto print = [&](const char* format, auto... values) {
      std::snprintf(text, sizeof text, format, values...);
      out << text;
    };
    print("epoch %3d of %d  loss %.4f", done.epoch, done.epochs, done.loss);
    if (done.validation) print("  validation loss %.4f", done.validation->loss);
    if (done.validation && detail::is_finite(done.validation->error))
      print("  error %.2f %%", 100 * done.validation->error);
    if (done.density < 1) print("  density %.2f %%", 100 * done.density);
    print("  rate %.2g  %.1f s", done.learning_rate, done.seconds);
    out << std::endl;
  };
}

}  // namespace pare
