// The multiply in every format beside the limits of the machine and beside peers, all in one run.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include <pare/nn/quantize.hpp>
#include <pare/parallel/thread_pool.hpp>
#include <pare/prune/prune.hpp>
#include <pare/storage/unpack.hpp>
#include <pare/train/convert.hpp>

#include "limits.hpp"
#include "machine.hpp"
#include "peers/eigen.hpp"
#include "rotated.hpp"
#include "stopwatch.hpp"
#include "table.hpp"

namespace {

using Eigen::MatrixXf;
using pare::encoding;
using pare::index_t;
using pare::packed_matrix;
using pare::precision;
using pare::quantize_options;
using pare::scheme;

struct options {
  int rounds = 21;
  std::string only = {};
  std::string out = {};
};

// What was measured of one contestant.
struct result {
  std::string group;
  std::string name;
  double us = 0;
  double gigabytes = 0;        // of weights per second
  double giga_operations = 0;  // per second
  std::string limit = {};
  double fraction = 0;  // of that limit
};

// A ratio that is wanted.
struct goal {
  std::string name;
  double measured = 0;
  double wanted = 0;
};

struct report {
  std::vector<result> results;
  std::vector<goal> goals;
};

void say(const std::string& line) { std::cout << line << std::endl; }

constexpr std::size_t more_than_caches = std::size_t{288} << 20;

MatrixXf random_matrix(index_t rows, index_t cols, unsigned seed) {
  std::srand(seed);
  return MatrixXf::Random(rows, cols);
}

// Things timed in turn, and what each is compared with.
class contest {
 public:
  contest(std::string group, const options& how, report& into) : group_(std::move(group)), how_(how), into_(into) {}

  std::size_t add(const std::string& name, std::function<void()> run, double bytes = 0, double operations = 0) {
    entries_.push_back(
        {.group = group_, .name = name, .gigabytes = bytes * 1e-3, .giga_operations = operations * 1e-3});
    runs_.push_back(std::move(run));
    return entries_.size() - 1;
  }
  template <class Product>
  std::size_t add(const std::string& name, std::shared_ptr<Product> product) {
    return add(
        name, [product] { (*product)(); }, product->bytes(), product->operations());
  }

  void run(int calls = 1) {
    say("Measuring " + group_);
    const std::vector<double> us = bench::median_microseconds(runs_, {.rounds = how_.rounds, .calls = calls});
    for (std::size_t i = 0; i < us.size(); ++i) {
      entries_[i].us = us[i];
      entries_[i].gigabytes /= us[i];
      entries_[i].giga_operations /= us[i];
    }
  }

  void bandwidth_goal(std::size_t entry, std::size_t probe, double wanted) {
    set_fraction(entry, probe, entries_[entry].gigabytes / entries_[probe].gigabytes, wanted);
  }
  void operations_goal(std::size_t entry, std::size_t probe, double wanted) {
    set_fraction(entry, probe, entries_[entry].giga_operations / entries_[probe].giga_operations, wanted);
  }
  void speed_goal(std::size_t entry, std::size_t peer, double wanted) {
    into_.goals.push_back({group_ + ": " + entries_[entry].name + " against " + entries_[peer].name,
                           entries_[peer].us / entries_[entry].us, wanted});
  }

  ~contest() { into_.results.insert(into_.results.end(), entries_.begin(), entries_.end()); }
  contest(const contest&) = delete;
  contest& operator=(const contest&) = delete;

 private:
  void set_fraction(std::size_t entry, std::size_t probe, double fraction, double wanted) {
    entries_[entry].limit = entries_[probe].name;
    entries_[entry].fraction = fraction;
    into_.goals.push_back({group_ + ": " + entries_[entry].name + " of " + entries_[probe].name, fraction, wanted});
  }

