// Error of the quantizers against bits and speed, on weights drawn from normal and from Laplace distributions, beside
// what no quantizer can do better. Bits count everything that a matrix is stored with: codes, scales, offsets, tables.
// A table, and CSV, JSON and SVG files.

#include <cmath>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <random>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <pare/quantize/affine.hpp>
#include <pare/quantize/codebook.hpp>
#include <pare/quantize/distortion.hpp>
#include <pare/tensor/eigen.hpp>

#include "machine.hpp"
#include "output.hpp"
#include "plot.hpp"
#include "stopwatch.hpp"
#include "table.hpp"

namespace {

using bench::say;
using pare::index_t;

struct options {
  std::string out = "results";
  index_t rows = 64;
  index_t cols = 16384;
  index_t group_size = 32;
  int rounds = 5;
  std::uint64_t seed = 1;
};

options parse(int argc, char** argv) {
  options chosen;
  CLI::App app("Error of the quantizers against bits and speed, on one thread");
  app.add_option("--out", chosen.out, "folder for the results")->capture_default_str();
  app.add_option("--rows", chosen.rows)->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--cols", chosen.cols)->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--group-size", chosen.group_size, "columns that share a scale")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--rounds", chosen.rounds, "of which the median is taken")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seed", chosen.seed, "of the weights")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& stop) {
    std::exit(app.exit(stop));
  }
  return chosen;
}

struct source {
  std::string name;
  pare::row_major_matrix weights;
  double least_error;  // relative, at 0 bits: half of it for every bit more
};

// Shannon's lower bound of the distortion at a rate: what the normal distribution allows, and less than what the
// Laplace distribution does, 2^(2 (entropy - bits)) / (2 pi e) with the entropy log2(2 e b) of a variance of 2 b^2.
std::vector<source> sources(const options& chosen) {
  std::mt19937_64 generator(chosen.seed);
  std::normal_distribution<float> normal;
  std::exponential_distribution<float> exponential;
  std::bernoulli_distribution negative;
  const auto draw = [&](auto&& one) {
    return pare::row_major_matrix::NullaryExpr(chosen.rows, chosen.cols, one).eval();
  };
  return {{"normal", draw([&] { return normal(generator); }), 1},
          {"Laplace", draw([&] { return (negative(generator) ? -1.0f : 1.0f) * exponential(generator); }),
           std::sqrt(std::numbers::e / std::numbers::pi)}};
}

struct quantizer {
  std::string scheme;
  std::string range;
  int bits;
  std::function<pare::quantized_codes(const pare::row_major_matrix&)> quantize;
};

std::vector<quantizer> quantizers(index_t group_size) {
  std::vector<quantizer> all;
  const auto options_of = [&](int bits, pare::scheme scheme, pare::range range) {
    return pare::quantize_options{.bits = bits, .scheme = scheme, .group_size = group_size, .range = range};
  };
  for (const auto& [range, range_name] :
       {std::pair(pare::range::min_max, "min_max"), std::pair(pare::range::squared_error, "squared_error")})
    for (const auto& [scheme, name] :
         {std::pair(pare::scheme::symmetric, "symmetric"), std::pair(pare::scheme::asymmetric, "asymmetric"),
          std::pair(pare::scheme::two_level, "two_level")})
      for (int bits = 2; bits <= 8; ++bits)
        all.push_back({name, range_name, bits, [how = options_of(bits, scheme, range)](const auto& weights) {
                         return pare::quantize_codes(weights, how);
                       }});
  const auto levels = [&](int bits) { return options_of(bits, pare::scheme::symmetric, pare::range::squared_error); };
  all.push_back({"nf4", "squared_error", 4,
                 [how = levels(4)](const auto& weights) { return pare::quantize_codes(weights, pare::nf4(), how); }});
  for (int bits = 2; bits <= 6; ++bits)
    all.push_back({"k_means", "squared_error", bits, [how = levels(bits)](const auto& weights) {
                     return pare::quantize_codes(weights, pare::fit_codebook(weights, how), how);
                   }});
  return all;
}

struct result {
  std::string weights;
  std::string scheme;
  std::string range;
  std::int64_t code_bits = 0;
  double bits = 0;       // per weight
  double error = 0;      // root mean square, relative to that of the weights
  double excess = 0;     // dB above the least error at as many bits
  double gigabytes = 0;  // of floats per second
};

double bits_per_weight(const pare::quantized_codes& q) {
  const auto of_offset = q.scheme == pare::scheme::asymmetric || q.scheme == pare::scheme::two_level ? 8 : 0;
  const auto of_scale = q.scheme == pare::scheme::two_level ? 8 : 16;
  const index_t all = q.rows * q.cols * q.bits + of_scale * std::ssize(q.scale) + of_offset * std::ssize(q.offset) +
                      32 * std::ssize(q.unit) + 32 * std::ssize(q.offset_unit) + 8 * std::ssize(q.levels);
  return static_cast<double>(all) / static_cast<double>(q.rows * q.cols);
}

