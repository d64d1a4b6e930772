// What programs work on: images, and networks that others trained.
#pragma once

#include <string>

#include <pare/io/idx.hpp>
#include <pare/io/pare_file.hpp>
#include <pare/io/safetensors.hpp>
#include <pare/train/digits.hpp>

#include "output.hpp"

namespace bench {

// Those of a folder of IDX files; without one so many synthetic digits to test with, and twice as many to train with.
inline pare::dataset_split load_images(const std::string& folder, pare::index_t digits) {
  if (!folder.empty()) return pare::load_idx_folder(folder);
  say("No --data: drawing synthetic digits.");
  return {pare::make_digits(2 * digits, 1), pare::make_digits(digits, 2)};
}

// A .safetensors or .pare file.
inline pare::network load_model(const std::string& file) {
  say("Loading " + file);
  return file.ends_with(".safetensors") ? pare::load_safetensors(file) : pare::load(file);
}

}  // namespace bench
