// A trained network made to fit a number of bytes by a few hundred inputs, without any training; and what it cost.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <pare/compress/compress.hpp>
#include <pare/pare.hpp>

namespace {

// How far the search is, in one line of the terminal; false would stop it.
bool show(const pare::compress_progress& now) {
  std::cerr << "\r\033[K" << now.step << ": " << now.done << " of " << now.all << std::flush;
  return true;
}

}  // namespace

int main() {
  pare::thread_pool threads(2);
  const pare::dataset digits = pare::make_digits(10000, 1), unseen = pare::make_digits(2000, 2);
  pare::mlp model = pare::make_mlp({784, 64, 10}, 1);
  train(model, digits, {.epochs = 6, .learning_rate = 0.1, .optimizer = pare::sgd{}, .executor = &threads});
  const pare::network net = to_network(model);

  // 400 digits tell what the layers see. A few settings are enough here; without them a search tries more of them.
  const pare::dataset some = hold_out_random(digits, 400, 1).test;
  const pare::compress_options options{
      .settings = {{.bits = 2},
                   {.bits = 4},
                   {.bits = 4, .scheme = pare::scheme::symmetric, .group_size = 0, .sparsity = 0.7},
                   {.bits = 3, .scheme = pare::scheme::symmetric, .group_size = 0, .sparsity = 0.9}},
      .neuron_losses = {0, 0.04},
      .threads = &threads,
      .progress = show};
  const pare::compression_search search(net, some.inputs, some.labels, options);
  std::cerr << "\r\033[K";

  for (const std::size_t bytes : {20'000, 10'000, 5'000}) {
    const pare::compression small = compress(search, pare::budget{bytes});
    std::printf("%6zu bytes allowed, %6zu taken: %.2f %% of unseen digits wrong, %.2f %% before\n", bytes,
                small.report.after.file_bytes, 100 * error_rate(small.network, unseen), 100 * error_rate(net, unseen));
    if (small.report.after.file_bytes > bytes) return 1;
  }

  // The smallest network that gets at most one percent of the 400 more wrong, and all that there is to know about it.
  const pare::compression small = compress(search, pare::accuracy_loss{.points = 1});
  std::cout << '\n' << small.report;
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  const std::string file = (folder / "compress_to_a_budget.pare").string();
  pare::save(small.network, file, {.coding = pare::coding::small});
  std::ofstream(folder / "compress_to_a_budget.svg") << to_svg(small.report);
  std::ofstream(folder / "compress_to_a_budget.json") << to_json(small.report);
  return std::filesystem::file_size(file) == small.report.after.file_bytes ? 0 : 1;
}
