// .pare files: what comes back is what was saved, and nothing else is ever believed.
#include <pare/io/pare_file.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <random>

#include "allocations.hpp"
#include "catch.hpp"
#include "files.hpp"
#include "networks.hpp"

using pare::network;

namespace {

byte_vector saved_bytes(const network& net, const pare::save_options& options = {}) {
  const temporary_folder folder;
  pare::save(net, folder / "net.pare", options);
  return read_bytes(folder / "net.pare");
}

// Empty if the bytes were loaded.
std::string load_error(const byte_vector& bytes) {
  const temporary_folder folder;
  write_bytes(folder / "net.pare", bytes);
  return error_message<pare::format_error>([&] { pare::load(folder / "net.pare"); });
}

// The checksum as the documentation describes it, word by word.
std::uint64_t checksum_of(byte_vector bytes) {
  constexpr std::uint64_t k = 0x9e3779b97f4a7c15u;
  const auto mix = [](std::uint64_t h, std::uint64_t word) {
    const std::uint64_t t = (h ^ word) * k;
    return t ^ t >> 32;
  };
  put_number<std::uint64_t>(bytes, 16, 0);
  bytes.resize((bytes.size() + 63) / 64 * 64);
  std::uint64_t lane[8];
  for (std::size_t i = 0; i < 8; ++i) lane[i] = (i + 1) * k;
  for (std::size_t word = 0; word < bytes.size() / 8; ++word)
    lane[word % 8] = mix(lane[word % 8], number_at<std::uint64_t>(bytes, word * 8));
  std::uint64_t h = bytes.size() / 64;
  for (const std::uint64_t l : lane) h = mix(h, l);
  return h;
}

// Bytes that lie about anything but their length and checksum.
byte_vector forged(byte_vector bytes) {
  if (bytes.size() < 64) return bytes;
  put_number<std::uint64_t>(bytes, 8, bytes.size());
  put_number(bytes, 16, checksum_of(bytes));
  return bytes;
}

template <class T>
byte_vector forged_with(byte_vector bytes, std::size_t at, T value) {
  put_number(bytes, at, value);
  return forged(std::move(bytes));
}

// A file of a few blocks that has every kind of record.
network small_network() {
  network net(5);
  net.add(pare::linear(pare::quantize(gaussian(4, 5, 1), {.bits = 2}), gaussian(4, 1, 2)));
  net.add(pare::activation_layer(pare::activation::leaky_relu, 0.125f));
  net.add(pare::layer_norm(gaussian(4, 1, 3), gaussian(4, 1, 4)));
  net.add(pare::residual{1});
  return net;
}

// Record i of a file begins here; record 0 is the header.
constexpr std::size_t record(std::size_t i) { return i * 64; }

}  // namespace

TEST_CASE("a loaded network gives the same bits as the one that was saved, whatever its weights are stored in") {
  const Eigen::MatrixXf w = half_zero(19, 37, 1);
  const Eigen::MatrixXf x = gaussian(37, 3, 2);
  const temporary_folder folder;
  for (const stored_weights& stored : every_storage(w))
    for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
      INFO(stored.name);
      network net(37);
      net.add(pare::linear(stored.weights, gaussian(19, 1, 3), inputs));
      pare::save(net, folder / "net.pare");
      const network loaded = pare::load(folder / "net.pare");
      CHECK(outputs_of(loaded, x) == outputs_of(net, x));
      const auto& l = std::get<pare::linear>(loaded.layers()[0]);
      CHECK(l.weights().format() == stored.weights.format());
      CHECK(l.input_precision() == inputs);
      CHECK(std::ranges::equal(l.weights().bytes(), stored.weights.bytes()));
      CHECK(saved_bytes(loaded) == read_bytes(folder / "net.pare"));
    }
}

TEST_CASE("every kind of layer comes back as it was") {
  const temporary_folder folder;
  for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32}) {
    const network net = every_layer(inputs);
    pare::save(net, folder / "net.pare");
    const network loaded = pare::load(folder / "net.pare");
    REQUIRE(loaded.layers().size() == net.layers().size());
    CHECK(loaded.inputs() == 21);
    CHECK(loaded.outputs() == 3);
    for (std::size_t i = 0; i < net.layers().size(); ++i) {
      REQUIRE(loaded.layers()[i].index() == net.layers()[i].index());
      if (const auto* a = std::get_if<pare::activation_layer>(&net.layers()[i])) {
        CHECK(std::get<pare::activation_layer>(loaded.layers()[i]).function == a->function);
        CHECK(std::get<pare::activation_layer>(loaded.layers()[i]).alpha == a->alpha);
      }
    }
    const Eigen::MatrixXf x = gaussian(21, 5, 8);
    CHECK(outputs_of(loaded, x) == outputs_of(net, x));
    CHECK(saved_bytes(loaded) == read_bytes(folder / "net.pare"));
    CHECK(error_message([&] { pare::verify(folder / "net.pare"); }) == "");
  }
}