result measure(const source& from, const quantizer& how, int rounds) {
  pare::quantized_codes q;
  std::vector<double> spent;
  for (int i = 0; i < rounds; ++i) spent.push_back(bench::microseconds([&] { q = how.quantize(from.weights); }, 1));
  pare::row_major_matrix back(q.rows, q.cols);
  dequantize(q, back);
  const double error = std::pow(10, -pare::measure_distortion(from.weights, back).sqnr / 20);
  const double bits = bits_per_weight(q);
  return {from.name,
          how.scheme,
          how.range,
          how.bits,
          bits,
          error,
          20 * std::log10(error / from.least_error * std::exp2(bits)),
          static_cast<double>(from.weights.size()) * sizeof(float) * 1e-3 / bench::median(spent)};
}

std::vector<bench::column<result>> columns() {
  using row = const result&;
  return {
      {"weights", "weights", "{}", [](row r) { return r.weights; }},
      {"scheme", "scheme", "{}", [](row r) { return r.scheme; }},
      {"range", "range", "{}", [](row r) { return r.range; }},
      {"code_bits", "code bits", "{}", [](row r) { return r.code_bits; }},
      {"bits_per_weight", "bits/weight", "{:.3f}", [](row r) { return r.bits; }},
      {"relative_error", "error", "{:.4f}", [](row r) { return r.error; }},
      {"excess_decibel", "above bound, dB", "{:.2f}", [](row r) { return r.excess; }},
      {"gigabytes_per_second", "GB/s", "{:.3f}", [](row r) { return r.gigabytes; }},
  };
}

// Beside each other, what the quantizers that search are above the bound for either kind of weights.
std::string script_of(const std::filesystem::path& file, const std::vector<result>& rows) {
  const std::vector<std::pair<std::string, std::string>> schemes = {{"symmetric", "#3366cc"},
                                                                    {"asymmetric", "#e68a00"},
                                                                    {"two_level", "#cc3333"},
                                                                    {"k_means", "#2ca02c"},
                                                                    {"nf4", "#555555"}};
  std::string script = "set terminal svg size 900,420 font 'sans,13' background '#ffffff'\nset output " +
                       bench::gnuplot_string(file.string()) +
                       "\nset multiplot layout 1,2\nset xlabel 'bits per weight'\nset ylabel 'error above the "
                       "rate-distortion bound, dB'\nset yrange [0:*]\nset grid back lt 1 lc rgb '#e4e4e4'\n"
                       "set border 3 lc rgb '#888888'\nset tics nomirror\nset key bottom right\n";
  for (const std::string weights : {"normal", "Laplace"}) {
    std::string blocks, series;
    for (const auto& [scheme, color] : schemes) {
      std::string points;
      for (const result& row : rows)
        if (row.weights == weights && row.scheme == scheme && row.range == "squared_error")
          points += fmt::format("{} {}\n", row.bits, row.excess);
      const std::string block = "$" + weights + "_" + scheme;
      blocks += block + " << EOD\n" + points + "EOD\n";
      series +=
          fmt::format("{} with linespoints pt 7 ps 0.6 lc rgb '{}' title '{}' noenhanced, ", block, color, scheme);
    }
    script += blocks + "set title '" + weights + " weights'\nplot " + series.substr(0, series.size() - 2) + "\n";
  }
  return script + "unset multiplot\n";
}

void run(const options& chosen) {
  std::filesystem::create_directories(chosen.out);
  std::vector<result> rows;
  for (const source& from : sources(chosen)) {
    say(fmt::format("{} weights, {} x {}, groups of {}", from.name, chosen.rows, chosen.cols, chosen.group_size));
    for (const quantizer& how : quantizers(chosen.group_size)) rows.push_back(measure(from, how, chosen.rounds));
  }
  std::cout << '\n' << bench::printed_table(columns(), rows);
  say("\nWritten:");
  const std::filesystem::path folder = chosen.out;
  bench::write_file(folder / "quantizers.csv", bench::csv_table(columns(), rows));
  bench::write_file(folder / "quantizers.json", nlohmann::ordered_json{{"machine", bench::describe_machine()},
                                                                       {"rows_of_matrix", chosen.rows},
                                                                       {"columns_of_matrix", chosen.cols},
                                                                       {"group_size", chosen.group_size},
                                                                       {"rows", bench::json_table(columns(), rows)}}
                                                        .dump(2) +
                                                    "\n");
  bench::write_plot(folder / "quantizers.svg", script_of(folder / "quantizers.svg", rows));
}

}  // namespace

int main(int argc, char** argv) {
  return bench::exit_code("quantizers", [&] {
    run(parse(argc, argv));
    return 0;
  });
}
