// NPY files: what NumPy writes, and what a hostile file meets.
#include <pare/io/npy.hpp>

#include <limits>

#include "catch.hpp"
#include "files.hpp"
#include "support.hpp"

namespace fs = std::filesystem;
using matrix = pare::row_major_matrix;
using shape = std::vector<pare::index_t>;
using namespace std::string_literals;

namespace {

// A file of the format, its parts put together as they are given.
std::string npy(const std::string& dictionary, const std::string& data, int version = 1) {
  std::string size;
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) size += static_cast<char>(dictionary.size() >> 8 * i);
  return "\x93NUMPY"s + static_cast<char>(version) + '\0' + size + dictionary + data;
}

std::string npy(const std::string& type, const std::string& extents, const std::string& data, bool fortran = false) {
  return npy("{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" + extents +
                 "), }\n",
             data);
}

// Written by NumPy 1.24: np.save of [[1.5, -2, 3], [4, 5, 6]] as float32.
const std::string two_by_three = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"s +
                                 std::string(58, ' ') +
                                 "\n\x00\x00\xc0?\x00\x00\x00\xc0\x00\x00@@\x00\x00\x80@\x00\x00\xa0@\x00\x00\xc0@"s;
const matrix two_by_three_values = (matrix(2, 3) << 1.5f, -2, 3, 4, 5, 6).finished();

class npy_file {
 public:
  explicit npy_file(const std::string& content) { write_bytes(path(), {content.begin(), content.end()}); }
  fs::path path() const { return folder_ / "array.npy"; }
  pare::npy_array read() const { return pare::read_npy(path()); }

 private:
  temporary_folder folder_;
};

// The message without the name of the file in front.
template <class Error = pare::format_error>
std::string refusal(const std::string& content) {
  const npy_file file(content);
  const std::string prefix = file.path().string() + ": ";
  const std::string message = error_message<Error>([&] { file.read(); });
  CHECK(message.rfind(prefix, 0) == 0);
  return message.substr(std::min(prefix.size(), message.size()));
}

}  // namespace

TEST_CASE("what NumPy wrote is read") {
  const pare::npy_array array = npy_file(two_by_three).read();
  CHECK(array.shape == shape{2, 3});
  CHECK(array.values == two_by_three_values);
}

TEST_CASE("saved bytes are those of NumPy") {
  const temporary_folder folder;
  const auto saved = [&](const auto& x) {
    pare::save_npy(x, folder / "x.npy");
    const byte_vector bytes = read_bytes(folder / "x.npy");
    return std::string(bytes.begin(), bytes.end());
  };
  CHECK(saved(two_by_three_values) == two_by_three);
  CHECK(saved(Eigen::MatrixXf(two_by_three_values)) == two_by_three);
  const auto head = [](const std::string& dictionary) {
    return "\x93NUMPY\x01\x00v\x00"s + dictionary + std::string(117 - dictionary.size(), ' ') + '\n';
  };
  CHECK(saved(std::vector{1, -2}) ==
        head("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }") + "\1\0\0\0\xfe\xff\xff\xff"s);
  CHECK(saved(Eigen::Matrix<double, 1, 1>(7.0)) ==
        head("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }") + "\0\0\0\0\0\0\x1c@"s);
  const std::vector<float> four_axes(1 * 2 * 1 * 3, 2.0f);
  std::string twos;
  for (int i = 0; i < 6; ++i) twos += "\0\0\0@"s;
  CHECK(saved(pare::view(four_axes.data(), 1, 2, 1, 3)) ==
        head("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1, 3), }") + twos);
}

TEST_CASE("each type of elements is read in either byte order") {
  const auto values = [](const std::string& type, const std::string& data) {
    const std::string count = std::to_string(data.size() / static_cast<std::size_t>(type.back() - '0'));
    const pare::npy_array array = npy_file(npy(type, count + ",", data)).read();
    CHECK(array.values.cols() == 1);
    return std::vector<float>(array.values.data(), array.values.data() + array.values.size());
  };
  using floats = std::vector<float>;
  CHECK(values("|b1", "\0\1\2"s) == floats{0, 1, 1});
  CHECK(values("|i1", "\0\x7f\x80\xff"s) == floats{0, 127, -128, -1});
  CHECK(values("|u1", "\0\x7f\x80\xff"s) == floats{0, 127, 128, 255});
  CHECK(values("<i2", "\1\2\xfe\xff"s) == floats{513, -2});
  CHECK(values(">i2", "\1\2\xff\xfe"s) == floats{258, -2});
  CHECK(values("<u2", "\xfe\xff"s) == floats{65534});
  CHECK(values(">u4", "\0\1\0\0\xff\0\0\0"s) == floats{65536, 4278190080.0f});
  CHECK(values("=i4", "\xff\xff\xff\xff"s) == floats{-1});
  CHECK(values("<i8", "\0\0\0\0\0\0\0\x80"s) == floats{-0x1p63f});
  CHECK(values(">u8", "\x80\0\0\0\0\0\0\0"s) == floats{0x1p63f});
  CHECK(values("<f2", "\0\x3c\1\0\xff\xfb"s) == floats{1, 0x1p-24f, -65504});
  CHECK(values(">f4", "\xc0\0\0\0"s) == floats{-2});
  CHECK(values("<f8", "\x9a\x99\x99\x99\x99\x99\xb9\x3f"s) == floats{0.1f});
  CHECK(values(">f8", "\x3f\xb9\x99\x99\x99\x99\x99\x9a"s) == floats{0.1f});
}