TEST_CASE("a network without layers can be saved") {
  const temporary_folder folder;
  pare::save(network(7), folder / "net.pare");
  CHECK(pare::load(folder / "net.pare").inputs() == 7);
  CHECK(pare::load(folder / "net.pare").layers().empty());
  pare::verify(folder / "net.pare");
}

TEST_CASE("the header and the records of a file are where the documentation says") {
  const byte_vector bytes = saved_bytes(small_network());
  CHECK(std::string(bytes.begin(), bytes.begin() + 4) == "PARE");
  CHECK(number_at<std::uint16_t>(bytes, 4) == 1);
  CHECK(number_at<std::uint16_t>(bytes, 6) == 1);
  CHECK(number_at<std::uint64_t>(bytes, 8) == bytes.size());
  CHECK(number_at<std::uint64_t>(bytes, 16) == checksum_of(bytes));
  CHECK(number_at<std::uint64_t>(bytes, 24) == 5);
  CHECK(number_at<std::uint32_t>(bytes, 32) == 4);
  CHECK(bytes[record(1)] == 1);      // linear
  CHECK(bytes[record(1) + 1] == 1);  // codes
  CHECK(bytes[record(1) + 2] == 2);  // bits
  CHECK(number_at<std::uint64_t>(bytes, record(1) + 8) == 4);
  CHECK(number_at<std::uint64_t>(bytes, record(1) + 16) == 5);
  CHECK(number_at<std::uint64_t>(bytes, record(1) + 24) == 5);
  CHECK(number_at<std::uint64_t>(bytes, record(1) + 32) == 192);  // a vector of units, of scales, of codes
  CHECK(bytes[record(2)] == 2);                                   // activation
  CHECK(bytes[record(2) + 1] == 2);                               // leaky ReLU
  CHECK(number_at<float>(bytes, record(2) + 48) == 0.125f);
  CHECK(bytes[record(3)] == 3);      // normalization
  CHECK(bytes[record(3) + 1] == 1);  // with a shift
  CHECK(number_at<std::uint64_t>(bytes, record(3) + 16) == 4);
  CHECK(number_at<float>(bytes, record(3) + 48) == 1e-5f);
  CHECK(bytes[record(4)] == 4);  // residual
  CHECK(number_at<std::uint64_t>(bytes, record(4) + 40) == 1);
  CHECK(bytes.size() == record(5) + 192 + 5 * 64);  // weights; bias, gain, shift, input, output
  CHECK(number_at<float>(bytes, record(5) + 192) == gaussian(4, 1, 2)(0));
}

TEST_CASE("weights are used where the file is mapped") {
  const temporary_folder folder;
  network net(21);
  net.add(pare::linear(pare::pack_dense(gaussian(20, 21, 1)))).add(pare::linear(pare::pack_dense(gaussian(3, 20, 2))));
  pare::save(net, folder / "net.pare");
  const byte_vector file = read_bytes(folder / "net.pare");
  network loaded = pare::load(folder / "net.pare");
  const std::byte* address[2];
  std::ptrdiff_t offset[2];
  for (const std::size_t i : {0u, 1u}) {
    const auto bytes = std::get<pare::linear>(loaded.layers()[i]).weights().bytes();
    const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
    offset[i] = std::search(file.begin(), file.end(), first, first + bytes.size()) - file.begin();
    address[i] = bytes.data();
    CHECK(reinterpret_cast<std::uintptr_t>(address[i]) % 64 == 0);
  }
  CHECK(address[1] - address[0] == offset[1] - offset[0]);

  // The mapping lives as long as a network that uses it, even when the file has been replaced.
  const Eigen::MatrixXf x = gaussian(21, 2, 3);
  const Eigen::MatrixXf expected = outputs_of(net, x);
  const network copy = loaded;
  loaded = network(1);
  pare::save(network(1), folder / "net.pare");
  CHECK(outputs_of(copy, x) == expected);
}

