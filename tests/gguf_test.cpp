// GGUF: what is read and written to the bit, what blocks stand for, and what a hostile file meets.
#include <pare/io/gguf.hpp>
#include <pare/storage/pack.hpp>
#include <pare/storage/unpack.hpp>

#include <random>

#include "allocations.hpp"
#include "catch.hpp"
#include "files.hpp"
#include "support.hpp"

namespace {

using pare::gguf_type;

// Appends numbers and strings as the format has them.
class bytes_writer {
 public:
  template <class T>
  bytes_writer& number(T value) {
    bytes.resize(bytes.size() + sizeof value);
    put_number(bytes, bytes.size() - sizeof value, value);
    return *this;
  }
  bytes_writer& raw(const std::string& text) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    return *this;
  }
  bytes_writer& text(const std::string& value) { return number(std::uint64_t{value.size()}).raw(value); }
  bytes_writer& head(std::uint64_t tensors, std::uint64_t keys) {
    return raw("GGUF").number(std::uint32_t{3}).number(tensors).number(keys);
  }
  bytes_writer& tensor(const std::string& name, const std::vector<std::uint64_t>& extents, std::uint32_t type,
                       std::uint64_t offset) {
    text(name).number(static_cast<std::uint32_t>(extents.size()));
    for (const std::uint64_t each : extents) number(each);
    return number(type).number(offset);
  }
  bytes_writer& pad(std::size_t to) {
    bytes.resize((bytes.size() + to - 1) / to * to);
    return *this;
  }

  byte_vector bytes;
};

template <class Use>
auto with_file(const byte_vector& bytes, Use&& use) {
  const temporary_folder folder;
  write_bytes(folder / "x.gguf", bytes);
  return use((folder / "x.gguf").string());
}

std::string refusal(const byte_vector& bytes) {
  return with_file(bytes, [](const std::string& path) {
    const std::string message = error_message<pare::format_error>([&] { pare::gguf_file{path}; });
    if (message.empty()) return message;
    REQUIRE(message.find(path + ": ") == 0);
    return message.substr(path.size() + 2);
  });
}

float half_of(const std::uint8_t* at) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, 2);
  return pare::detail::half_value(bits);
}

