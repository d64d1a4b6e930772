// Pruning while training: masks that follow a schedule, and weights that come back.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <pare/prune/patterns.hpp>
#include <pare/prune/schedule.hpp>
#include <pare/train/coded_bits.hpp>
#include <pare/train/parameters.hpp>
#include <pare/train/schedule.hpp>

namespace pare {

// What weights are ranked by.
enum class weight_score {
  magnitude,     // |w|
  input_energy,  // w^2 E[x^2] for the input x of the weight, averaged over about the last 100 steps
  curvature,  // w^2 E[g^2] for the gradient g, as optimizers with a mean of its square keep it: what the loss grows by
              // without the weight, to second order, with the diagonal of the empirical Fisher matrix for the
              // curvature (LeCun, Denker and Solla 1990, eq. 5; Theis et al. 2018, arXiv 1801.05787, eq. 3)
};

// Which weights compete for being kept.
enum class pruning_scope { network, layer };

enum class regrowth {
  none,              // what is removed stays zero
  straight_through,  // removed weights are trained on, unseen, and come back as they rank (Guo et al. 2016; Lin et al.
                     // 2020, "Dynamic model pruning with feedback")
  gradient,          // each time some of the kept are removed and as many others, of the largest |dL/dw|, begin at zero
                     // (Evci et al. 2020, "RigL", algorithm 1)
};

// Off while `every` is 0.
struct gradual_pruning {
  index_t every = 0;            // steps between two masks; also at the first and the last step of the schedule
  pruning_schedule schedule{};  // of the sparsity, in steps of the optimizer; see steps_per_epoch
  weight_score score = weight_score::magnitude;
  bool per_bit = false;  // ranks by the score for each bit that the weight costs in a coded file, so that rows and
                         // columns with few weights left go first
  pruning_scope scope = pruning_scope::network;
  regrowth regrow = regrowth::none;
  double regrown = 0.3;  // regrowth::gradient: the share of the kept that is replaced at the beginning of the schedule,
                         // falling to none at its end by half a cosine

