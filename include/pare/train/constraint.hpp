// Weights under constraints while they are trained: which are kept, and to what they are rounded.
//
// A layer has *shadow* weights, which the optimizer steps, and *effective* weights, which forward and backward passes
// use. A constraint maps shadow to effective before each batch, first by its mask, then by its quantizer, and the
// gradient back in the other order. Without a constraint both are one.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include <pare/prune/mask.hpp>
#include <pare/train/input_quantizer.hpp>
#include <pare/train/learned_codebook.hpp>
#include <pare/train/learned_step.hpp>
#include <pare/train/parameters.hpp>

namespace pare {

using weight_quantizer = std::variant<std::monostate, learned_step, learned_codebook>;

// Of one layer.
struct weight_constraint {
  mask kept = {};  // [outputs, inputs]; empty keeps all. Where pruning lets weights regrow, it is what is kept at first
  weight_quantizer quantizer = {};
  std::optional<input_quantizer> inputs = {};  // of the layer
};

// What the weights of a trained layer are, and what its inputs are to be: all that it takes to pack it.
struct layer_quantization {
  weight_quantizer quantizer = {};
  Eigen::VectorXf levels = {};  // steps, one or one per row, or the levels of a codebook
  std::optional<input_quantizer> inputs = {};
};

// Constraints that keep the weights of masks, one per layer, and nothing more.
template <std::same_as<std::vector<mask>> Masks = std::vector<mask>>
std::vector<weight_constraint> keep(Masks masks) {
  std::vector<weight_constraint> constraints;
  for (auto& each : masks) constraints.push_back({std::move(each)});
  return constraints;
}

// Throws value_error for numbers outside their range, shape_error for a mask of another shape than the layer's, which
// is number `index`.
template <std::same_as<dense_layer> Layer>
void validate(const weight_constraint& c, const Layer& layer, std::size_t index) {
  detail::require<shape_error>(
      c.kept.size() == 0 || (c.kept.rows() == layer.outputs() && c.kept.cols() == layer.inputs()), "training: mask ",
      index, " is [", c.kept.rows(), ", ", c.kept.cols(), "], the layer is [", layer.outputs(), ", ", layer.inputs(),
      "]");
  if (const auto* q = std::get_if<learned_step>(&c.quantizer)) validate(*q);
  if (const auto* q = std::get_if<learned_codebook>(&c.quantizer)) validate(*q);
  if (c.inputs)
    detail::require<value_error>(c.inputs->group_size >= 0, "input_quantizer group_size is ", c.inputs->group_size,
                                 ", must not be negative");
}

namespace detail {

inline void keep_rows(const mask& kept, row_major_matrix& weights, index_t begin, index_t size) {
  if (kept.size() == 0) return;
  for (index_t row = begin; row < begin + size; ++row) kept.apply_row(row, weights.data() + row * weights.cols());
}

// Levels as they are before the first step, from shadow weights whose removed ones are zero.
template <std::same_as<row_major_matrix> Weights>
Eigen::VectorXf first_levels(const weight_quantizer& quantizer, const Weights& weights) {
  Eigen::VectorXf levels;
  if (const auto* q = std::get_if<learned_step>(&quantizer)) {
    levels.resize(q->per_row ? weights.rows() : 1);
    for (index_t i = 0; i < levels.size(); ++i)
      levels(i) = q->per_row ? first_step(weights.row(i), q->levels)
                             : first_step(weights.template reshaped<Eigen::RowMajor>(), q->levels);
  }
  if (const auto* q = std::get_if<learned_codebook>(&quantizer)) {
    levels.resize(q->levels);
    spread_levels(weights.template reshaped<Eigen::RowMajor>(), levels);
  }
  return levels;
}

// Rows [begin, begin + size) of the effective weights.
template <std::same_as<layer_parameters> Layer>
void apply(const weight_quantizer& quantizer, const mask& kept, const Layer& shadow, index_t begin, index_t size,
           row_major_matrix& effective) {
  const index_t cols = shadow.weights.cols();
  const float* w = shadow.weights.data() + begin * cols;
  float* out = effective.data() + begin * cols;
  if (const auto* q = std::get_if<learned_step>(&quantizer)) {
    for (index_t i = 0; i < size; ++i)
      round_to_step(w + i * cols, cols, shadow.levels(q->per_row ? begin + i : 0), q->levels, out + i * cols);
  } else if (std::holds_alternative<learned_codebook>(quantizer)) {
    round_to_codebook(w, size * cols, codebook_values(shadow.levels), out);
  } else {
    std::copy_n(w, size * cols, out);
  }
  keep_rows(kept, effective, begin, size);
}

// Turns rows of the gradient by effective weights into that by shadow weights, and writes what these rows contribute to
// the gradient by the levels. `scratch` has the shape of the weights; its rows are lost.
template <std::same_as<layer_parameters> Layer, std::same_as<row_major_matrix> Weights>
void pull_back(const weight_quantizer& quantizer, const mask& kept, bool straight_through, const Layer& shadow,
               index_t begin, index_t size, Weights& gradient, Weights& scratch, Eigen::VectorXf& level_gradient) {
  level_gradient.setZero();
  if (!straight_through) keep_rows(kept, gradient, begin, size);
  if (std::holds_alternative<std::monostate>(quantizer)) return;
  // Removed weights do not depend on the levels, even where gradients reach them.
  scratch.middleRows(begin, size) = gradient.middleRows(begin, size);
  keep_rows(kept, scratch, begin, size);
  const index_t cols = shadow.weights.cols();
  const float* w = shadow.weights.data() + begin * cols;
  const float* counted = scratch.data() + begin * cols;
  if (const auto* q = std::get_if<learned_step>(&quantizer)) {
    const double shared = static_cast<double>(q->per_row ? cols : shadow.weights.size()) * kept.density();
    const float scale = step_gradient_scale(static_cast<index_t>(shared), q->levels);
    for (index_t i = 0; i < size; ++i) {
      const index_t level = q->per_row ? begin + i : 0;
      const float step = shadow.levels(level);
      level_gradient(level) +=
          scale * static_cast<float>(step_slope(w + i * cols, cols, step, q->levels, counted + i * cols));
      clip_gradient(w + i * cols, cols, step, q->levels, gradient.data() + (begin + i) * cols);
    }
  } else {
    add_level_gradient(w, size * cols, codebook_values(shadow.levels), counted, level_gradient);
    level_gradient(0) = 0.0f;
  }
}

}  // namespace detail
}  // namespace pare