// Blocks as the format describes them, walked part by part.
std::vector<float> reference(gguf_type type, const std::uint8_t* b) {
  std::vector<float> y;
  const auto put = [&](float value) { y.push_back(value); };
  const auto halves = [&](const std::uint8_t* qs, auto&& value) {
    for (int upper = 0; upper < 2; ++upper)
      for (int j = 0; j < 16; ++j) put(value(upper == 0 ? qs[j] % 16 : qs[j] / 16, j + 16 * upper));
  };
  const auto fifth = [](const std::uint8_t* high, int j) { return (high[j / 8] >> (j % 8)) % 2 * 16; };
  // A product and a difference, each rounded.
  const auto minus = [](float a, float b2) {
    const volatile float first = a, second = b2;
    return first - second;
  };
  switch (type) {
    case gguf_type::q4_0: halves(b + 2, [&](int q, int) { return half_of(b) * static_cast<float>(q - 8); }); break;
    case gguf_type::q4_1:
      halves(b + 4, [&](int q, int) { return minus(half_of(b) * static_cast<float>(q), -half_of(b + 2)); });
      break;
    case gguf_type::q5_0:
      halves(b + 6, [&](int q, int j) { return half_of(b) * static_cast<float>(q + fifth(b + 2, j) - 16); });
      break;
    case gguf_type::q5_1:
      halves(b + 8, [&](int q, int j) {
        return minus(half_of(b) * static_cast<float>(q + fifth(b + 4, j)), -half_of(b + 2));
      });
      break;
    case gguf_type::q8_0:
      for (int j = 0; j < 32; ++j) put(half_of(b) * static_cast<float>(static_cast<std::int8_t>(b[2 + j])));
      break;
    case gguf_type::iq4_nl: {
      const int levels[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
      halves(b + 2, [&](int q, int) { return half_of(b) * static_cast<float>(levels[q]); });
      break;
    }
    case gguf_type::mxfp4: {
      const float twice[] = {0, 1, 2, 3, 4, 6, 8, 12, -0.0f, -1, -2, -3, -4, -6, -8, -12};
      halves(b + 1, [&](int q, int) { return std::ldexp(twice[q], b[0] - 128); });
      break;
    }
    case gguf_type::q2_k: {
      const std::uint8_t *scales = b, *qs = b + 16;
      for (int part = 0; part < 2; ++part, qs += 32)
        for (int shift = 0; shift < 8; shift += 2)
          for (int sixteen = 0; sixteen < 2; ++sixteen, ++scales)
            for (int l = 0; l < 16; ++l)
              put(minus(half_of(b + 80) * static_cast<float>(*scales % 16) *
                            static_cast<float>(qs[16 * sixteen + l] >> shift & 3),
                        half_of(b + 82) * static_cast<float>(*scales / 16)));
      break;
    }
    case gguf_type::q3_k: {
      int scales[16];
      for (int j = 0; j < 4; ++j) {
        const std::uint8_t first = b[96 + j], second = b[100 + j], high = b[104 + j];
        scales[j] = first % 16 + 16 * (high & 3) - 32;
        scales[4 + j] = second % 16 + 16 * (high >> 2 & 3) - 32;
        scales[8 + j] = first / 16 + 16 * (high >> 4 & 3) - 32;
        scales[12 + j] = second / 16 + 16 * (high >> 6) - 32;
      }
      int scale = 0, mask = 1;
      for (int part = 0; part < 2; ++part)
        for (int shift = 0; shift < 8; shift += 2, mask *= 2)
          for (int l = 0; l < 32; ++l) {
            const int q = (b[32 + 32 * part + l] >> shift & 3) - ((b[l] & mask) != 0 ? 0 : 4);
            put(half_of(b + 108) * static_cast<float>(scales[scale + l / 16]) * static_cast<float>(q));
            if (l == 31) scale += 2;
          }
      break;
    }
    case gguf_type::q4_k:
    case gguf_type::q5_k: {
      int scales[8], minima[8];
      for (int j = 0; j < 4; ++j) {
        const std::uint8_t x = b[4 + j], z = b[8 + j], packed = b[12 + j];
        scales[j] = x % 64;
        minima[j] = z % 64;
        scales[4 + j] = packed % 16 + 16 * (x / 64);
        minima[4 + j] = packed / 16 + 16 * (z / 64);
      }
      const bool five = type == gguf_type::q5_k;
      const std::uint8_t *qs = b + (five ? 48 : 16), *high = b + 16;
      for (int j = 0; j < 8; ++j)
        for (int l = 0; l < 32; ++l) {
          const std::uint8_t byte = qs[j / 2 * 32 + l];
          const int q = (j % 2 == 0 ? byte % 16 : byte / 16) + (five && (high[l] >> j) % 2 == 1 ? 16 : 0);
          put(minus(half_of(b) * static_cast<float>(scales[j]) * static_cast<float>(q),
                    half_of(b + 2) * static_cast<float>(minima[j])));
        }
      break;
    }
    case gguf_type::q6_k:
      y.resize(256);
      for (int part = 0; part < 2; ++part)
        for (int l = 0; l < 32; ++l)
          for (int k = 0; k < 4; ++k) {
            const std::uint8_t byte = b[64 * part + l + (k % 2) * 32];
            const int q = (k < 2 ? byte % 16 : byte / 16) + 16 * (b[128 + 32 * part + l] >> (2 * k) & 3) - 32;
            const int scale = static_cast<std::int8_t>(b[192 + 8 * part + l / 16 + 2 * k]);
            y[static_cast<std::size_t>(128 * part + 32 * k + l)] =
                half_of(b + 208) * static_cast<float>(scale) * static_cast<float>(q);
          }
      break;
    default: break;
  }
  return y;
}

std::span<const std::byte> as_span(const byte_vector& bytes) { return std::as_bytes(std::span(bytes)); }

}  // namespace

