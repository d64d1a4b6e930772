// A network made small while it is trained: ever fewer weights, rounded as they will be stored, then packed as they
// are.

#include <cstdio>
#include <iostream>

#include <pare/pare.hpp>

int main() {
  const pare::dataset digits = pare::make_digits(6000, 1);
  const pare::dataset unseen = pare::make_digits(2000, 2);
  pare::thread_pool threads(2);

  // A teacher, which is not small.
  pare::mlp teacher = pare::make_mlp({784, 128, 10}, 1);
  train(teacher, digits, {.epochs = 8, .executor = &threads, .progress = pare::print_progress(std::cout)});

  // Its student has the same shape; nine of ten weights go, in the first half of its training. Weights are rounded to 7
  // multiples of a step that is learned, inputs to 8 bits, as they will be when the network runs.
  pare::training_options options{.epochs = 12, .executor = &threads, .progress = pare::print_progress(std::cout)};
  options.constraints.assign(2, {.quantizer = pare::learned_step{.levels = 3}, .inputs = pare::input_quantizer{}});
  const pare::index_t steps = pare::steps_per_epoch(digits.samples(), options.batch_size);
  options.pruning = {
      .every = 10, .schedule = {.end = 6 * steps, .final = 0.9}, .regrow = pare::regrowth::straight_through};
  options.distillation = {.logits = logits_of(teacher, digits.inputs)};
  pare::trainer run(teacher, digits, options);
  run.run();

  const pare::mlp student = run.model();
  const pare::network small = to_network(student, run.quantization(), pare::encoding::bitmap);
  std::printf("teacher: %7zu bytes, %.2f %% of unseen digits wrong\n", to_network(teacher).bytes(),
              100 * error_rate(teacher, unseen));
  std::printf("student: %7zu bytes, %.2f %% of unseen digits wrong\n", small.bytes(),
              100 * error_rate(student, unseen));
  return small.bytes() * 10 < to_network(teacher).bytes() && error_rate(student, unseen) < 0.15 ? 0 : 1;
}