  // In place of `score`, if given: writes the scores of a layer's weights [outputs, inputs], larger is kept.
  std::function<void(std::size_t layer, const row_major_matrix& weights, row_major_matrix& scores)> score_by = {};
};

inline index_t steps_per_epoch(index_t samples, index_t batch_size) { return (samples + batch_size - 1) / batch_size; }

namespace detail {

inline void validate(const gradual_pruning& p) {
  require<value_error>(p.every >= 0, "pruning every ", p.every, " steps, must not be negative");
  (void)p.schedule.at(0);
  require<value_error>(p.schedule.final >= p.schedule.initial, "pruning schedule falls from ", p.schedule.initial,
                       " to ", p.schedule.final, ", must not fall");
  require_part("pruning regrown", p.regrown);
}

// Whether masks change when so many steps are done.
inline bool is_due(const gradual_pruning& p, index_t steps) {
  if (p.every == 0 || steps < p.schedule.begin || steps > p.schedule.end) return false;
  return (steps - p.schedule.begin) % p.every == 0 || steps == p.schedule.end;
}

// The share of kept weights that is replaced at a step.
inline double regrown_share(const gradual_pruning& p, index_t steps) {
  const auto length = static_cast<double>(std::max<index_t>(p.schedule.end - p.schedule.begin, 1));
  return half_cosine(p.regrown, 0.0, static_cast<double>(steps - p.schedule.begin) / length);
}

// Calls visit(row, col) for each weight that is in `a` and not in `b`.
template <class Visit>
void for_each_difference(const mask& a, const mask& b, Visit&& visit) {
  for (std::size_t word = 0; word < a.words().size(); ++word)
    for (std::uint64_t bits = a.words()[word] & ~b.words()[word]; bits != 0; bits &= bits - 1) {
      const index_t bit = static_cast<index_t>(word) * mask::word_bits + std::countr_zero(bits);
      visit(bit / a.cols(), bit % a.cols());
    }
}

// Of weights that are not to be kept.
inline constexpr float lowest_score = -std::numeric_limits<float>::max();

// What is known of weights when they are ranked.
struct pruning_evidence {
  const parameters& shadow;
  const parameters& gradients;                 // by all weights; looked at for regrowth::gradient only
  const parameters& squared_gradients;         // means; looked at for weight_score::curvature only
  const std::vector<Eigen::VectorXf>& energy;  // mean squares of inputs; looked at for weight_score::input_energy only
};

template <std::same_as<pruning_evidence> Evidence>
std::vector<row_major_matrix> score_weights(const gradual_pruning& p, const Evidence& known) {
  std::vector<row_major_matrix> scores;
  for (std::size_t l = 0; l < known.shadow.size(); ++l) {
    const auto& w = known.shadow[l].weights;
    row_major_matrix score = w.cwiseAbs();
    if (p.score_by)
      p.score_by(l, w, score);
    else if (p.score == weight_score::input_energy)
      score = w.array().square().rowwise() * known.energy[l].transpose().array();
    else if (p.score == weight_score::curvature)
      score = w.array().square() * known.squared_gradients[l].weights.array();
    require<shape_error>(score.rows() == w.rows() && score.cols() == w.cols(), "pruning: scores of layer ", l, " are [",
                         score.rows(), ", ", score.cols(), "], the weights [", w.rows(), ", ", w.cols(), "]");
    scores.push_back(std::move(score));
  }
  return scores;
}

// How many weights of each layer are to be kept at a step, or of all together: one number per competition.
template <std::same_as<parameters> Parameters>
std::vector<index_t> kept_counts(const gradual_pruning& p, const Parameters& shadow, index_t steps) {
  const double sparse = p.schedule.at(steps).value;
  std::vector<index_t> keep;
  index_t size = 0;
  for (const layer_parameters& layer : shadow) {
    keep.push_back(kept_count(layer.weights.size(), sparse));
    size += layer.weights.size();
  }
  if (p.scope == pruning_scope::network) keep.assign(1, kept_count(size, sparse));
  return keep;
}

// How many masks keep now, per competition.
inline std::vector<index_t> counts_of(pruning_scope scope, const std::vector<mask>& masks) {
  std::vector<index_t> counts;
  for (const mask& each : masks) counts.push_back(each.count());
  if (scope == pruning_scope::network) counts.assign(1, std::accumulate(counts.begin(), counts.end(), index_t{0}));
  return counts;
}

// The masks of the best scores, so many per competition.
template <std::same_as<std::vector<row_major_matrix>> Scores>
std::vector<mask> best_masks(const Scores& scores, pruning_scope scope, const std::vector<index_t>& keep) {
  std::vector<importance<typename Scores::value_type::Scalar>> rankings;
  index_t size = 0;
  for (std::size_t l = 0; l < scores.size(); ++l) {
    rankings.push_back(by_score(scores[l], text("pruning: scores of layer ", l)));
    size += scores[l].size();
  }
  if (scope == pruning_scope::network) return masks_of_largest(rankings, size, keep.front());
  std::vector<mask> masks;
  for (std::size_t l = 0; l < scores.size(); ++l)
    masks.push_back(std::move(masks_of_largest(std::vector{rankings[l]}, rankings[l].size(), keep[l]).front()));
  return masks;
}

// Keeps the best of those in `before` but for a share, and fills up with the others' largest gradients.
template <std::same_as<std::vector<row_major_matrix>> Scores, std::same_as<parameters> Parameters>
std::vector<mask> regrown_masks(const gradual_pruning& p, double share, const std::vector<index_t>& keep, Scores scores,
                                const Parameters& gradients, const std::vector<mask>& before) {
  std::vector<index_t> survivors = counts_of(p.scope, before);
  for (std::size_t i = 0; i < keep.size(); ++i)
    survivors[i] = std::min(survivors[i], keep[i] - static_cast<index_t>(share * static_cast<double>(keep[i])));
  const std::vector<mask> kept = best_masks(scores, p.scope, survivors);
  for (std::size_t l = 0; l < scores.size(); ++l) {
    scores[l] = gradients[l].weights.cwiseAbs();
    for_each_difference(kept[l], mask(kept[l].rows(), kept[l].cols()),
                        [&](index_t row, index_t col) { scores[l](row, col) = std::numeric_limits<float>::max(); });
  }
  return best_masks(scores, p.scope, keep);
}

// The masks at a step. Without regrowth none of them has a weight that `before`, the masks in force, has not.
template <std::same_as<pruning_evidence> Evidence>
std::vector<mask> next_masks(const gradual_pruning& p, index_t steps, const Evidence& known,
                             const std::vector<mask>& before) {
  auto scores = score_weights(p, known);
  for (std::size_t l = 0; p.per_bit && l < scores.size(); ++l) divide_by_coded_bits(before[l], scores[l]);
  std::vector<index_t> keep = kept_counts(p, known.shadow, steps);
  if (p.regrow == regrowth::straight_through) return best_masks(scores, p.scope, keep);
  for (std::size_t l = 0; l < scores.size(); ++l)
    for_each_difference(~mask(before[l].rows(), before[l].cols()), before[l],
                        [&](index_t row, index_t col) { scores[l](row, col) = lowest_score; });
  if (p.regrow == regrowth::gradient)
    return regrown_masks(p, steps == 0 ? 0.0 : regrown_share(p, steps), keep, std::move(scores), known.gradients,
                         before);
  const std::vector<index_t> left = counts_of(p.scope, before);  // may be fewer than the schedule's
  for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = std::min(keep[i], left[i]);
  return best_masks(scores, p.scope, keep);
}

}  // namespace detail
}  // namespace pare