TEST_CASE("a file is read as its format says, and written back byte for byte") {
  bytes_writer file;
  file.head(3, 6)
      .text("general.architecture")
      .number(std::uint32_t{8})
      .text("mlp")
      .text("general.alignment")
      .number(std::uint32_t{4})
      .number(std::uint32_t{64})
      .text("a.flag")
      .number(std::uint32_t{7})
      .number(std::uint8_t{1})
      .text("a.list")
      .number(std::uint32_t{9})
      .number(std::uint32_t{8})
      .number(std::uint64_t{2})
      .text("x")
      .text("yz")
      .text("a.nested")
      .number(std::uint32_t{9})
      .number(std::uint32_t{9})
      .number(std::uint64_t{1})
      .number(std::uint32_t{0})
      .number(std::uint64_t{3})
      .raw("abc")
      .text("a.half")
      .number(std::uint32_t{12})
      .number(0.5)
      .tensor("w", {3, 2}, 0, 0)
      .tensor("v", {32}, 8, 64)
      .tensor("none", {}, 25, 128)
      .pad(64);
  for (int i = 0; i < 6; ++i) file.number(static_cast<float>(i));
  file.pad(64).number(std::uint16_t{0x3c00});
  for (int i = 0; i < 32; ++i) file.number(static_cast<std::int8_t>(i - 16));
  file.pad(64).number(std::int16_t{-7}).pad(64);
  with_file(file.bytes, [&](const std::string& path) {
    const pare::gguf_file read(path);
    REQUIRE(read.metadata().size() == 6);
    CHECK(read.find("general.architecture")->text() == "mlp");
    CHECK(read.find("a.flag")->number<bool>());
    CHECK(read.find("a.half")->number<float>() == 0.5f);
    CHECK(read.find("a.list")->elements() == std::vector<pare::gguf_value>{"x", "yz"});
    CHECK(read.find("a.nested")->elements().at(0).size() == 3);
    CHECK(read.find("b") == nullptr);
    CHECK(error_message<pare::value_error>([&] { read.find("a.list")->number<int>(); }) ==
          "the value is of type 9, must be a number");
    CHECK(error_message<pare::value_error>([&] { read.find("a.flag")->text(); }) ==
          "the value is of type 7, must be a string");
    CHECK(error_message<pare::value_error>([&] { read.find("a.flag")->size(); }) ==
          "the value is of type 7, must be an array");
    CHECK(error_message<pare::value_error>([&] { pare::gguf_value(-1).number<unsigned>(); }) ==
          "the value is -1, beyond the type that was asked for");

    REQUIRE(read.tensors().size() == 3);
    CHECK(read.at("w").shape == std::vector<pare::index_t>{2, 3});
    CHECK(read.matrix("w") == (Eigen::MatrixXf(2, 3) << 0, 1, 2, 3, 4, 5).finished());
    CHECK(read.vector("v") == Eigen::VectorXf::LinSpaced(32, -16, 15));
    CHECK(read.at("none").bytes.size() == 2);
    CHECK(error_message<pare::value_error>([&] { read.at("x"); }) ==
          path + ": has no tensor x. There are: w F32 [2, 3], v Q8_0 [32], none I16 []");
    CHECK(error_message<pare::shape_error>([&] { read.matrix("v"); }) == path + ": v has rank 1, must be a matrix");
    CHECK(error_message<pare::shape_error>([&] { read.vector("w"); }) == path + ": w has rank 2, must be a vector");

    const temporary_folder folder;
    pare::save_gguf(read.metadata(), read.tensors(), folder / "copy");
    CHECK(read_bytes(folder / "copy") == file.bytes);
    return 0;
  });
}

