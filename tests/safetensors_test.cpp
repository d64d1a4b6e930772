// safetensors: what is read, which perceptrons are recognized, and what a hostile header meets.
#include <pare/io/safetensors.hpp>

#include <chrono>

#include "allocations.hpp"
#include "catch.hpp"
#include "files.hpp"
#include "networks.hpp"

namespace {

// A file of a header and the bytes behind it.
byte_vector file_of(const std::string& header, const byte_vector& data = {}) {
  byte_vector bytes(8 + header.size() + data.size());
  put_number<std::uint64_t>(bytes, 0, header.size());
  const auto behind = std::copy(header.begin(), header.end(), bytes.begin() + 8);
  std::copy(data.begin(), data.end(), behind);
  return bytes;
}

// One tensor of a header.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, std::size_t begin,
                  std::size_t end) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" +
         std::to_string(begin) + ',' + std::to_string(end) + "]}";
}

// Writes float tensors one after another.
class file_writer {
 public:
  void add(const std::string& name, const Eigen::MatrixXf& values, bool vector = false) {
    const pare::row_major_matrix rows = values;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(rows.data());
    const std::size_t begin = data_.size();
    data_.insert(data_.end(), bytes, bytes + static_cast<std::size_t>(rows.size()) * 4);
    const std::string first = std::to_string(rows.rows());
    header_ += (header_.empty() ? "{" : ",") +
               entry(name, "F32", vector ? first : first + ", " + std::to_string(rows.cols()), begin, data_.size());
  }
  void add_layer(const std::string& prefix, Eigen::Index outputs, Eigen::Index inputs, std::uint32_t seed) {
    add(prefix + "bias", gaussian(outputs, 1, seed + 100), true);
    add(prefix + "weight", gaussian(outputs, inputs, seed));
  }
  byte_vector bytes() const { return file_of(header_ + "}", data_); }

 private:
  std::string header_;
  byte_vector data_;
};

// Calls use(path) with a file of these bytes.
template <class Use>
auto with_file(const byte_vector& bytes, Use&& use) {
  const temporary_folder folder;
  write_bytes(folder / "net.safetensors", bytes);
  return use(folder / "net.safetensors");
}

// What is said about the bytes, without the name of the file; empty if they are read.
std::string refusal(const byte_vector& bytes) {
  return with_file(bytes, [](const auto& path) {
    const std::string message = error_message<pare::format_error>([&] { pare::safetensors_file{path}; });
    if (message.empty()) return message;
    REQUIRE(message.find(path.string() + ": ") == 0);
    return message.substr(path.string().size() + 2);
  });
}

template <class Error>
std::string network_refusal(const byte_vector& bytes, const pare::safetensors_options& options = {}) {
  return with_file(bytes, [&](const auto& path) {
    const std::string message = error_message<Error>([&] { pare::load_safetensors(path, options); });
    return message.empty() ? message : message.substr(path.string().size() + 2);
  });
}

pare::network load(const byte_vector& bytes, const pare::safetensors_options& options = {}) {
  return with_file(bytes, [&](const auto& path) { return pare::load_safetensors(path, options); });
}

}  // namespace