TEST_CASE("the sample that a caller gives is recorded with its output") {
  const temporary_folder folder;
  const network net = small_network();
  const Eigen::VectorXf x = gaussian(5, 1, 9);
  const byte_vector bytes = saved_bytes(net, {.sample = {x.data(), 5}});
  const Eigen::MatrixXf y = outputs_of(net, x);
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(number_at<float>(bytes, bytes.size() - 128 + 4 * i) == x(static_cast<Eigen::Index>(i)));
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(number_at<float>(bytes, bytes.size() - 64 + 4 * i) == y(static_cast<Eigen::Index>(i), 0));
  CHECK(saved_bytes(net, {.sample = {x.data(), 5}}) == bytes);
  CHECK(saved_bytes(net) != bytes);
}

TEST_CASE("a sample that does not fit the network is refused, and no file appears") {
  const temporary_folder folder;
  const auto save = [&](const std::vector<float>& sample) {
    pare::save(small_network(), folder / "net.pare", {.sample = sample});
  };
  CHECK(error_message<pare::shape_error>([&] {
          save({1, 2, 3, 4});
        }) == "the sample has 4 elements, the network has 5 inputs");
  CHECK(error_message<pare::value_error>([&] { save({1, 2, NAN, 4, 5}); }) == "sample[0, 2] is nan, must be finite");
  CHECK(folder.files() == 0);
}

TEST_CASE("verify names the first output that is not the recorded one") {
  const temporary_folder folder;
  const byte_vector bytes = saved_bytes(small_network());
  write_bytes(folder / "net.pare", bytes);
  pare::verify(folder / "net.pare");
  const std::size_t second = bytes.size() - 64 + 4;
  const auto next = number_at<std::uint32_t>(bytes, second) + 1;  // one unit in the last place away
  write_bytes(folder / "net.pare", forged_with(bytes, second, next));
  const std::string message = error_message<pare::format_error>([&] { pare::verify(folder / "net.pare"); });
  CHECK(message.find((folder / "net.pare").string() + ": output 1 of the recorded input is ") == 0);
  CHECK(error_message([&] { pare::load(folder / "net.pare"); }) == "");
}

TEST_CASE("outputs that are not finite are recorded and verified like others") {
  const temporary_folder folder;
  network net(1);
  const Eigen::MatrixXf huge = (Eigen::MatrixXf(2, 1) << 3e38f, -3e38f).finished();
  const Eigen::Matrix2f nines = (Eigen::Matrix2f() << 9, 0, 9, 9).finished();
  net.add(pare::linear(pare::pack_dense(huge))).add(pare::linear(pare::pack_dense(nines)));
  const std::vector<float> sample{1.0f};
  pare::save(net, folder / "net.pare", {.sample = sample});
  REQUIRE(!outputs_of(net, Eigen::VectorXf::Ones(1)).allFinite());
  pare::verify(folder / "net.pare");
}

TEST_CASE("a file in which any byte has changed is refused") {
  const byte_vector bytes = saved_bytes(small_network());
  const temporary_folder folder;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (const int flip : {1, 128, 255}) {
      byte_vector damaged = bytes;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
      write_bytes(folder / "net.pare", damaged);
      const auto load = [&] { pare::load(folder / "net.pare"); };
      if (error_message<pare::format_error>(load).empty()) FAIL("byte " << i << " changed by " << flip);
    }
}

TEST_CASE("a file that was cut or that goes on is refused, even with length and checksum set right") {
  const byte_vector bytes = saved_bytes(small_network());
  const temporary_folder folder;
  for (std::size_t size = 0; size <= bytes.size() + 130; ++size) {
    if (size == bytes.size()) continue;
    byte_vector cut = bytes;
    cut.resize(size);
    for (const byte_vector& variant : {cut, forged(cut)}) {
      write_bytes(folder / "net.pare", variant);
      const auto load = [&] { pare::load(folder / "net.pare"); };
      if (error_message<pare::format_error>(load).empty()) FAIL("a file of " << size << " bytes was loaded");
    }
  }
  CHECK(load_error({}).ends_with("has 0 bytes, a header alone has 12"));
}