TEST_CASE("Fortran order becomes C order") {
  // np.asfortranarray(np.arange(24, dtype='u1').reshape(2, 3, 4)).tobytes(order='A')
  const std::string bytes = "\0\14\4\20\10\24\1\15\5\21\11\25\2\16\6\22\12\26\3\17\7\23\13\27"s;
  const pare::npy_array array = npy_file(npy("|u1", "2, 3, 4", bytes, true)).read();
  CHECK(array.shape == shape{2, 3, 4});
  CHECK(array.values.rows() == 2);
  CHECK(array.values.cols() == 12);
  for (int i = 0; i < 24; ++i) CHECK(array.values.data()[i] == static_cast<float>(i));
  CHECK(npy_file(npy("|u1", "3, 2", "\0\2\4\1\3\5"s, true)).read().values ==
        (matrix(3, 2) << 0, 1, 2, 3, 4, 5).finished());
  CHECK(npy_file(npy("|u1", "3,", "\1\2\3"s, true)).read().values == Eigen::Vector3f(1, 2, 3));
}

TEST_CASE("headers of every version, order of keys and way to write them are read") {
  const std::string dictionary = GENERATE(values<std::string>({
      "{'shape': (2,), 'fortran_order': False, 'descr': '|u1'}",
      "{\"descr\" : \"u1\",\"fortran_order\":True,\n\t\"shape\":(2)}   \n",
  }));
  for (const int version : {1, 2, 3})
    CHECK(npy_file(npy(dictionary, "\5\6", version)).read().values == Eigen::Vector2f(5, 6));
}

TEST_CASE("arrays without elements and single numbers are read") {
  const pare::npy_array one = npy_file(npy("|u1", "", "\7")).read();
  CHECK(one.shape.empty());
  CHECK(one.values == matrix::Constant(1, 1, 7));
  const pare::npy_array none = npy_file(npy("<f4", "0, 5, 7", "")).read();
  CHECK(none.shape == shape{0, 5, 7});
  CHECK(none.values.cols() == 35);
  CHECK(npy_file(npy("<f4", "5, 0, 7", "", true)).read().values.rows() == 5);
  CHECK(npy_file(npy("<f4", "1152921504606846975, 0", "")).read().values.size() == 0);  // at once
}

TEST_CASE("an NPY header that promises other bytes than there are is refused, without the memory it promises") {
  const std::string ends = " bytes, the file holds 3";
  CHECK(refusal(npy("|u1", "4,", "abc")) == "the header promises 4" + ends);
  CHECK(refusal(npy("|u1", "2,", "abc")) == "the header promises 2" + ends);
  CHECK(refusal(npy("<f8", "1000000, 1000000, 1000", "abc")) == "the header promises 8000000000000000" + ends);
  for (const std::string extents : {"4294967296, 4294967296", "2, 9223372036854775807", "0, 4294967296, 4294967296"})
    CHECK(refusal(npy("|u1", extents, "abc")) == "the product of the extents is beyond 1152921504606846976");
  CHECK(refusal("\x93NUMPY\1\0\xff\xff{}"s) == "the header has 65535 bytes, the file 2 behind its length");
  CHECK(refusal("\x93NUMPY\2\0\xff\xff\xff\xff{}"s) == "the header has 4294967295 bytes, the file 2 behind its length");
}

