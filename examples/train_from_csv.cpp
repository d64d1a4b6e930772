// From a table of your own to a trained network in a file. The table here is one of drawn digits, so that there is one.

#include <cstdio>
#include <filesystem>

#include <pare/io/csv_dataset.hpp>
#include <pare/pare.hpp>

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  const std::filesystem::path table = folder / "pare_digits.csv", file = folder / "pare_digits.pare";
  pare::save_csv(pare::make_digits(3000, 1), table);

  // The header names the columns x0, x1, ... and label; the label could stand anywhere.
  const pare::dataset digits = pare::load_csv_labels(table, "label");
  const auto [train, test] = pare::hold_out_random(digits, 500, 1);
  std::printf("%td features, %d classes, %td samples to train and %td to test\n", digits.features(), digits.classes,
              train.samples(), test.samples());

  pare::mlp model = pare::make_mlp({digits.features(), 64, 10}, 1);
  pare::train(model, train, {.epochs = 30});
  const double error = pare::error_rate(model, test);
  std::printf("test error %.1f %%\n", 100 * error);

  pare::save(pare::to_network(model), file);
  std::printf("%s has %ju bytes\n", file.filename().c_str(),
              static_cast<std::uintmax_t>(std::filesystem::file_size(file)));
  std::filesystem::remove(table);
  std::filesystem::remove(file);
  return error < 0.2 ? 0 : 1;
}
