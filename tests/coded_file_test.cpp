// Coded .pare files: smaller than mapped ones, the same network, and as distrustful.
#include <pare/io/pare_file.hpp>

#include <random>

#include <pare/io/coded_writer.hpp>

#include "allocations.hpp"
#include "catch.hpp"
#include "coded.hpp"
#include "files.hpp"
#include "networks.hpp"

using pare::coding;
using pare::network;

namespace {

constexpr coding coded[] = {coding::small, coding::fast};
using file_bytes = std::vector<std::byte>;

// A file with its checksum set right.
file_bytes forged(file_bytes bytes) {
  pare::detail::coded_header header;
  if (bytes.size() < sizeof header) return bytes;
  std::memcpy(&header, bytes.data(), sizeof header);
  header.checksum = pare::detail::checksum_of(header, std::span(bytes).subspan(sizeof header));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

std::string load_error(const file_bytes& bytes) {
  return error_message<pare::format_error>([&] { pare::load(bytes); });
}

// Saved again it has the same bytes, in this coding and in the others.
bool is_same(const network& a, const network& b) {
  for (const coding how : {coding::mapped, coding::small, coding::fast})
    if (pare::encode(a, {.coding = how}) != pare::encode(b, {.coding = how})) return false;
  return true;
}

// A sparse perceptron of few levels: 784-100-80-10, nonzeros drawn at 2, 12 and 40 %, biases on a grid.
network sparse_perceptron(double& entropy) {
  std::mt19937 random(1);
  const pare::index_t widths[] = {784, 100, 80, 10};
  const double densities[] = {0.02, 0.12, 0.4};
  network net(784);
  entropy = 0;
  for (std::size_t l = 0; l < 3; ++l) {
    pare::quantized_codes q;
    q.rows = widths[l + 1];
    q.cols = q.group_size = widths[l];
    q.bits = l == 2 ? 4 : 3;
    const int most = (1 << (q.bits - 1)) - 1;
    for (pare::index_t i = 0; i < q.rows * q.cols; ++i) {
      const bool nonzero = std::bernoulli_distribution(densities[l])(random);
      const int level = 1 + static_cast<int>(random() % static_cast<unsigned>(most));
      q.codes.push_back(static_cast<std::uint8_t>((1 << (q.bits - 1)) + (nonzero ? random() % 2 ? level : -level : 0)));
      entropy += nonzero ? 1 + std::log2(most) - std::log2(densities[l]) : -std::log2(1 - densities[l]);
    }
    q.unit.assign(static_cast<std::size_t>(q.rows), 0.0371f);
    q.scale.assign(static_cast<std::size_t>(q.rows), 0x3c00);
    Eigen::VectorXf bias(q.rows);
    for (float& b : bias) b = 0x1p-5f * static_cast<float>(static_cast<int>(random() % 65) - 32);
    entropy += static_cast<double>(q.rows) * std::log2(65);
    net.add(pare::linear(pare::pack(q, pare::encoding::very_sparse), bias));
    if (l < 2) net.add(pare::activation::relu);
  }
  return net;
}

}  // namespace

TEST_CASE("coded weights come back as they were packed, whatever they are stored in") {
  const Eigen::MatrixXf x = gaussian(37, 3, 2);
  for (const stored_weights& stored : every_storage(half_zero(19, 37, 1)))
    for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32})
      for (const coding how : coded) {
        INFO(stored.name);
        network net(37);
        net.add(pare::linear(stored.weights, gaussian(19, 1, 3), inputs));
        const network loaded = pare::load(pare::encode(net, {.coding = how}));
        const auto& l = std::get<pare::linear>(loaded.layers()[0]);
        CHECK(l.weights().format() == stored.weights.format());
        CHECK(std::ranges::equal(l.weights().bytes(), stored.weights.bytes()));
        CHECK(l.input_precision() == inputs);
        CHECK(outputs_of(loaded, x) == outputs_of(net, x));
        CHECK(is_same(loaded, net));
      }
}

