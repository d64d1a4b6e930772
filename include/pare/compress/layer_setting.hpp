// layer_setting: what is decided for the weights of one layer when a network is compressed.
#pragma once

#include <string>
#include <vector>

#include <pare/quantize/options.hpp>

namespace pare {

struct layer_setting {
  int bits = 4;                             // of a code, 1 to 8
  pare::scheme scheme = scheme::two_level;  // symmetric where there are zeros
  index_t group_size = 32;                  // columns that share a scale; 0 is a whole row
  double sparsity = 0;                      // share of the weights that become zero, in [0, 1)

  bool operator==(const layer_setting&) const = default;
};

// Throws value_error for what is out of range, and for zeros that the scheme cannot hold exactly.
inline void require_valid(const layer_setting& setting) {
  detail::require_valid(quantize_options{.bits = setting.bits});
  detail::require<value_error>(setting.group_size >= 0, "group_size is ", setting.group_size, ", must not be negative");
  detail::require<value_error>(setting.sparsity >= 0 && setting.sparsity < 1, "sparsity is ", setting.sparsity,
                               ", must be in [0, 1)");
  detail::require<value_error>(setting.sparsity == 0 || (setting.scheme == scheme::symmetric && setting.bits > 1),
                               "sparsity is ", setting.sparsity,
                               ", which needs zeros: scheme::symmetric and at least 2 bits");
}

// The same for several, naming the one that is out of range.
inline void require_valid(const std::vector<layer_setting>& settings) {
  for (std::size_t i = 0; i < settings.size(); ++i) try {
      require_valid(settings[i]);
    } catch (const value_error& e) {
      detail::fail<value_error>({"setting ", i, ": ", e.what()});
    }
}

// Such as "4 bits in groups of 32" and "3 bits per row, 80 % zeros".
inline std::string describe(const layer_setting& setting) {
  std::string text = std::to_string(setting.bits) + (setting.bits == 1 ? " bit" : " bits");
  text += setting.group_size == 0 ? " per row" : " in groups of " + std::to_string(setting.group_size);
  if (setting.sparsity > 0) text += ", " + detail::text(100 * setting.sparsity, " % zeros");
  if (setting.scheme == scheme::two_level) text += ", two-level";
  if (setting.scheme == scheme::asymmetric) text += ", asymmetric";
  return text;
}

namespace detail {

inline quantize_options quantize_options_of(const layer_setting& setting) {
  quantize_options options{.bits = setting.bits, .scheme = setting.scheme};
  if (setting.group_size == 0)
    options.granularity = granularity::row;
  else
    options.group_size = setting.group_size;
  return options;
}

}  // namespace detail
}  // namespace pare