TEST_CASE("tensors are found by name with type, shape and bytes") {
  const byte_vector data{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const std::string header = "{" + entry("b", "U8", "2, 2", 8, 12) + R"(,"__metadata__":{"format":"pt","x":""},)" +
                             entry("a", "I32", "2", 0, 8) + "," + entry("scalar", "BOOL", "", 12, 12) + "}    ";
  CHECK(refusal(file_of(header, data)) != "");  // a scalar has one element
  const std::string good = "{" + entry("b", "U8", "2, 2", 8, 12) + R"(,"__metadata__":{"format":"pt","x":""},)" +
                           entry("a", "I32", "2", 0, 8) + "," + entry("none", "F32", "0, 3", 8, 8) + "," +
                           entry("scalar", "BOOL", "", 12, 13) + "}    ";
  byte_vector longer = data;
  longer.push_back(13);
  with_file(file_of(good, longer), [](const auto& path) {
    const pare::safetensors_file file(path);
    REQUIRE(file.tensors().size() == 4);
    CHECK(file.at("a").dtype == "I32");
    CHECK(file.at("a").shape == std::vector<pare::index_t>{2});
    CHECK(file.at("a").bytes.size() == 8);
    CHECK(file.at("b").shape == std::vector<pare::index_t>{2, 2});
    CHECK(std::to_integer<int>(file.at("b").bytes[0]) == 9);
    CHECK(file.at("none").bytes.empty());
    CHECK(file.at("scalar").shape.empty());
    CHECK(error_message<pare::value_error>([&] { file.at("c"); }) ==
          path.string() + ": has no tensor c. There are: a I32 [2], b U8 [2, 2], none F32 [0, 3], scalar BOOL []");
    return 0;
  });
}

TEST_CASE("floats of every width become float matrices and vectors") {
  // 1.5, -2 and 0.15625 in each type, as IEEE 754 and bfloat16 write them.
  byte_vector data(6 + 6 + 12 + 24);
  const auto put = [&](std::size_t at, auto... values) { ((put_number(data, at, values), at += sizeof values), ...); };
  put(0, std::uint16_t{0x3e00}, std::uint16_t{0xc000}, std::uint16_t{0x3100});
  put(6, std::uint16_t{0x3fc0}, std::uint16_t{0xc000}, std::uint16_t{0x3e20});
  put(12, 0x3fc00000u, 0xc0000000u, 0x3e200000u);
  put(24, std::uint64_t{0x3ff8000000000000}, std::uint64_t{0xc000000000000000}, std::uint64_t{0x3fc4000000000000});
  const std::string header = "{" + entry("F16", "F16", "3", 0, 6) + "," + entry("BF16", "BF16", "3,1", 6, 12) + "," +
                             entry("F32", "F32", "1,3", 12, 24) + "," + entry("F64", "F64", "3", 24, 48) + "}";
  with_file(file_of(header, data), [](const auto& path) {
    const pare::safetensors_file file(path);
    const Eigen::Vector3f expected(1.5f, -2.0f, 0.15625f);
    CHECK(file.vector("F16") == expected);
    CHECK(file.vector("F64") == expected);
    CHECK(file.matrix("BF16") == expected);
    CHECK(file.matrix("F32") == expected.transpose());
    CHECK(error_message<pare::shape_error>([&] { file.matrix("F16"); }) ==
          path.string() + ": F16 has rank 1, must be a matrix");
    CHECK(error_message<pare::shape_error>([&] { file.vector("F32"); }) ==
          path.string() + ": F32 has rank 2, must be a vector");
    return 0;
  });
  with_file(file_of("{" + entry("c", "C64", "1", 0, 8) + "}", byte_vector(8)), [](const auto& path) {
    CHECK(error_message<pare::format_error>([&] { pare::safetensors_file(path).vector("c"); }) ==
          path.string() + ": c is C64, which has no one value for each element");
    return 0;
  });
}

TEST_CASE("integers and narrow floats become floats") {
  // By the tables of the formats: OCP 8-bit floating point 1.0, table 1; OCP MX 1.0, tables 4 and 5.
  const auto values_of = [](const std::string& dtype, const byte_vector& bytes, int elements) {
    return with_file(file_of("{" + entry("x", dtype, std::to_string(elements), 0, bytes.size()) + "}", bytes),
                     [](const auto& path) { return Eigen::VectorXf(pare::safetensors_file(path).vector("x")); });
  };
  const auto is = [](const Eigen::VectorXf& values, std::vector<float> expected) {
    REQUIRE(values.size() == static_cast<pare::index_t>(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(i);
      const float value = values[static_cast<pare::index_t>(i)];
      CHECK((std::isnan(expected[i]) ? std::isnan(value) : value == expected[i]));
    }
  };
  const float nan = std::nanf("");
  is(values_of("I8", {0x80, 0xff, 0x7f}, 3), {-128, -1, 127});
  is(values_of("U8", {0x80, 0xff}, 2), {128, 255});
  is(values_of("BOOL", {0, 1}, 2), {0, 1});
  is(values_of("I16", {0x00, 0x80, 0x01, 0x00}, 2), {-32768, 1});
  is(values_of("U16", {0xff, 0xff}, 1), {65535});
  is(values_of("I32", {0xff, 0xff, 0xff, 0xff}, 1), {-1});
  is(values_of("U32", {0, 0, 0, 0x80}, 1), {2147483648.0f});
  is(values_of("I64", {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1), {-2});
  is(values_of("U64", {0, 0, 0, 0, 0, 0, 0, 0x80}, 1), {9223372036854775808.0f});
  is(values_of("F8_E4M3", {0x7e, 0xfe, 0x08, 0x01, 0x7f, 0x80, 0x38}, 7), {448, -448, 0x1p-6f, 0x1p-9f, nan, -0.0f, 1});
  is(values_of("F8_E5M2", {0x7b, 0x04, 0x01, 0x7c, 0xfc, 0x7d, 0x3c}, 7),
     {57344, 0x1p-14f, 0x1p-16f, HUGE_VALF, -HUGE_VALF, nan, 1});
  is(values_of("F8_E4M3FNUZ", {0x7f, 0x80, 0x01, 0x40}, 4), {240, nan, 0x1p-10f, 1});
  is(values_of("F8_E5M2FNUZ", {0x7f, 0x80, 0x01, 0x40}, 4), {57344, nan, 0x1p-17f, 1});
  is(values_of("F8_E8M0", {127, 0, 254, 255, 128}, 5), {1, 0x1p-127f, 0x1p127f, nan, 2});
  is(values_of("F4", {0x10, 0x32, 0x54, 0x76, 0x98, 0xfe}, 12), {0, .5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -.5f, -4, -6});
}

TEST_CASE("metadata are kept, and tensors come back byte for byte as they were written") {
  // The order and the padding of the format's own library: wide types first, then names; a multiple of 8 bytes.
  const byte_vector data{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data));
  const std::map<std::string, pare::safetensor> tensors{{"a", {"U8", {3}, bytes.subspan(0, 3)}},
                                                        {"b\"\u00e9", {"F16", {1, 1}, bytes.subspan(3, 2)}},
                                                        {"c", {"F32", {}, bytes.subspan(5, 4)}},
                                                        {"d", {"BF16", {2}, bytes.subspan(9, 4)}},
                                                        {"e", {"U8", {0, 7}, {}}}};
  const temporary_folder folder;
  const std::string first = folder / "first.safetensors", second = folder / "second.safetensors";
  pare::save_safetensors(tensors, first, {{"format", "pt"}, {"z", ""}});
  std::string header = R"({"__metadata__":{"format":"pt","z":""},)" + entry("c", "F32", "", 0, 4) + "," +
                       entry("d", "BF16", "2", 4, 8) + "," + entry("b\\\"\u00e9", "F16", "1,1", 8, 10) + "," +
                       entry("a", "U8", "3", 10, 13) + "," + entry("e", "U8", "0,7", 13, 13) + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  CHECK(read_bytes(first) == file_of(header, {6, 7, 8, 9, 10, 11, 12, 13, 4, 5, 1, 2, 3}));

  const pare::safetensors_file file(first);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"z", ""}});
  pare::save_safetensors(file.tensors(), second, file.metadata());
  CHECK(read_bytes(first) == read_bytes(second));
  pare::save_safetensors({}, second);
  CHECK(read_bytes(second) == file_of("{}      "));
}