TEST_CASE("a header that is not what NumPy writes is refused") {
  const auto dictionary = [](const std::string& text) { return refusal(npy(text, "\1")); };
  const std::string must = "the header must have ";
  CHECK(dictionary("x") == must + "{ before \"x\"");
  CHECK(dictionary("{'descr': 'u1'}") == must + "each of the keys descr, fortran_order and shape before \"\"");
  CHECK(dictionary("{'descr': 'u1', 'descr': 'u1'}") ==
        must + "one of the keys descr, fortran_order and shape, once before \" 'u1'}\"");
  CHECK(dictionary("{'name': 1}") == must + "one of the keys descr, fortran_order and shape, once before \" 1}\"");
  CHECK(dictionary("{descr: 1}") == must + "a string before \"descr: 1}\"");
  CHECK(dictionary("{'descr': [('x', '<f4')]}") ==
        must + "one type of elements, not a structure, before \"('x', '<f4')]}\"");
  CHECK(dictionary("{'fortran_order': 1}") == must + "True or False before \"1}\"");
  for (const std::string extents : {"-1}", "x}", "99999999999999999999}"})
    CHECK(dictionary("{'shape': (" + extents) == must + "at most 64 extents of at least 0 before \"" + extents + '"');
  CHECK(dictionary("{'shape': (1 2)}") == must + ") before \"2)}\"");
  std::string many;
  for (int i = 0; i < 65; ++i) many += "1,";
  CHECK(dictionary("{'shape': (" + many + ")}") == must + "at most 64 extents of at least 0 before \"1,)}\"");
  for (const std::string type : {"O", "<U5", "<c8", "<f16", "<M8", "S1", ""})
    CHECK(refusal(npy(type, "1,", "\1")).find(" must be b1, i1 to i8, u1 to u8 or f2 to f8") != std::string::npos);
  CHECK(refusal("NUMPY\1\0\1\0{}....") == "does not begin as an NPY file does");
  CHECK(refusal(npy("{}", "", 4)) == "version 4, must be 1 to 3");
}

TEST_CASE("an array cut short anywhere, or with any byte changed, is read or refused") {
  const std::string whole = npy("<f4", "2, 1", "\0\0\0\0\0\0\0\0"s);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CHECK(!refusal(whole.substr(0, length)).empty());
    for (const char changed : {'\0', '\'', ',', '1', '9', ')', '\xff'}) {
      const npy_file file(std::string(whole).replace(length, 1, 1, changed));
      pare::npy_array array;
      const std::string message = error_message([&] { array = file.read(); });
      CHECK(message.empty() == (array.values.size() > 0));
    }
  }
}

TEST_CASE("numbers that are not finite in float are refused by their place") {
  CHECK(refusal<pare::value_error>(npy("<f4", "1, 2", "\0\0\0\0\0\0\xc0\x7f"s)) ==
        "values[0, 1] is nan, must be finite in float");
  CHECK(refusal<pare::value_error>(npy("<f8", "2,", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x7f"s)) ==
        "values[1, 0] is inf, must be finite in float");
}

TEST_CASE("inputs and labels or targets make a data set, as they were saved") {
  const temporary_folder folder;
  const fs::path inputs = folder / "clouds.npy", outputs = folder / "y.npy";
  const auto check = [&](const pare::dataset& data) {
    pare::save_npy(data, inputs, outputs);
    const pare::dataset read = pare::load_npy(inputs, outputs);
    pare::validate(read);
    CHECK(read.inputs == data.inputs);
    CHECK(read.labels == data.labels);
    CHECK(read.classes == data.classes);
    CHECK(read.targets == data.targets);
    CHECK(read.name == "clouds");
  };
  check({gaussian(3, 5, 1), {2, 0, 1, 3, 3}, 4, "clouds"});
  check({gaussian(3, 5, 1), {}, 0, "clouds", gaussian(2, 5, 2)});
  check({gaussian(1, 100'000, 1), {}, 0, "clouds", gaussian(1, 100'000, 2)});  // several chunks
}

TEST_CASE("inputs and outputs that do not fit together are refused") {
  const npy_file inputs(npy("|u1", "2, 1, 3", "abcdef"));
  const auto message = [&](const std::string& content) {
    const npy_file outputs(content);
    const std::string all = error_message([&] { pare::load_npy(inputs.path(), outputs.path()); });
    return all.substr(std::min(all.size(), all.rfind(".npy") + 4));
  };
  CHECK(message(npy("|u1", "2,", "\0\1"s)).empty());
  CHECK(message(npy("|u1", "3,", "\0\1\2"s)) == " has 3");
  CHECK(message(npy("|u1", "2, 1", "\0\1"s)) == ": labels have rank 2, must have 1");
  CHECK(message(npy("<f2", "2, 1, 1", "\0\0\0\0"s)) == ": targets have rank 3, must have 1 or 2");
  CHECK(message(npy("|i1", "2,", "\0\xff"s)) == ": label 1 is -1, must be 0 to 2147483646");
  CHECK(message(npy("<u4", "2,", "\0\0\0\0\xff\xff\xff\x7f"s)) == ": label 1 is 2147483647, must be 0 to 2147483646");
  const npy_file one(npy("|u1", "", "\1"));
  CHECK(error_message<pare::shape_error>([&] { pare::load_npy(one.path(), one.path()); }) ==
        one.path().string() + ": is one number, not samples");
}