  std::string group_;
  options how_;
  report& into_;
  std::vector<result> entries_;
  std::vector<std::function<void()>> runs_;
};

using product_pointer = std::shared_ptr<bench::packed_product>;

// A product whose answer has been checked against the weights that it stands for.
product_pointer checked(const packed_matrix& w, const MatrixXf& x, precision inputs, std::size_t least_bytes,
                        pare::executor* threads = nullptr) {
  auto product = std::make_shared<bench::packed_product>(w, x, inputs, least_bytes, threads);
  (*product)();
  bench::eigen_dense weights(w.rows(), w.cols());
  dequantize(w, weights);
  const MatrixXf expected = weights * x;
  // Inputs of 8 bits are off by half a step of 1/127 of their group's largest; sums of random signs grow like those of
  // the products.
  const double most = inputs == precision::int8 ? 0.02 : 1e-4;
  const double error = static_cast<double>((product->y() - expected).norm() / expected.norm());
  if (!(error < most)) throw pare::value_error(fmt::format("a product is off by {}, may be by {}", error, most));
  return product;
}

quantize_options grouped(int bits, index_t group_size, scheme kind = scheme::symmetric) {
  return {.bits = bits, .scheme = kind, .group_size = group_size, .range = pare::range::min_max};
}

void from_memory(const options& how, report& into) {
  constexpr index_t n = 4096;
  const MatrixXf w = random_matrix(n, n, 1), x = random_matrix(n, 1, 2);
  contest all("batch 1 from memory", how, into);
  const auto probe = std::make_shared<bench::read_probe>(std::size_t{320} << 20, bench::pages::huge);
  const std::size_t memory = all.add(
      "memory bandwidth", [probe] { (*probe)(); }, probe->bytes());
  std::map<std::string, std::size_t> entries;
  const auto add = [&](const std::string& name, const packed_matrix& m, precision inputs) {
    entries[name] = all.add(name, checked(m, x, inputs, more_than_caches));
  };
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const index_t group : {32, 128})
      add(fmt::format("{} bits, groups of {}", bits, group), pare::quantize(w, grouped(bits, group)), precision::int8);
    add(fmt::format("{} bits, groups of 32, two-level", bits), pare::quantize(w, grouped(bits, 32, scheme::two_level)),
        precision::int8);
  }
  const auto packed_entries = entries;
  add("4 bits, float inputs", pare::quantize(w, grouped(4, 32)), precision::float32);
  add("32 bits", pare::pack_dense(w), precision::float32);
  const auto eigen =
      std::make_shared<bench::eigen_product<bench::eigen_dense>>(w, x, std::size_t{4} * n * n, more_than_caches);
  const std::size_t eigen_f32 = all.add(
      "Eigen", [eigen] { (*eigen)(); }, 4.0 * n * n, 2.0 * n * n);
  all.run();
  for (const auto& [name, entry] : packed_entries) all.bandwidth_goal(entry, memory, 0.9);
  all.speed_goal(entries["4 bits, groups of 32"], eigen_f32, 7);
  all.speed_goal(entries["4 bits, float inputs"], eigen_f32, 4);
}

void from_cache(const options& how, report& into) {
  const MatrixXf w = random_matrix(512, 1024, 1), x = random_matrix(1024, 1, 2);
  contest all("batch 1 from the second-level cache", how, into);
  const auto probe = std::make_shared<bench::read_probe>(std::size_t{288} << 10, bench::pages::huge);
  const std::size_t cache = all.add(
      "cache bandwidth", [probe] { (*probe)(); }, probe->bytes());
  const std::size_t entry =
      all.add("4 bits, groups of 32", checked(pare::quantize(w, grouped(4, 32)), x, precision::int8, 0));
  all.run(64);
  all.bandwidth_goal(entry, cache, 0.5);
}

void large_batch(const options& how, report& into) {
  constexpr index_t n = 4096;
  const MatrixXf w = random_matrix(n, n, 1);
  contest all("large batch", how, into);
  const bench::product_probe products;
  const bench::multiply_add_probe multiply_adds;
  const std::size_t dots = all.add(
      "sums of products", [&] { products(); }, 0, bench::product_probe::operations());
  const std::size_t floats = all.add(
      "multiply-adds", [&] { multiply_adds(); }, 0, bench::multiply_add_probe::operations());
  std::vector<std::pair<std::size_t, double>> entries;
  for (const index_t batch : {8, 32, 128}) {
    const MatrixXf x = random_matrix(n, batch, 2);
    for (const int bits : {4, 8})
      for (const index_t group : {index_t{32}, n})
        entries.emplace_back(
            all.add(fmt::format("{} bits, {}, batch {}", bits, group == n ? "per row" : "groups of 32", batch),
                    checked(pare::quantize(w, grouped(bits, group)), x, precision::int8, 0)),
            group == n ? 0.85 : 0.75);
  }
  const MatrixXf x = random_matrix(n, 128, 2);
  const std::size_t float_inputs =
      all.add("4 bits, float inputs, batch 128", checked(pare::quantize(w, grouped(4, 32)), x, precision::float32, 0));
  const std::size_t dense = all.add("32 bits, batch 128", checked(pare::pack_dense(w), x, precision::float32, 0));
  all.run();
  for (const auto& [entry, wanted] : entries) all.operations_goal(entry, dots, wanted);
  all.operations_goal(float_inputs, floats, 0.8);
  all.operations_goal(dense, floats, 0.8);
}