TEST_CASE("what no file may hold is not written, and the file that was there stays") {
  const temporary_folder folder;
  const std::string path = folder / "x.safetensors";
  pare::save_safetensors({}, path);
  const byte_vector before = read_bytes(path);
  const byte_vector data(8);
  const auto refused = [&](const std::string& name, const pare::safetensor& tensor) {
    const std::string message = error_message<pare::value_error>([&] {
      pare::save_safetensors({{name, tensor}}, path);
    });
    CHECK(read_bytes(path) == before);
    CHECK(folder.files() == 1);
    return message;
  };
  const auto bytes = std::as_bytes(std::span(data));
  CHECK(refused("__metadata__", {"F32", {2}, bytes}) == "a tensor must not be called __metadata__");
  CHECK(refused("x", {"F33", {2}, bytes}) == "x: unknown dtype F33");
  CHECK(refused("x", {"F32", {3}, bytes}) == "x: has 8 bytes, its shape asks for 3 elements of 32 bits");
  CHECK(refused("x", {"F32", {-2}, bytes}) == "x: the shape has -2, must be at least 0");
  CHECK(refused("\xff", {"F32", {2}, bytes}).find("names and metadata must be UTF-8") == 0);
  CHECK(error_message<pare::value_error>([&] {
          pare::save_safetensors({}, path, {{"a", "\xff"}});
        }).find("names and metadata must be UTF-8") == 0);
  CHECK(read_bytes(path) == before);
}

