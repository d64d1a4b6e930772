// follow_recipe: a network compressed with settings that the user chose.
#pragma once

#include <pare/compress/compression_data.hpp>
#include <pare/compress/in_sequence.hpp>

namespace pare {

// In sequence and with all neurons. Throws what require_valid and compress_in_sequence throw, and `cancelled`.
inline candidate follow_recipe(const compression_data& data, const recipe& wanted,
                               const compress_callback& callback = {}) {
  require_valid(wanted, data.original());
  candidate made{data.shared_original()};
  made.settings = wanted.settings;
  if (made.settings.size() == 1) made.settings.assign(linear_layers(data.original()), wanted.settings.front());
  made.in_sequence = true;
  const std::string step = "compressing layers in sequence";
  detail::tell(callback, step, 0, made.settings.size());
  made.network = compress_in_sequence(
      data.original(), made.settings, data.calibration_inputs(), data.threads(), few_samples_damping,
      [&](std::size_t done, std::size_t all) { detail::tell(callback, step, done, all); });
  data.measure_bytes(made);
  data.measure_answers(made);
  return made;
}

}  // namespace pare