TEST_CASE("large matrices come back too, in which blocks are coded") {
  for (const stored_weights& stored : every_storage(half_zero(67, 350, 1)))
    for (const coding how : coded) {
      INFO(stored.name);
      network net(350);
      net.add(pare::linear(stored.weights));
      CHECK(is_same(pare::load(pare::encode(net, {.coding = how})), net));
    }
}

TEST_CASE("every kind of layer is coded") {
  for (const coding how : coded)
    for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
      const network net = every_layer(inputs);
      const network loaded = pare::load(pare::encode(net, {.coding = how}));
      const Eigen::MatrixXf x = gaussian(21, 5, 8);
      CHECK(outputs_of(loaded, x) == outputs_of(net, x));
      CHECK(is_same(loaded, net));
    }
}

TEST_CASE("files of every coding are loaded and verified by the same functions") {
  const temporary_folder folder;
  const network net = every_layer(pare::precision::int8);
  const std::vector<float> sample(21, 0.5f);
  for (const coding how : {coding::mapped, coding::small, coding::fast})
    for (const std::span<const float> given : {std::span<const float>(), std::span<const float>(sample)}) {
      pare::save(net, folder / "net.pare", {.sample = given, .coding = how});
      CHECK(error_message([&] { pare::verify(folder / "net.pare"); }) == "");
      CHECK(is_same(pare::load(folder / "net.pare"), net));
      const byte_vector file = read_bytes(folder / "net.pare");
      const file_bytes bytes = pare::encode(net, {.sample = given, .coding = how});
      CHECK(std::ranges::equal(std::as_bytes(std::span(file)), bytes));
      CHECK(file[6] == static_cast<std::uint8_t>(how));
      if (given.empty()) CHECK(pare::coded_size(net, how) == bytes.size());
      const std::vector<float> recorded = pare::recorded_input(folder / "net.pare");
      CHECK(pare::encode(pare::load(bytes), {.sample = recorded, .coding = how}) == bytes);
    }
}

TEST_CASE("a network without layers takes less than 20 bytes") {
  CHECK(pare::encode(network(7), {.coding = coding::small}).size() < 20);
  CHECK(pare::load(pare::encode(network(7), {.coding = coding::small})).inputs() == 7);
}