TEST_CASE("a perceptron is written with the names of PyTorch's Sequential and comes back the same") {
  pare::network net(5);
  net.add(pare::linear(pare::pack_dense(gaussian(6, 5, 1)), gaussian(6, 1, 2)))
      .add(pare::activation::relu)
      .add(pare::linear(pare::pack_dense(gaussian(4, 6, 3), pare::float_format::bfloat16), gaussian(4, 1, 4)))
      .add(pare::activation::relu)
      .add(pare::linear(pare::quantize(gaussian(3, 4, 5), {.bits = 4, .group_size = 4})));
  const temporary_folder folder;
  const std::string path = folder / "net.safetensors", again = folder / "again.safetensors";
  pare::save_safetensors(net, path);
  const pare::safetensors_file file(path);
  REQUIRE(file.tensors().size() == 6);
  CHECK(file.at("0.weight").dtype == "F32");
  CHECK(file.at("2.weight").dtype == "BF16");
  CHECK(file.at("4.bias").shape == std::vector<pare::index_t>{3});
  for (const std::size_t i : {0u, 2u, 4u})
    CHECK(file.matrix(std::to_string(i) + ".weight") == pare::dense_weights(std::get<pare::linear>(net.layers()[i])));
  const pare::network back = pare::load_safetensors(path);
  REQUIRE(back.layers().size() == 5);
  pare::save_safetensors(back, again);
  const pare::safetensors_file second(again);
  for (const std::size_t i : {0u, 2u, 4u})
    for (const std::string& name : {std::to_string(i) + ".weight", std::to_string(i) + ".bias"}) {
      INFO(name);
      CHECK(pare::detail::to_floats(second.at(name), again, name) ==
            pare::detail::to_floats(file.at(name), path, name));
    }

  const Eigen::VectorXf gain = Eigen::VectorXf::Ones(3);
  net.add(pare::rms_norm(gain));
  CHECK(error_message<pare::value_error>([&] { pare::save_safetensors(net, path); }) ==
        "layer 5 is neither linear nor an activation, which safetensors has no place for");
}