TEST_CASE("a forged byte gives an error or a network that runs and is saved with that byte") {
  const byte_vector bytes = saved_bytes(small_network());
  const temporary_folder folder;
  std::size_t loaded = 0;
  const std::size_t samples = bytes.size() - 128;
  for (std::size_t i = 24; i < samples; ++i)
    for (const int flip : {1, 2, 128, 255}) {
      byte_vector changed = bytes;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ flip);
      changed = forged(changed);
      write_bytes(folder / "net.pare", changed);
      try {
        const network net = pare::load(folder / "net.pare");
        const byte_vector again = saved_bytes(net);
        if (!std::equal(again.begin() + 24, again.begin() + static_cast<std::ptrdiff_t>(samples), changed.begin() + 24))
          FAIL("byte " << i << " changed by " << flip);
        ++loaded;
      } catch (const pare::format_error&) {
      }
    }
  CHECK(loaded > 100);  // codes, scales and biases may be anything
}

TEST_CASE("numbers in a file beyond what it holds are refused at little cost") {
  const byte_vector bytes = saved_bytes(small_network());
  const temporary_folder folder;
  constexpr std::uint64_t all = ~std::uint64_t{0};
  for (const std::size_t at :
       {std::size_t{24}, record(1) + 8, record(1) + 16, record(1) + 24, record(1) + 32, record(3) + 16, record(4) + 40})
    for (const std::uint64_t value : {all, all - 63, all / 2, all / 2 + 1, all / 4, all / 4 + 1, std::uint64_t{1} << 32,
                                      std::uint64_t{1} << 31, std::uint64_t{1} << 20, std::uint64_t{0}}) {
      INFO("the number at byte " << at << " is " << value);
      write_bytes(folder / "net.pare", forged_with(bytes, at, value));
      std::string message;
      const allocations used = allocations_of(
          [&] { message = error_message<pare::format_error>([&] { pare::load(folder / "net.pare"); }); });
      CHECK(message != "");
      CHECK(used.largest <= 16 * bytes.size());
    }
  for (const std::uint32_t layers : {5u, 1000u, 1u << 14, 1u << 31, ~0u})
    CHECK(load_error(forged_with(bytes, 32, layers)) != "");
}

TEST_CASE("what a file says that is out of range is named") {
  const byte_vector bytes = saved_bytes(small_network());
  const auto message = [&](std::size_t at, auto value) {
    const std::string full = load_error(forged_with(bytes, at, value));
    const std::size_t name = full.find("net.pare: ");
    return name == std::string::npos ? full : full.substr(name + 10);
  };
  const auto byte = [&](std::size_t at, int value) { return message(at, static_cast<std::uint8_t>(value)); };
  CHECK(byte(0, 'p') == "does not begin with PARE");
  CHECK(byte(4, 2) == "has version 2, must be 1");
  CHECK(byte(6, 4) == "has coding 4, must be 1 to 3");
  CHECK(byte(63, 1) == "has a header whose last 28 bytes are not zero");
  CHECK(byte(record(1), 0) == "layer 0: unknown kind of layer 0");
  CHECK(byte(record(1), 9) == "layer 0: unknown kind of layer 9");
  CHECK(byte(record(1) + 1, 5) == "layer 0: unknown encoding 5");
  CHECK(byte(record(1) + 2, 9) == "layer 0: bits is 9, must be 1 to 8");
  CHECK(byte(record(1) + 3, 200) == "layer 0: unknown scheme 200");
  CHECK(byte(record(1) + 4, 2) != "");
  CHECK(byte(record(1) + 5, 2) == "layer 0: unknown precision 2");
  CHECK(byte(record(1) + 63, 1) != "");
  CHECK(byte(record(2) + 1, 11) == "layer 1: unknown activation 11");
  CHECK(message(record(2) + 48, std::numeric_limits<float>::infinity()) == "layer 1: alpha is inf, must be finite");
  CHECK(byte(record(2) + 40, 1) ==
        "layer 1: its record has a field that must be zero and is not, or is not 0 or 1 and must be");
  CHECK(message(record(3) + 48, -1.0f) == "layer 2: epsilon is -1, must be finite and not negative");
  CHECK(byte(record(4) + 40, 4) == "layer 3: a residual comes from layer 4, there are 3");
  CHECK(message(record(5), std::numeric_limits<float>::infinity()) == "layer 0: unit[0, 0] is not finite");
  CHECK(message(record(5) + 192, NAN) == "layer 0: bias[0, 0] is nan, must be finite in float");
  CHECK(byte(record(5) + 192 + 16, 1) == "layer 0: the padding behind 16 bytes is not zero");
  const byte_vector dense = saved_bytes(std::move(network(2).add(pare::linear(pare::pack_dense(gaussian(3, 2, 1))))));
  CHECK(load_error(forged_with(dense, record(2) + 64 + 8, NAN)).ends_with("layer 0: weights[2, 1] is not finite"));
}

