// A trained network, made small and run small: prune, quantize, save, load, run.

#include <cstdio>

#include <pare/pare.hpp>

int main() {
  // Something to compress: a perceptron that has learned digits drawn by the program.
  const pare::dataset digits = pare::make_digits(10000, 1);
  const pare::dataset unseen = pare::make_digits(2000, 2);
  pare::mlp model = pare::make_mlp({784, 128, 10}, 1);
  train(model, digits, {.epochs = 6, .learning_rate = 0.1, .optimizer = pare::sgd{}});

  // Removes 90 % of the weights of each layer, and trains the others to do without.
  std::vector<pare::mask> kept;
  for (pare::dense_layer& layer : model.layers) kept.push_back(prune(layer.weights, pare::sparsity{0.9}));
  train(model, digits, {.epochs = 4, .learning_rate = 0.1, .optimizer = pare::sgd{}, .constraints = keep(kept)});

  // Four bits for each weight that is left, and its place: the work follows their number.
  const pare::network whole = to_network(model);
  const pare::network small =
      quantize(whole, {.bits = 4, .granularity = pare::granularity::row}, pare::encoding::sparse);
  pare::save(small, "digits.pare");

  // Wherever it is used: the file is mapped, and runs as it lies there.
  const pare::network loaded = pare::load("digits.pare");
  std::printf("f32:   %7zu bytes, %.2f %% of unseen digits wrong\n", whole.bytes(), 100 * error_rate(whole, unseen));
  std::printf("4 bit: %7zu bytes, %.2f %% of unseen digits wrong\n", loaded.bytes(), 100 * error_rate(loaded, unseen));
  return loaded.bytes() * 10 < whole.bytes() && error_rate(loaded, unseen) < 0.1 ? 0 : 1;
}