void sparse(const options& how, report& into) {
  constexpr index_t n = 4096;
  const auto one = [&](index_t batch, int percent, double against_eigen, double against_dense) {
    MatrixXf w = random_matrix(n, n, 1);
    const MatrixXf x = random_matrix(n, batch, 2);
    contest all(fmt::format("{} % zeros, batch {}", percent, batch), how, into);
    const std::size_t dense = all.add("4 bits, groups of 32",
                                      checked(pare::quantize(w, grouped(4, 32)), x, precision::int8, more_than_caches));
    prune(w, pare::sparsity{percent / 100.0});
    const std::size_t bitmap = all.add("4 bits, bitmap", checked(pare::quantize(w, grouped(4, n), encoding::bitmap), x,
                                                                 precision::int8, more_than_caches));
    const std::size_t listed = all.add("4 bits, sparse", checked(pare::quantize(w, grouped(4, n), encoding::sparse), x,
                                                                 precision::int8, more_than_caches));
    const bench::eigen_sparse s = w.sparseView();
    const std::size_t bytes = static_cast<std::size_t>(s.nonZeros()) * 8;
    const auto eigen = std::make_shared<bench::eigen_product<bench::eigen_sparse>>(s, x, bytes, more_than_caches);
    const std::size_t peer = all.add(
        "Eigen SparseMatrix", [eigen] { (*eigen)(); }, static_cast<double>(bytes));
    all.run();
    if (against_eigen > 0) all.speed_goal(listed, peer, against_eigen);
    if (against_dense > 0) all.speed_goal(listed, dense, against_dense);
    all.speed_goal(listed, bitmap, 1);
  };
  one(1, 80, 7, 0);
  one(1, 90, 7, 1.6);
  one(1, 95, 5, 0);
  one(1, 99, 3, 0);
  one(32, 90, 0, 1.3);
}

void perceptron(const options& how, report& into) {
  pare::mlp model = pare::make_mlp({784, 300, 100, 10}, 1);
  const Eigen::VectorXf x = random_matrix(784, 1, 2);
  Eigen::VectorXf y(10);
  contest all("784-300-100-10, batch 1", how, into);
  const auto add = [&](const std::string& name, const pare::network& net) {
    const auto room = std::make_shared<pare::workspace>(net.workspace(1));
    return all.add(
        name, [&, net, room] { net.run(x, y, *room); }, static_cast<double>(net.bytes()));
  };
  const auto eigen = std::make_shared<bench::eigen_mlp<1>>(model);
  const std::size_t peer = all.add("Eigen", [&, eigen] { eigen->run(x); });
  add("32 bits", to_network(model));
  add("8 bits", quantize(to_network(model), grouped(8, 32)));
  const std::size_t four = add("4 bits", quantize(to_network(model), grouped(4, 32)));
  for (pare::dense_layer& layer : model.layers) prune(layer.weights, pare::sparsity{0.9});
  const std::size_t listed =
      add("4 bits, 90 % zeros, sparse", quantize(to_network(model), grouped(4, 784), encoding::sparse));
  all.run(100);
  all.speed_goal(four, peer, 4.5);
  all.speed_goal(listed, peer, 6);
}