TEST_CASE("shards are found by their index") {
  const temporary_folder folder;
  file_writer first, second;
  first.add_layer("0.", 4, 5, 1);
  second.add_layer("1.", 3, 4, 2);
  second.add("unused", gaussian(2, 2, 4));
  write_bytes(folder / "a-1.safetensors", first.bytes());
  write_bytes(folder / "a-2.safetensors", second.bytes());
  const std::string path = folder / "model.safetensors.index.json";
  const auto write_index = [&](const std::string& json) { write_bytes(path, byte_vector(json.begin(), json.end())); };
  const auto map_of = [](const std::string& entries) { return R"({"weight_map":{)" + entries + "}}"; };
  const std::string all = R"("0.weight":"a-1.safetensors","0.bias":"a-1.safetensors","1.weight":"a-2.safetensors",)"
                          R"("1.bias":"a-2.safetensors")";
  write_index(R"({"metadata":{"total_size":172,"more":[[1.5,null],{"weight_map":true}]},"weight_map":{)" + all +
              R"(},"other":-1})");
  const pare::network net = pare::load_safetensors(path);
  pare::network expected(5);
  expected.add(pare::linear(pare::pack_dense(gaussian(4, 5, 1)), gaussian(4, 1, 101)))
      .add(pare::activation::relu)
      .add(pare::linear(pare::pack_dense(gaussian(3, 4, 2)), gaussian(3, 1, 102)));
  const Eigen::MatrixXf x = gaussian(5, 4, 5);
  CHECK(outputs_of(net, x) == outputs_of(expected, x));
  CHECK(pare::safetensors_file(path).tensors().size() == 4);

  const auto refused = [&](const std::string& json) {
    write_index(json);
    const std::string message = error_message<pare::format_error>([&] { pare::safetensors_file{path}; });
    REQUIRE(message.find(path + ": ") == 0);
    return message.substr(path.size() + 2);
  };
  CHECK(refused(map_of(R"("2.weight":"a-1.safetensors")")) == "2.weight is not in a-1.safetensors");
  for (const char* outside : {"../a-1.safetensors", "/etc/passwd", "", ".", "..", "sub/x", "x\\\\y", "x\\u0000y"})
    CHECK(refused(map_of(std::string(R"("w":")") + outside + '"')).ends_with("must be a file beside the index"));
  CHECK(refused("{}") == "the index has no weight_map, or an empty one");
  CHECK(refused(map_of("")) == "the index has no weight_map, or an empty one");
  CHECK(refused("[]") == "the index must be an object");
  CHECK(refused("1") == "the index must be an object");
  for (const char* value : {"1", "[]", "null", "\"x\""})
    CHECK(refused(std::string(R"({"weight_map":)") + value + "}") == "weight_map must be an object");
  for (const char* value : {"1", "[]", "null", "{}"})
    CHECK(refused(map_of(std::string(R"("w":)") + value)) == "weight_map, w: must be the name of a file");
  CHECK(refused(map_of(R"("w":"x","w":"x")")) == "weight_map, w: is there twice");
  CHECK(refused(R"({"weight_map":{},"weight_map":{}})") == "weight_map is there twice");
  CHECK(refused("{").find("the index is not JSON at byte ") == 0);
  CHECK(refused(R"({"a":)" + std::string(100000, '[')) == "the index nests deeper than 64");
  write_index(map_of(R"("w":"missing.safetensors")"));
  CHECK(error_message<pare::io_error>([&] { pare::safetensors_file{path}; }).find("missing.safetensors") !=
        std::string::npos);
}

TEST_CASE("a file of others is written back byte for byte") {
  const std::filesystem::path model = data_folder() / "models" / "dfdx_mnist_safetensors" / "mnist.safetensors";
  if (!std::filesystem::exists(model)) {
    WARN("skipped: no " << model.string() << " (PARE_DATA names the folder)");
    return;
  }
  const temporary_folder folder;
  const pare::safetensors_file file(model);
  pare::save_safetensors(file.tensors(), folder / "copy.safetensors", file.metadata());
  CHECK(read_bytes(folder / "copy.safetensors") == read_bytes(model));
}

TEST_CASE("pairs of weight and bias become a perceptron, in the order of their numbers") {
  file_writer file;
  file.add_layer("10.0.", 3, 7, 1);
  file.add_layer("9.0.", 7, 6, 2);
  file.add_layer("2.", 6, 5, 3);
  const pare::network net = load(file.bytes());
  REQUIRE(net.layers().size() == 5);
  CHECK(net.inputs() == 5);
  pare::network expected(5);
  expected.add(pare::linear(pare::pack_dense(gaussian(6, 5, 3)), gaussian(6, 1, 103)))
      .add(pare::activation::relu)
      .add(pare::linear(pare::pack_dense(gaussian(7, 6, 2)), gaussian(7, 1, 102)))
      .add(pare::activation::relu)
      .add(pare::linear(pare::pack_dense(gaussian(3, 7, 1)), gaussian(3, 1, 101)));
  const Eigen::MatrixXf x = gaussian(5, 4, 5);
  CHECK(outputs_of(net, x) == outputs_of(expected, x));
}

TEST_CASE("names are ordered with numbers as numbers") {
  const std::vector<std::string> ordered{"",      "0.",   "2.0.",  "2.1.", "3.",     "10.0.",
                                         "10.2.", "a.1.", "a.02.", "a.2.", "a.2.x.", "b18446744073709551616."};
  for (std::size_t i = 0; i < ordered.size(); ++i)
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      INFO(ordered[i] << " and " << ordered[j]);
      CHECK(pare::detail::natural_less(ordered[i], ordered[j]) == (i < j));
    }
}

TEST_CASE("a bias may be missing, the activation be another, and the layers be named") {
  file_writer file;
  file.add("fc1.weight", gaussian(4, 5, 1));
  file.add_layer("fc2.", 3, 4, 2);
  file.add_layer("head.", 3, 3, 3);
  file.add("unused", gaussian(2, 2, 4));
  const pare::network net =
      load(file.bytes(), {.hidden = pare::activation::tanh, .prefixes = {"fc1.", "fc2.", "head."}});
  pare::network expected(5);
  expected.add(pare::linear(pare::pack_dense(gaussian(4, 5, 1))))
      .add(pare::activation::tanh)
      .add(pare::linear(pare::pack_dense(gaussian(3, 4, 2)), gaussian(3, 1, 102)))
      .add(pare::activation::tanh)
      .add(pare::linear(pare::pack_dense(gaussian(3, 3, 3)), gaussian(3, 1, 103)));
  const Eigen::MatrixXf x = gaussian(5, 4, 5);
  CHECK(outputs_of(net, x) == outputs_of(expected, x));
  const pare::network one = load(file.bytes(), {.prefixes = {"fc2."}});
  CHECK(one.layers().size() == 1);
}

TEST_CASE("what is no perceptron is refused with a list of what there is") {
  file_writer odd;
  odd.add_layer("a.", 2, 3, 1);
  odd.add("a.running_mean", gaussian(2, 1, 1), true);
  CHECK(network_refusal<pare::format_error>(odd.bytes()) ==
        "a.running_mean is neither a weight [outputs, inputs] nor the bias of one; name the prefixes of the layers to "
        "use. There are: a.bias F32 [2], a.running_mean F32 [2], a.weight F32 [2, 3]");
  file_writer lonely;
  lonely.add("a.bias", gaussian(2, 1, 1), true);
  CHECK(network_refusal<pare::format_error>(lonely.bytes()).find("a.bias is neither") == 0);
  CHECK(network_refusal<pare::format_error>(file_of("{}")) == "has no tensors");

  file_writer unchained;
  unchained.add_layer("0.", 2, 3, 1);
  unchained.add_layer("1.", 2, 3, 2);
  CHECK(network_refusal<pare::shape_error>(unchained.bytes()) ==
        "1.weight is [2, 3], the layer before it has 2 outputs. There are: 0.bias F32 [2], 0.weight F32 [2, 3], 1.bias "
        "F32 [2], 1.weight F32 [2, 3]");
  CHECK(network_refusal<pare::value_error>(unchained.bytes(), {.prefixes = {"0.", "x."}})
            .find("has no tensor x.weight. ") == 0);

  file_writer short_bias;
  short_bias.add("weight", gaussian(2, 3, 1));
  short_bias.add("bias", gaussian(3, 1, 1), true);
  CHECK(network_refusal<pare::shape_error>(short_bias.bytes()) == "bias has 3 elements, weight has 2 rows");
  file_writer empty;
  empty.add("weight", Eigen::MatrixXf(0, 3));
  CHECK(network_refusal<pare::shape_error>(empty.bytes()) == "weight is empty");
  file_writer infinite;
  infinite.add("1.weight", (Eigen::MatrixXf(1, 2) << 1, HUGE_VALF).finished());
  CHECK(network_refusal<pare::value_error>(infinite.bytes()).find("layer 1.: weights[0, 1] is inf, must be finite") ==
        0);
}

TEST_CASE("a header that breaks a rule of the format is refused") {
  const byte_vector data(16);
  const auto refused = [&](const std::string& header) { return refusal(file_of(header, data)); };
  const std::string a = entry("a", "F32", "2", 0, 8), b = entry("b", "F32", "2", 8, 16);
  REQUIRE(refused("{" + a + "," + b + "}") == "");

  // Offsets: holes, overlaps, order, ends.
  CHECK(refused("{" + a + "}") == "the tensors end at 8, the data has 16 bytes");
  CHECK(refused("{" + b + "}") == "a tensor begins at 8, the one before it ends at 0");
  CHECK(refused("{" + a + "," + entry("b", "F32", "1", 12, 16) + "}") ==
        "a tensor begins at 12, the one before it ends at 8");
  CHECK(refused("{" + a + "," + entry("b", "F32", "3", 4, 16) + "}") ==
        "a tensor begins at 4, the one before it ends at 8");
  CHECK(refused("{" + a + "," + entry("b", "F32", "2", 16, 8) + "}") ==
        "b: data_offsets are 16 to 8, the data has 16 bytes");
  CHECK(refused("{" + a + "," + entry("b", "F32", "3", 8, 20) + "}") ==
        "b: data_offsets are 8 to 20, the data has 16 bytes");
  CHECK(refused("{" + a + "," + entry("b", "F32", "3", 8, 16) + "}") ==
        "b: has 8 bytes, its shape asks for 3 elements of 32 bits");

  // Shapes and types.
  CHECK(refused("{" + entry("a", "F32", "4294967296,4294967296", 0, 16) + "}").find("a: the product of the shape") ==
        0);
  CHECK(refused("{" + entry("a", "F32", "18446744073709551615", 0, 16) + "}").find("a: the product of the shape") == 0);
  CHECK(refused("{" + entry("a", "F32", "2,9223372036854775808,2", 0, 16) + "}") != "");
  CHECK(refused("{" + entry("a", "F33", "4", 0, 16) + "}") == "a: unknown dtype F33");
  CHECK(refused("{" + entry("a", "", "4", 0, 16) + "}") == "a: unknown dtype ");
  CHECK(refused("{" + entry("a", "F4", "31", 0, 16) + "}") ==
        "a: has 16 bytes, its shape asks for 31 elements of 4 bits");
  CHECK(refused("{" + entry("a", "F4", "32", 0, 16) + "}") == "");

  // Structure.
  CHECK(refused("{" + a + "," + a + "," + b + "}") == "header, a: the name is there twice");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[4],"shape":[4],"data_offsets":[0,16]}})") ==
        "header, a: the key shape is there twice");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[4]}})") == "header, a: must have dtype, shape and data_offsets");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16],"x":1}})") == "header, a: unknown key x");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16,16]}})") ==
        "a: data_offsets has 3 elements, must have 2");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})") == "header, a: -4 is not expected here");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}})") ==
        "header, a: 4.0 is not expected here");
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,16]}})") ==
        "header, a: 99999999999999999999 is not expected here");
  for (const char* value : {"1", "\"x\"", "[]", "null", "true", "1.5", "-1"})
    CHECK(refused(std::string(R"({"a":)") + value + "}").ends_with("expected here"));
  for (const char* value : {"1", "[1]", "null", "{}"}) {
    CHECK(refused(std::string(R"({"a":{"dtype":)") + value + "}}").ends_with("expected here"));
    CHECK(refused(std::string(R"({"__metadata__":{"x":)") + value + "}}").ends_with("expected here"));
  }
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[[4]],"data_offsets":[0,16]}})")
            .ends_with("an array is not expected here"));
  CHECK(refused(R"({"a":{"dtype":"F32","shape":[{}],"data_offsets":[0,16]}})")
            .ends_with("an object is not expected here"));
  CHECK(refused(R"({"__metadata__":{"x":"1","x":"2"}})") == "header, __metadata__: the key x is there twice");

  // JSON itself.
  for (const char* header : {"{ ", "{\"a", "{\"a\":}", "{}}", "{},{}", "{\"\xff\":1}", "{]"})
    CHECK(refused(header).substr(0, 31) == "the header is not JSON at byte ");
  CHECK(refused(" {}") == "the header begins with byte 32, must be {");
}

