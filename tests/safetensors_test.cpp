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
  with_file(file_of("{" + entry("i", "I64", "1", 0, 8) + "}", byte_vector(8)), [](const auto& path) {
    CHECK(error_message<pare::format_error>([&] { pare::safetensors_file(path).vector("i"); }) ==
          path.string() + ": i is I64, must be F64, F32, F16 or BF16");
    return 0;
  });
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