TEST_CASE("metadata of every type come back as they were") {
  const pare::gguf_metadata metadata{{"u8", std::uint8_t{255}},
                                     {"i8", std::int8_t{-128}},
                                     {"u16", std::uint16_t{65535}},
                                     {"i16", std::int16_t{-1}},
                                     {"u32", 4000000000u},
                                     {"i32", -5},
                                     {"f32", 1.5f},
                                     {"bool", true},
                                     {"string", "with \"quotes\" and \n"},
                                     {"array", pare::gguf_value(std::vector<float>{1, 2})},
                                     {"u64", std::uint64_t{1} << 63},
                                     {"i64", std::int64_t{-1} << 62},
                                     {"f64", 0.1},
                                     {"flags", pare::gguf_value(std::vector<bool>{true, false})}};
  const temporary_folder folder;
  pare::save_gguf(metadata, {}, folder / "x");
  const pare::gguf_file read((folder / "x").string());
  CHECK(read.metadata() == metadata);
  for (std::size_t i = 0; i < 13; ++i) CHECK(static_cast<std::size_t>(metadata[i].second.type()) == i);
  CHECK(read.find("u64")->number<double>() == 0x1p63);
  CHECK(read.find("flags")->element_type() == pare::gguf_value_type::boolean);
}

TEST_CASE("blocks of every type stand for what the format says, and for the same in every build") {
  std::mt19937 random(7);
  for (const pare::detail::gguf_block& block : pare::detail::gguf_blocks) {
    if (block.elements == 1) continue;
    for (int round = 0; round < 50; ++round) {
      byte_vector bytes(static_cast<std::size_t>(block.bytes));
      for (std::uint8_t& each : bytes) each = static_cast<std::uint8_t>(random());
      // Scales that are numbers, wherever the type has them.
      for (std::size_t at = 0; at + 1 < bytes.size(); ++at)
        if ((bytes[at + 1] & 0x7c) == 0x7c) bytes[at + 1] ^= 0x40;
      const std::vector<float> expected = reference(block.type, bytes.data());
      std::vector<float> values(static_cast<std::size_t>(block.elements));
      block.decode(as_span(bytes).data(), values.data());
      INFO(block.name << ", round " << round);
      CHECK(values == expected);
    }
  }
}

TEST_CASE("codes are taken as they are, and multiply as what they stand for") {
  std::mt19937 random(9);
  for (const gguf_type type : {gguf_type::q4_0, gguf_type::q5_0, gguf_type::q8_0, gguf_type::iq4_nl}) {
    const pare::detail::gguf_block& block = *pare::detail::find_gguf_block(type);
    byte_vector bytes(static_cast<std::size_t>(5 * 3 * block.bytes));
    for (std::uint8_t& each : bytes) each = static_cast<std::uint8_t>(random());
    for (std::size_t at = 0; at < bytes.size(); at += static_cast<std::size_t>(block.bytes))
      put_number(bytes, at, static_cast<std::uint16_t>(random() % 0x7c00 | (random() % 2) << 15));
    const temporary_folder folder;
    pare::save_gguf({}, {{"w", type, {5, 96}, as_span(bytes)}}, folder / "x");
    const pare::gguf_file file((folder / "x").string());
    const pare::quantized_codes codes = file.codes("w");
    const pare::row_major_matrix whole = file.matrix("w");
    pare::row_major_matrix from_codes(5, 96), from_packed(5, 96);
    dequantize(codes, from_codes);
    dequantize(pare::pack(codes), from_packed);
    INFO(block.name);
    CHECK(from_codes == whole);
    CHECK(from_packed == whole);
  }
  const byte_vector bytes(20);
  const temporary_folder folder;
  pare::save_gguf({}, {{"w", gguf_type::q4_1, {1, 32}, as_span(bytes)}}, folder / "x");
  CHECK(error_message<pare::value_error>([&] {
          pare::gguf_file((folder / "x").string()).codes("w");
        }).ends_with("w is Q4_1, only codes of Q4_0, Q5_0, Q8_0 and IQ4_NL can be taken as they are"));
}

