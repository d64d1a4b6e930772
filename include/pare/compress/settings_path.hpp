// settings_path: from the fewest bytes to the least error, a setting for each layer.
#pragma once

#include <algorithm>

#include <pare/compress/sensitivity.hpp>

namespace pare {
namespace detail {

// Numbers of the rows of one layer from the fewest bytes on, each of which takes less error per byte away than the one
// before: the lower convex hull of error over bytes.
inline std::vector<std::size_t> convex_hull(const std::vector<layer_sensitivity>& rows, std::size_t begin,
                                            std::size_t end) {
  std::vector<std::size_t> order;
  for (std::size_t i = begin; i < end; ++i)
    if (is_finite(rows[i].answers.error)) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(rows[a].bytes, rows[a].answers.error) < std::pair(rows[b].bytes, rows[b].answers.error);
  });
  const auto gain = [&](std::size_t from, std::size_t to) {  // per byte
    return (rows[from].answers.error - rows[to].answers.error) / static_cast<double>(rows[to].bytes - rows[from].bytes);
  };
  std::vector<std::size_t> hull;
  for (const std::size_t next : order) {
    if (!hull.empty() && rows[next].answers.error >= rows[hull.back()].answers.error) continue;
    while (hull.size() >= 2 && gain(hull[hull.size() - 2], hull.back()) <= gain(hull.back(), next)) hull.pop_back();
    hull.push_back(next);
  }
  return hull;
}

// Settings of all layers, from the fewest bytes to the least error: one layer after the other goes on along its hull,
// always that which takes away the most error per byte (the breakpoints of error + lambda bytes; Shoham and Gersho
// 1988).
inline std::vector<std::vector<layer_setting>> settings_path(const std::vector<layer_sensitivity>& rows,
                                                             std::size_t layers) {
  const std::size_t each = rows.size() / layers;
  std::vector<std::vector<std::size_t>> hulls;
  for (std::size_t l = 0; l < layers; ++l) hulls.push_back(convex_hull(rows, l * each, (l + 1) * each));
  for (const auto& hull : hulls)
    if (hull.empty()) return {};
  std::vector<std::size_t> at(layers, 0);
  std::vector<std::vector<layer_setting>> path;
  for (;;) {
    auto& settings = path.emplace_back();
    for (std::size_t l = 0; l < layers; ++l) settings.push_back(rows[hulls[l][at[l]]].setting);
    std::size_t best = layers;
    double most = 0;
    for (std::size_t l = 0; l < layers; ++l) {
      if (at[l] + 1 == hulls[l].size()) continue;
      const layer_sensitivity &now = rows[hulls[l][at[l]]], &next = rows[hulls[l][at[l] + 1]];
      const double gain = (now.answers.error - next.answers.error) / static_cast<double>(next.bytes - now.bytes);
      if (best == layers || gain > most) {
        best = l;
        most = gain;
      }
    }
    if (best == layers) return path;
    ++at[best];
  }
}

}  // namespace detail
}  // namespace pare