void two_threads(const options& how, report& into) {
  constexpr index_t n = 4096;
  const MatrixXf w = random_matrix(n, n, 1), x = random_matrix(n, 1, 2), x128 = random_matrix(n, 128, 2);
  pare::thread_pool two(2);
  contest all("two threads", how, into);
  const auto probe = std::make_shared<bench::read_probe>(std::size_t{320} << 20, bench::pages::huge);
  const packed_matrix q = pare::quantize(w, grouped(4, 32));
  const std::size_t memory = all.add(
      "memory bandwidth", [&, probe] { (*probe)(two); }, probe->bytes());
  const std::size_t batch_1 = all.add("4 bits, batch 1", checked(q, x, precision::int8, more_than_caches, &two));
  const std::size_t one_128 = all.add("4 bits, batch 128, one thread", checked(q, x128, precision::int8, 0));
  const std::size_t two_128 = all.add("4 bits, batch 128", checked(q, x128, precision::int8, 0, &two));
  all.run();
  all.bandwidth_goal(batch_1, memory, 0.9);
  all.speed_goal(two_128, one_128, 1.9);
}

void compression(const options& how, report& into) {
  constexpr index_t n = 4096;
  const bench::eigen_dense w = random_matrix(n, n, 1);
  bench::eigen_dense scratch = w;
  const double bytes = 4.0 * n * n;
  contest all("compression", {.rounds = std::max(3, how.rounds / 7)}, into);
  all.add(
      "prune to 90 %",
      [&] {
        scratch = w;
        prune(scratch, pare::sparsity{0.9});
      },
      bytes);
  all.add(
      "4 bits, extremes", [&] { pare::quantize(w, grouped(4, 32)); }, bytes);
  all.add(
      "4 bits, squared error", [&] { pare::quantize(w, {.bits = 4, .group_size = 32}); }, bytes);
  all.run();
}

const std::vector<std::pair<std::string, void (*)(const options&, report&)>> groups = {
    {"memory", from_memory}, {"cache", from_cache},    {"batch", large_batch},       {"sparse", sparse},
    {"mlp", perceptron},     {"threads", two_threads}, {"compression", compression},
};

void print(const report& all, const std::string& out) {
  const std::vector<bench::column<result>> results = {
      {"group", "group", "{}", [](const result& r) { return r.group; }},
      {"name", "what", "{}", [](const result& r) { return r.name; }},
      {"microseconds", "us", "{:.2f}", [](const result& r) { return r.us; }},
      {"gigabytes_per_second", "GB/s", "{:.1f}", [](const result& r) { return r.gigabytes; }},
      {"giga_operations_per_second", "GOP/s", "{:.1f}", [](const result& r) { return r.giga_operations; }},
      {"limit", "limit", "{}", [](const result& r) { return r.limit; }},
      {"fraction_of_limit", "of it", "{:.2f}", [](const result& r) { return r.fraction; }},
  };
  const std::vector<bench::column<goal>> goals = {
      {"goal", "goal", "{}", [](const goal& g) { return g.name; }},
      {"measured", "measured", "{:.2f}", [](const goal& g) { return g.measured; }},
      {"wanted", "wanted", "{:.2f}", [](const goal& g) { return g.wanted; }},
      {"reached", "", "{}", [](const goal& g) { return g.measured >= g.wanted ? "reached" : "short"; }},
  };
  std::cout << '\n' << bench::printed_table(results, all.results) << '\n' << bench::printed_table(goals, all.goals);
  if (out.empty()) return;
  const std::filesystem::path folder = out;
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "kernels.csv") << bench::csv_table(results, all.results);
  const nlohmann::ordered_json json = {{"machine", bench::describe_machine()},
                                       {"results", bench::json_table(results, all.results)},
                                       {"goals", bench::json_table(goals, all.goals)}};
  std::ofstream(folder / "kernels.json") << json.dump(2) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  bench::keep_freed_memory();
  options how;
  CLI::App app("The multiply in every format, beside the limits of the machine and peers");
  std::vector<std::string> names;
  for (const auto& [name, run] : groups) names.push_back(name);
  app.add_option("--rounds", how.rounds, "turns of each, of which the median counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--only", how.only, "one group of measurements")->check(CLI::IsMember(names));
  app.add_option("--out", how.out, "folder for kernels.csv and kernels.json");
  CLI11_PARSE(app, argc, argv);
  try {
    report all;
    for (const auto& [name, run] : groups)
      if (how.only.empty() || how.only == name) run(how, all);
    print(all, how.out);
  } catch (const std::exception& problem) {
    std::cerr << "kernels: " << problem.what() << '\n';
    return 1;
  }
}
