// The codings of .pare files: bytes beside the entropy of the codes, and how fast they are written and loaded.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <random>

#include <CLI/CLI.hpp>

#include <pare/pare.hpp>

#include "machine.hpp"
#include "output.hpp"
#include "stopwatch.hpp"
#include "table.hpp"

namespace {

struct subject {
  std::string name;
  pare::network net;
};

struct result {
  std::string name;
  std::string coding;
  std::int64_t bytes;
  double bits;            // per weight, everything in the file included
  double bound;           // the entropy of the codes, of each matrix by itself, likewise
  double encode, decode;  // million weights per second
};

double weights_of(const pare::network& net) {
  double count = 0;
  for (const pare::any_layer& layer : net.layers())
    if (const auto* linear = std::get_if<pare::linear>(&layer))
      count += static_cast<double>(linear->outputs() * linear->inputs());
  return count;
}

double entropy_of(const pare::network& net) {
  double bits = 0;
  for (const pare::any_layer& layer : net.layers()) {
    const auto* linear = std::get_if<pare::linear>(&layer);
    if (linear == nullptr) continue;
    std::array<double, 256> counts{};
    const auto codes = pare::unpack_codes(linear->weights()).codes;
    for (const std::uint8_t code : codes) ++counts[code];
    for (const double count : counts)
      if (count > 0) bits -= count * std::log2(count / static_cast<double>(codes.size()));
  }
  return bits;
}

// Gaussian weights [rows, cols] of which the largest are kept, times e^(unevenness normal) for every row and column.
Eigen::MatrixXf weights(Eigen::Index rows, Eigen::Index cols, double sparsity, float unevenness = 0) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  Eigen::MatrixXf w = Eigen::MatrixXf::NullaryExpr(rows, cols, [&] { return normal(generator); });
  for (Eigen::Index row = 0; row < rows; ++row) w.row(row) *= std::exp(unevenness * normal(generator));
  for (Eigen::Index col = 0; col < cols; ++col) w.col(col) *= std::exp(unevenness * normal(generator));
  if (sparsity > 0) pare::prune(w, pare::sparsity{sparsity});
  return w;
}

subject matrix(const std::string& name, Eigen::Index size, int bits, double sparsity, pare::encoding as,
               float unevenness = 0) {
  pare::network net(size);
  net.add(pare::linear(pare::quantize(weights(size, size, sparsity, unevenness),
                                      {.bits = bits, .granularity = pare::granularity::row}, as)));
  return {name, net};
}

subject perceptron() {
  pare::network net(784);
  const auto add = [&](Eigen::Index rows, Eigen::Index cols, double sparsity, int bits) {
    net.add(pare::linear(pare::quantize(weights(rows, cols, sparsity),
                                        {.bits = bits, .granularity = pare::granularity::tensor},
                                        pare::encoding::very_sparse)));
  };
  add(100, 784, 0.98, 3);
  net.add(pare::activation::relu);
  add(80, 100, 0.88, 3);
  net.add(pare::activation::relu);
  add(10, 80, 0.6, 4);
  return {"784-100-80-10, sparse", net};
}

double least_seconds(int rounds, const std::function<void()>& run) {
  double least = 1e30;
  for (int i = 0; i < rounds; ++i) least = std::min(least, bench::microseconds(run, 1));
  return least * 1e-6;
}

void measure(const subject& what, int rounds, std::vector<result>& results) {
  const double count = weights_of(what.net);
  const double entropy = entropy_of(what.net);
  for (const auto& [how, name] : {std::pair(pare::coding::mapped, "mapped"), std::pair(pare::coding::small, "small"),
                                  std::pair(pare::coding::fast, "fast")}) {
    std::vector<std::byte> file;
    const double encode = least_seconds(rounds, [&] { file = pare::encode(what.net, {.coding = how}); });
    const double decode = least_seconds(rounds, [&] { pare::load(file); });
    results.push_back({what.name, name, static_cast<std::int64_t>(file.size()),
                       8 * static_cast<double>(file.size()) / count, entropy / count, count / encode * 1e-6,
                       count / decode * 1e-6});
  }
}

void run(int rounds, Eigen::Index size, const std::filesystem::path& out) {
  using pare::encoding;
  std::vector<result> results;
  for (const subject& what :
       {matrix("8 bits", size, 8, 0, encoding::codes), matrix("4 bits", size, 4, 0, encoding::codes),
        matrix("2 bits", size, 2, 0, encoding::codes), matrix("4 bits, 90 % zeros", size, 4, 0.9, encoding::bitmap),
        matrix("4 bits, 99 % zeros", size, 4, 0.99, encoding::very_sparse),
        matrix("4 bits, 90 % zeros, uneven", size, 4, 0.9, encoding::very_sparse, 0.3f), perceptron()})
    measure(what, rounds, results);
  const std::vector<bench::column<result>> columns = {
      {"weights", "weights", "{}", [](const result& r) { return r.name; }},
      {"coding", "coding", "{}", [](const result& r) { return r.coding; }},
      {"bytes", "bytes", "{}", [](const result& r) { return r.bytes; }},
      {"bits_per_weight", "bits/weight", "{:.4f}", [](const result& r) { return r.bits; }},
      {"entropy_per_weight", "entropy", "{:.4f}", [](const result& r) { return r.bound; }},
      {"encode_mweights_s", "encode M/s", "{:.1f}", [](const result& r) { return r.encode; }},
      {"decode_mweights_s", "decode M/s", "{:.1f}", [](const result& r) { return r.decode; }},
  };
  std::cout << bench::printed_table(columns, results);
  if (out.empty()) return;
  std::filesystem::create_directories(out);
  bench::write_file(out / "coding.csv", bench::csv_table(columns, results));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Size and speed of the codings of .pare files, on one thread; the shortest of some rounds counts");
  int rounds = 5;
  Eigen::Index size = 1024;
  std::string out;
  app.add_option("--rounds", rounds, "turns of each")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--size", size, "rows and columns of the matrices")
      ->check(CLI::Range(16, 8192))
      ->capture_default_str();
  app.add_option("--out", out, "folder for coding.csv");
  CLI11_PARSE(app, argc, argv);
  return bench::exit_code("coding", [&] {
    run(rounds, size, out);
    return 0;
  });
}