TEST_CASE("verify tells of another output than the recorded one") {
  const temporary_folder folder;
  const network net = every_layer(pare::precision::int8);
  for (const coding how : coded) {
    const file_bytes bytes = pare::detail::encode_network(net, how, {}, 12345);
    std::ofstream(folder / "net.pare", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    CHECK(is_same(pare::load(folder / "net.pare"), net));
    const std::string message = error_message<pare::format_error>([&] { pare::verify(folder / "net.pare"); });
    CHECK(message.find(": the output of the recorded input has the hash ") != std::string::npos);
  }
}

TEST_CASE("a sparse perceptron of few levels takes the entropy of its weights and biases and 3 % more") {
  double entropy = 0;
  const network net = sparse_perceptron(entropy);
  CHECK(static_cast<double>(pare::coded_size(net, coding::small)) <= entropy / 8 * 1.03);
  CHECK(static_cast<double>(pare::coded_size(net, coding::fast)) <= entropy / 8 * 1.12);
}

TEST_CASE("coded files that were cut, that go on or in which a bit has changed are refused") {
  network net(5);
  net.add(pare::linear(pare::quantize(half_zero(4, 5, 1), {.bits = 3}, pare::encoding::bitmap), gaussian(4, 1, 2)));
  net.add(pare::activation_layer(pare::activation::leaky_relu, 0.125f)).add(pare::residual{1});
  for (const coding how : coded) {
    const file_bytes bytes = pare::encode(net, {.coding = how});
    for (std::size_t size = 0; size < bytes.size() + 70; ++size) {
      if (size == bytes.size()) continue;
      file_bytes cut = bytes;
      cut.resize(size);
      if (load_error(cut).empty() || load_error(forged(cut)).empty()) FAIL("a file of " << size << " bytes");
    }
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      file_bytes changed = bytes;
      changed[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      if (load_error(changed).empty()) FAIL("bit " << bit);
    }
  }
}

TEST_CASE("a forged coded file is refused, or is a network that runs and is saved and loaded again") {
  std::mt19937 random(1);
  const network nets[] = {every_layer(pare::precision::int8), [] {
                            double ignored;
                            return sparse_perceptron(ignored);
                          }()};
  std::size_t loaded = 0;
  for (const network& net : nets)
    for (const coding how : coded) {
      const file_bytes bytes = pare::encode(net, {.coding = how});
      for (int i = 0; i < 300; ++i) {
        file_bytes changed = bytes;
        const std::size_t at = 12 + random() % (bytes.size() - 12);
        changed[at] ^= static_cast<std::byte>(1 << random() % 8);
        try {
          const network other = pare::load(forged(changed));
          outputs_of(other, Eigen::MatrixXf::Ones(other.inputs(), 1));
          if (!is_same(pare::load(pare::encode(other, {.coding = how})), other)) FAIL("byte " << at);
          ++loaded;
        } catch (const pare::format_error&) {
        } catch (const pare::value_error&) {
          // What is loaded may be larger than its own coding allows.
        }
      }
    }
  CHECK(loaded > 0);  // floats may be any
}

TEST_CASE("random bytes behind a header are refused at little cost") {
  std::mt19937 random(2);
  for (int i = 0; i < 400; ++i) {
    file_bytes bytes(12 + random() % 300);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random() % (i % 3 == 0 ? 256 : 3));
    const std::uint8_t prefix[] = {'P', 'A', 'R', 'E', 1, 0, static_cast<std::uint8_t>(2 + i % 2), 0};
    std::memcpy(bytes.data(), prefix, sizeof prefix);
    bytes = forged(bytes);
    std::string message;
    const allocations used = allocations_of([&] { message = load_error(bytes); });
    CHECK(used.largest <= 8 * pare::detail::most_coded(bytes.size()));
  }
}

TEST_CASE("what is too much for so small a file can only be saved mapped") {
  pare::quantized_codes q;
  q.rows = q.cols = q.group_size = 2000;
  q.bits = 2;
  q.codes.assign(4'000'000, 2);
  q.unit.assign(2000, 1.0f);
  q.scale.assign(2000, 0x3c00);
  network net(2000);
  net.add(pare::linear(pare::pack(q, pare::encoding::very_sparse)));
  for (const coding how : coded) {
    const auto message = error_message<pare::value_error>([&] { pare::encode(net, {.coding = how}); });
    CHECK(message.find("has weights and features that count for ") == 0);
    CHECK(message.find(", a coded file of ") != std::string::npos);
  }
  CHECK(pare::load(pare::encode(net)).inputs() == 2000);
}

TEST_CASE("packed weights that pack has not made are saved mapped only") {
  const pare::packed_matrix made = pare::quantize(gaussian(3, 4, 1), {.bits = 4});
  pare::detail::buffer_writer bytes(made.bytes().size());
  std::copy(made.bytes().begin(), made.bytes().end(), bytes.data());
  bytes.data()[15 * 4 + 3] = std::byte{0x3f};  // the unit of a row of padding
  network net(4);
  net.add(pare::linear(pare::packed_matrix(3, 4, made.format(), std::move(bytes).finish())));
  CHECK(error_message<pare::value_error>([&] { pare::encode(net, {.coding = coding::small}); }) ==
        "layer 0: the packed weights are not as `pack` makes them: they can only be saved mapped");
  CHECK(!pare::encode(net).empty());
}

TEST_CASE("an unknown coding is refused") {
  const auto save = [] { pare::encode(network(1), {.coding = static_cast<coding>(4)}); };
  CHECK(error_message<pare::value_error>(save) == "coding is 4, must be 1 to 3");
  file_bytes bytes = pare::encode(network(1), {.coding = coding::small});
  bytes[6] = std::byte{0};
  CHECK(load_error(forged(bytes)) == "has coding 0, must be 1 to 3");
}