TEST_CASE("the length of a header is checked against the file and the format's limit") {
  CHECK(refusal({}) == "has 0 bytes, too few for a header");
  CHECK(refusal(byte_vector(8)) == "has 8 bytes, too few for a header");
  byte_vector bytes = file_of("{}");
  CHECK(refusal(bytes) == "");
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, ~std::uint64_t{0}}) {
    put_number(bytes, 0, length);
    CHECK(refusal(bytes) == "the header has " + std::to_string(length) + " bytes, must be 2 to 2");
  }
}

TEST_CASE("a truncated or longer file is refused at every length, and so is a changed length of the header") {
  file_writer file;
  file.add_layer("0.", 2, 3, 1);
  const byte_vector bytes = file.bytes();
  REQUIRE(refusal(bytes) == "");
  for (std::size_t size = 0; size < bytes.size() + 20; ++size) {
    byte_vector cut = bytes;
    cut.resize(size);
    if (size != bytes.size()) CHECK(refusal(cut) != "");
  }
  for (std::size_t i = 0; i < 8; ++i) {
    byte_vector changed = bytes;
    changed[i] = static_cast<std::uint8_t>(changed[i] + 1);
    CHECK(refusal(changed) != "");
  }
}

TEST_CASE("millions of tensors that share bytes are refused before they are kept") {
  std::string header = "{";
  for (int i = 0; i < 300000; ++i) {
    if (i > 0) header += ',';
    header += entry(std::to_string(i), "U8", "4", 0, 4);
  }
  const byte_vector bytes = file_of(header + "}", byte_vector(4));
  with_file(bytes, [&](const auto& path) {
    std::string message;
    const allocations used =
        allocations_of([&] { message = error_message<pare::format_error>([&] { pare::safetensors_file{path}; }); });
    CHECK(message == path.string() + ": a tensor begins at 0, the one before it ends at 4");
    CHECK(used.count < 200);
    return 0;
  });
}