TEST_CASE("what is written is what ggml's reference quantizer writes") {
  // By hand: of -8, 7, 0.5 and zeros the largest in magnitude is -8, so that d = 1: codes 0, 15, (int)(0.5 + 8.5) = 9.
  Eigen::RowVectorXf x = Eigen::RowVectorXf::Zero(32);
  x[0] = -8;
  x[1] = 7;
  x[16] = 0.5f;
  const auto written = [](const Eigen::RowVectorXf& row, gguf_type type) {
    const std::vector<std::byte> bytes = pare::to_gguf(row, type);
    byte_vector numbers;
    for (const std::byte each : bytes) numbers.push_back(std::to_integer<std::uint8_t>(each));
    return numbers;
  };
  byte_vector expected(18, 0x88);
  put_number(expected, 0, std::uint16_t{0x3c00});
  expected[2] = 0x90;
  expected[3] = 0x8f;
  CHECK(written(x, gguf_type::q4_0) == expected);
  // The first of two of the same magnitude decides on the sign: d = -1, so that 8 is code 0 and -8 is cut to 15.
  x = Eigen::RowVectorXf::Zero(32);
  x[3] = 8;
  x[4] = -8;
  expected.assign(18, 0x88);
  put_number(expected, 0, std::uint16_t{0xbc00});
  expected[5] = 0x80;
  expected[6] = 0x8f;
  CHECK(written(x, gguf_type::q4_0) == expected);

  // Q8_0 rounds halves away from zero: d = 1, 0.5 is 1 and -2.5 is -3.
  x = Eigen::RowVectorXf::Zero(32);
  x[0] = 127;
  x[1] = 0.5f;
  x[2] = -2.5f;
  expected.assign(34, 0);
  put_number(expected, 0, std::uint16_t{0x3c00});
  expected[2] = 127;
  expected[3] = 1;
  expected[4] = 253;
  CHECK(written(x, gguf_type::q8_0) == expected);

  // Q4_1: from -1 to 14, d = 1 and m = -1; 0.5 is (int)(1.5 + 0.5) = 2.
  x = Eigen::RowVectorXf::Zero(32);
  x[0] = -1;
  x[1] = 14;
  x[17] = 0.5f;
  expected.assign(20, 0x11);
  put_number(expected, 0, std::uint16_t{0x3c00});
  put_number(expected, 2, std::uint16_t{0xbc00});
  expected[4] = 0x10;
  expected[5] = 0x2f;
  CHECK(written(x, gguf_type::q4_1) == expected);

  // Zeros everywhere have a scale of zero; the code of zero is 8 of Q4_0. An element alone has no blocks.
  CHECK(written(Eigen::RowVectorXf::Zero(32), gguf_type::q8_0) == byte_vector(34));
  CHECK(written(Eigen::RowVectorXf::Constant(1, 1.5f), gguf_type::f32) == byte_vector{0, 0, 0xc0, 0x3f});
  CHECK(written(Eigen::RowVectorXf::Constant(1, 1.5f), gguf_type::f16) == byte_vector{0, 0x3e});

  const Eigen::MatrixXf odd = Eigen::MatrixXf::Zero(2, 33);
  CHECK(error_message<pare::shape_error>([&] { pare::to_gguf(odd, gguf_type::q4_0); }) ==
        "rows have 33 elements, must be a multiple of 32 in Q4_0");
  CHECK(error_message<pare::value_error>([&] { pare::to_gguf(odd, gguf_type::q6_k); }) ==
        "type is Q6_K, must be F32, F16, Q8_0, Q4_0 or Q4_1");
  Eigen::MatrixXf infinite = Eigen::MatrixXf::Zero(2, 32);
  infinite(1, 2) = HUGE_VALF;
  CHECK(error_message<pare::value_error>([&] { pare::to_gguf(infinite, gguf_type::q4_0); }) ==
        "weights[1, 2] is inf, must be finite");
}