TEST_CASE("bitmaps whose masks or offsets do not fit are refused") {
  network net(40);
  net.add(pare::linear(pare::quantize(half_zero(33, 40, 1), {.bits = 4}, pare::encoding::bitmap)));
  const byte_vector bytes = saved_bytes(net);
  for (std::size_t at = record(2); at < record(2) + 32; at += 8)  // the offsets of three panels, and the end
    for (const std::uint64_t value : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{0}, std::uint64_t{65}})
      CHECK(load_error(forged_with(bytes, at, value)) != "");
  // Behind 64 bytes of offsets, 64 of units and 64 of scales lie the masks of the first panel.
  byte_vector full = bytes;
  for (std::size_t step = 0; step < 8; ++step) put_number(full, record(2) + 192 + 8 * step, ~std::uint64_t{0});
  CHECK(load_error(forged(full)) != "");
}

TEST_CASE("residuals of a file cannot ask for much more memory than the file has") {
  network net(20000);
  for (std::size_t i = 0; i < 300; ++i) net.add(pare::residual{i});
  const temporary_folder folder;
  const auto save = [&] { pare::save(net, folder / "net.pare"); };
  CHECK(error_message<pare::value_error>(save).find("has residuals that save 24000000 bytes per sample, ") == 0);
  CHECK(folder.files() == 0);
}

TEST_CASE("random bytes are refused") {
  std::mt19937 random(1);
  const temporary_folder folder;
  for (int i = 0; i < 300; ++i) {
    byte_vector bytes(random() % 1000);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(random() % (i % 3 == 0 ? 256 : 4));
    const byte_vector magic{'P', 'A', 'R', 'E', 1, 0, 1, 0};
    if (bytes.size() >= 64) std::copy(magic.begin(), magic.end(), bytes.begin());
    write_bytes(folder / "net.pare", forged(bytes));
    CHECK(error_message<pare::format_error>([&] { pare::load(folder / "net.pare"); }) != "");
  }
}

TEST_CASE("a file that cannot be written leaves nothing behind") {
  const temporary_folder folder;
  const network net = small_network();
  const auto save = [&](const std::filesystem::path& path) {
    return error_message<pare::io_error>([&] { pare::save(net, path); });
  };
  CHECK(save(folder / "missing/net.pare").find("cannot be created: No such file or directory") != std::string::npos);
  write_bytes(folder / "file", {1, 2, 3});
  CHECK(save(folder / "file/net.pare").find("cannot be created: Not a directory") != std::string::npos);
  CHECK(save(folder.path()).find("is there and is not a regular file") != std::string::npos);
  CHECK(save("/dev/null").find("is there and is not a regular file") != std::string::npos);
  CHECK(folder.files() == 1);
}

TEST_CASE("a disk that is full leaves the old file as it was") {
  const temporary_folder folder;
  pare::save(small_network(), folder / "net.pare");
  const byte_vector before = read_bytes(folder / "net.pare");
  network large(500);
  large.add(pare::linear(pare::pack_dense(gaussian(100, 500, 1))));
  rlimit old_limit{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{10000, old_limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  const std::string message = error_message<pare::io_error>([&] { pare::save(large, folder / "net.pare"); });
  setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  CHECK(message.find("cannot be written") != std::string::npos);
  CHECK(read_bytes(folder / "net.pare") == before);
  CHECK(folder.files() == 1);
}

TEST_CASE("a file that cannot be read is an io_error") {
  const temporary_folder folder;
  const auto load = [&](const std::filesystem::path& path) {
    return error_message<pare::io_error>([&] { pare::load(path); });
  };
  CHECK(load(folder / "missing.pare").ends_with("missing.pare: cannot be opened: No such file or directory"));
  CHECK(load(folder.path()).ends_with(": is not a regular file"));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(load(folder / "pipe").ends_with(": is not a regular file"));
}

TEST_CASE("saving leaves one file and no temporary one") {
  const temporary_folder folder;
  for (int i = 0; i < 3; ++i) pare::save(small_network(), folder / "net.pare");
  CHECK(folder.files() == 1);
}