TEST_CASE("a string of a header is refused before it is held several times over") {
  const byte_vector bytes = file_of("{\"" + std::string((std::size_t{16} << 20) + 1, 'x') + "\":1}");
  CHECK(refusal(bytes) == "the header has no quote for 16777217 bytes, must be at most 16777216");
}

TEST_CASE("a hostile header costs little memory and time") {
  const auto repeat = [](const std::string& piece, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += piece;
    return all;
  };
  std::string names = "{", keys = R"({"__metadata__":{)";
  for (int i = 0; i < 20000; ++i) {
    names += '"' + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)";
    keys += '"' + std::to_string(i) + R"(":"",)";
  }
  const std::string tensor = R"({"a":{"dtype":"F32","shape":[)";
  for (const std::string& header :
       {repeat("{\"a\":", 200000), tensor + repeat("[", 1000000), tensor + repeat("0,", 500000) + "0",
        tensor + repeat("1,", 500000) + "1],\"data_offsets\":[0,4]}}", tensor + std::string(1000000, '9'),
        tensor + "1e" + std::string(1000000, '9'), "{\"" + std::string(1000000, 'x') + "\":1}", names + "\"a\":1}",
        keys + "\"0\":\"\"}}", "{" + std::string(1000000, ' ') + "x"}) {
    INFO(header.substr(0, 60));
    const byte_vector bytes = file_of(header);
    with_file(bytes, [&](const auto& path) {
      const auto start = std::chrono::steady_clock::now();
      std::string message;
      const allocations used =
          allocations_of([&] { message = error_message<pare::format_error>([&] { pare::safetensors_file{path}; }); });
      CHECK(message != "");
      CHECK(message.size() < 2000);
      CHECK(used.largest <= 16 * bytes.size());
      CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));  // emulators and sanitizers included
      return 0;
    });
  }
}
