// What accuracy_vs_size measures.
#pragma once

#include <cmath>

#include "table.hpp"

namespace bench {

// One compressed network. Everything but its first line is measured.
struct result {
  int bits = 32;
  double sparsity = 0;  // share of the weights that is zero
  double neurons = 1;   // share of each hidden layer's neurons that is kept
  bool tuned = false;   // fine-tuned after neurons and weights were removed
  std::string storage{};
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;
  double test_error = 0;    // share of the test set
  double output_error = 0;  // |logits - logits of f32| / |logits of f32| over the test set
  double us_1 = 0;          // µs per sample at batch 1
  double us_64 = 0;         // µs per sample at batch 64

  std::string name() const {
    std::string text = bits == 32 ? "f32" : fmt::format("{}bit", bits);
    if (sparsity > 0) text += fmt::format("-s{:.0f}", 100 * sparsity);
    if (neurons < 1) text += fmt::format("-n{:.0f}", 100 * neurons);
    return tuned ? text + "-tuned" : text;
  }
};

// Everything about one run.
struct report {
  std::string dataset;
  std::string model;  // the file, or empty: trained here
  std::uint64_t seed = 0;
  std::vector<std::int64_t> widths;
  std::int64_t training_samples = 0;
  std::int64_t held_out_samples = 0;
  std::int64_t test_samples = 0;
  double eigen_us_1 = 0;
  double eigen_us_64 = 0;
  std::vector<result> rows;  // the first is the whole network in f32

  std::string network() const {
    std::string text = std::to_string(widths.front());
    for (std::size_t i = 1; i < widths.size(); ++i) text += '-' + std::to_string(widths[i]);
    return text;
  }
};

// How much more of the test set is wrong, in percentage points, without what subtraction leaves behind the sixth place.
inline double points_between(const result& reference, const result& row) {
  return std::round(1e8 * (row.test_error - reference.test_error)) / 1e6 + 0.0;
}

inline std::vector<column<result>> columns_of(const report& all) {
  const result& f32 = all.rows.front();
  using row = const result&;
  return {
      {"name", "name", "{}", [](row r) { return r.name(); }},
      {"bits", "bits", "{}", [](row r) { return std::int64_t{r.bits}; }},
      {"sparsity_percent", "zero %", "{:.0f}", [](row r) { return 100 * r.sparsity; }},
      {"neurons_percent", "neurons %", "{:.0f}", [](row r) { return 100 * r.neurons; }},
      {"fine_tuned", "tuned", "{}", [](row r) { return std::string(r.tuned ? "yes" : "no"); }},
      {"storage", "stored as", "{}", [](row r) { return r.storage; }},
      {"memory_bytes", "memory B", "{}", [](row r) { return r.memory_bytes; }},
      {"disk_bytes", "disk B", "{}", [](row r) { return r.disk_bytes; }},
      {"ratio_to_f32", "ratio", "{:.1f}",
       [&](row r) { return static_cast<double>(f32.memory_bytes) / static_cast<double>(r.memory_bytes); }},
      {"test_error_percent", "error %", "{:.2f}", [](row r) { return 100 * r.test_error; }},
      {"test_error_against_f32_points", "points", "{:+.2f}", [&](row r) { return points_between(f32, r); }},
      {"output_error_against_f32", "outputs", "{:.4f}", [](row r) { return r.output_error; }},
      {"us_per_sample_batch_1", "us, 1", "{:.2f}", [](row r) { return r.us_1; }},
      {"us_per_sample_batch_64", "us, 64", "{:.2f}", [](row r) { return r.us_64; }},
      {"speedup_over_f32_batch_1", "x f32, 1", "{:.2f}", [&](row r) { return f32.us_1 / r.us_1; }},
      {"speedup_over_f32_batch_64", "x f32, 64", "{:.2f}", [&](row r) { return f32.us_64 / r.us_64; }},
      {"speedup_over_eigen_batch_1", "x Eigen, 1", "{:.2f}", [&](row r) { return all.eigen_us_1 / r.us_1; }},
      {"speedup_over_eigen_batch_64", "x Eigen, 64", "{:.2f}", [&](row r) { return all.eigen_us_64 / r.us_64; }},
  };
}

}  // namespace bench