TEST_CASE("weights come back from blocks within half a step") {
  const Eigen::MatrixXf w = gaussian(7, 64, 3);
  for (const auto& [type, steps] : {std::pair(gguf_type::q8_0, 254), {gguf_type::q4_0, 16}, {gguf_type::q4_1, 15}}) {
    const std::vector<std::byte> bytes = pare::to_gguf(w, type);
    const temporary_folder folder;
    pare::save_gguf({}, {{"w", type, {7, 64}, bytes}}, folder / "x");
    const pare::row_major_matrix back = pare::gguf_file((folder / "x").string()).matrix("w");
    for (pare::index_t row = 0; row < 7; ++row)
      for (pare::index_t col = 0; col < 64; col += 32) {
        const Eigen::RowVectorXf group = w.row(row).segment(col, 32);
        // Twice the largest magnitude is no less than the range; Q4_0 cuts its last code, by a step at most. Scale and
        // minimum are off by 2^-11 of themselves.
        const float range = 2 * group.cwiseAbs().maxCoeff(), step = range / static_cast<float>(steps);
        const float most = (type == gguf_type::q4_0 ? 1.0f : 0.5f) * step + range * 0x1p-10f;
        CHECK((back.row(row).segment(col, 32) - group).cwiseAbs().maxCoeff() <= most);
      }
  }
}

TEST_CASE("a file that breaks a rule is refused") {
  const auto header = [](std::uint64_t tensors, std::uint64_t keys) { return bytes_writer().head(tensors, keys); };
  const std::uint32_t f32 = 0;
  CHECK(refusal(header(0, 0).pad(32).bytes) == "");
  CHECK(refusal({}) == "the file ends at byte 0, 4 bytes are to follow byte 0");
  CHECK(refusal(byte_vector(40)) == "does not begin with GGUF");
  bytes_writer old = header(0, 0);
  old.bytes[4] = 2;
  CHECK(refusal(old.bytes) == "version is 2, must be 3");
  std::swap(old.bytes[4], old.bytes[7]);
  CHECK(refusal(old.bytes) == "version is 33554432, must be 3 and little-endian");
  CHECK(refusal(header(0, ~std::uint64_t{0}).bytes).find("has 18446744073709551615 keys") == 0);
  CHECK(refusal(header(~std::uint64_t{0}, 0).bytes).find("has 18446744073709551615 tensors") == 0);

  const auto key = [&](std::uint32_t type) { return header(0, 1).text("k").number(type); };
  CHECK(refusal(key(13).number(std::uint64_t{0}).bytes).find("the file: unknown type of value 13") == 0);
  CHECK(refusal(key(7).number(std::uint8_t{2}).bytes) == "the file: a bool is 2, must be 0 or 1");
  CHECK(refusal(key(8).number(std::uint64_t{5}).raw("abcd").bytes).find("the file ends at byte") == 0);
  CHECK(refusal(key(9).number(std::uint32_t{6}).number(~std::uint64_t{0}).bytes).find("the file ends at byte") == 0);
  bytes_writer deep = key(9);
  for (int i = 0; i < 10; ++i) deep.number(std::uint32_t{9}).number(std::uint64_t{1});
  CHECK(refusal(deep.number(std::uint32_t{0}).number(std::uint64_t{0}).bytes) == "the file: arrays nest deeper than 8");
  CHECK(refusal(header(0, 2).text("kk").number(std::uint32_t{1}).raw("xx").bytes) != "");
  bytes_writer twice = header(0, 2);
  for (int i = 0; i < 2; ++i) twice.text("k").number(std::uint32_t{0}).raw("x");
  CHECK(refusal(twice.bytes) == "the key k is there twice");
  for (const std::uint32_t alignment : {0u, 4u, 12u, 4294967288u})
    CHECK(refusal(header(0, 1).text("general.alignment").number(std::uint32_t{4}).number(alignment).bytes)
              .find("general.alignment is " + std::to_string(alignment) + ", must be a multiple of 8 up to") == 0);
  CHECK(refusal(header(0, 1).text("general.alignment").number(std::uint32_t{0}).raw("x").bytes) ==
        "general.alignment is of type 0, must be 4 (u32)");

  const auto one = [&](const std::vector<std::uint64_t>& extents, std::uint32_t type, std::uint64_t offset) {
    bytes_writer file = header(1, 0).tensor("w", extents, type, offset);
    file.pad(32).bytes.resize(file.bytes.size() + 32);
    return refusal(file.bytes);
  };
  CHECK(one({8}, f32, 0) == "");
  CHECK(one({9}, f32, 0).find("w: begins at 0 and has 36 bytes, ") == 0);
  CHECK(one({1}, f32, 32).find("w: begins at 32 and has 4 bytes, ") == 0);
  CHECK(one({1}, f32, 4) == "w: begins at 4, must be a multiple of 32");
  CHECK(one({1}, f32, ~std::uint64_t{31}).find("w: begins at 18446744073709551584 and has") == 0);
  CHECK(one({1}, 99, 0) == "w: unknown type 99");
  CHECK(one({31}, 2, 0) == "w: rows have 31 elements, must be a multiple of 32 in Q4_0");
  CHECK(one({1, 1, 1, 1, 1}, f32, 0) == "w: has 5 extents, must have at most 4");
  CHECK(one({std::uint64_t{1} << 63}, f32, 0).find("w: extent 0 is 9223372036854775808, too large") == 0);
  CHECK(one({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, f32, 0).find("w: the product of the extents") == 0);

  const auto two = [&](const std::string& name, std::uint64_t offset) {
    bytes_writer file = header(2, 0).tensor("a", {16}, f32, 0).tensor(name, {8}, f32, offset);
    file.pad(32).bytes.resize(file.bytes.size() + 96);
    return refusal(file.bytes);
  };
  CHECK(two("b", 64) == "");
  CHECK(two("a", 64) == "a: is there twice");
  CHECK(two("b", 32) == "a tensor begins at 32, the one before it ends at 64");
}

TEST_CASE("a truncated file is refused at every length") {
  bytes_writer file;
  file.head(1, 1).text("k").number(std::uint32_t{8}).text("v").tensor("w", {4}, 0, 0).pad(32);
  for (int i = 0; i < 4; ++i) file.number(1.0f);
  REQUIRE(refusal(file.bytes) == "");
  for (std::size_t size = 0; size < file.bytes.size(); ++size) {
    byte_vector cut = file.bytes;
    cut.resize(size);
    INFO(size);
    CHECK(refusal(cut) != "");
  }
}

TEST_CASE("what no file may hold is not written") {
  const temporary_folder folder;
  const byte_vector bytes(64);
  const auto refused = [&](const pare::gguf_metadata& metadata, const std::vector<pare::gguf_tensor>& tensors) {
    const std::string message =
        error_message<pare::value_error>([&] { pare::save_gguf(metadata, tensors, folder / "x"); });
    CHECK(folder.files() == 0);
    return message;
  };
  const auto some = as_span(bytes);
  CHECK(refused({{"a", 1}, {"a", 2}}, {}) == "the key a is there twice");
  CHECK(refused({{"general.alignment", 12u}}, {}).find("general.alignment is 12, must be a multiple of 8") == 0);
  CHECK(refused({}, {{"w", gguf_type::f32, {16}, some}, {"w", gguf_type::f32, {16}, some}}) == "w: is there twice");
  CHECK(refused({}, {{"w", gguf_type::f32, {15}, some}}) == "w: has 64 bytes, its type and shape ask for 60");
  CHECK(refused({}, {{"w", gguf_type{77}, {16}, some}}) == "w: unknown type 77");
  CHECK(refused({}, {{std::string(65, 'w'), gguf_type::f32, {16}, some}})
            .ends_with(": the name has 65 bytes, must have at most 64"));
  CHECK(refused({}, {{"w", gguf_type::f32, {1, 1, 1, 4, 4}, some}}) == "w: has 5 extents, must have at most 4");
}

TEST_CASE("millions of GGUF tensors that share bytes are refused before they are kept") {
  bytes_writer file;
  file.head(200000, 0);
  for (int i = 0; i < 200000; ++i) file.tensor(std::to_string(i), {8}, 0, 0);
  file.pad(32).bytes.resize(file.bytes.size() + 32);
  with_file(file.bytes, [&](const std::string& path) {
    std::string message;
    const allocations used =
        allocations_of([&] { message = error_message<pare::format_error>([&] { pare::gguf_file{path}; }); });
    CHECK(message == path + ": a tensor begins at 0, the one before it ends at 32");
    CHECK(used.count < 200);
    return 0;
  });
}
