// IDX files: what is read, and what a hostile file meets.
#include <pare/io/idx.hpp>

#include "catch.hpp"
#include "files.hpp"
#include "support.hpp"

namespace fs = std::filesystem;
using bytes = byte_vector;

namespace {

void write_gzip(const fs::path& path, const bytes& content) {
  const gzFile file = gzopen(path.string().c_str(), "wb");
  REQUIRE(file != nullptr);
  if (!content.empty())
    REQUIRE(gzwrite(file, content.data(), static_cast<unsigned>(content.size())) == static_cast<int>(content.size()));
  REQUIRE(gzclose(file) == Z_OK);
}

bytes header(std::uint8_t type, std::initializer_list<std::uint32_t> extents) {
  bytes result = {0, 0, type, static_cast<std::uint8_t>(extents.size())};
  for (const std::uint32_t extent : extents)
    for (const int shift : {24, 16, 8, 0}) result.push_back(static_cast<std::uint8_t>(extent >> shift));
  return result;
}

bytes operator+(bytes a, const bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Two images of 2 x 3, and their labels.
const bytes image_file = header(8, {2, 2, 3}) + bytes{0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
const bytes label_file = header(8, {2}) + bytes{7, 3};

void write_folder(const temporary_folder& folder) {
  write_bytes(folder / "train-images-idx3-ubyte", image_file);
  write_gzip(folder / "train-labels-idx1-ubyte.gz", label_file);
  write_gzip(folder / "t10k-images-idx3-ubyte.gz", image_file);
  write_bytes(folder / "t10k-labels-idx1-ubyte", label_file);
}

// The message with the file's own name taken off.
template <class Error, class Call>
std::string message_about(const fs::path& path, Call&& call) {
  const std::string message = error_message<Error>(call);
  const std::string prefix = path.string() + ": ";
  CHECK(message.rfind(prefix, 0) == 0);
  return message.substr(std::min(prefix.size(), message.size()));
}

std::string refusal(const bytes& content) {
  const temporary_folder folder;
  write_bytes(folder / "plain", content);
  write_gzip(folder / "gzip", content);
  const std::string message =
      message_about<pare::format_error>(folder / "plain", [&] { pare::read_idx_images(folder / "plain"); });
  CHECK(message_about<pare::format_error>(folder / "gzip", [&] { pare::read_idx_images(folder / "gzip"); }) == message);
  return message;
}

}  // namespace

TEST_CASE("images are read as columns of pixel / 255, plain and gzipped") {
  const temporary_folder folder;
  write_bytes(folder / "plain", image_file);
  write_gzip(folder / "gzip", image_file);
  Eigen::MatrixXf expected(6, 2);
  for (int i = 0; i < 6; ++i) expected.row(i) << static_cast<float>(i) / 255.0f, static_cast<float>(250 + i) / 255.0f;
  CHECK(pare::read_idx_images(folder / "plain") == expected);
  CHECK(pare::read_idx_images(folder / "gzip") == expected);
}

TEST_CASE("labels are read plain and gzipped") {
  const temporary_folder folder;
  write_bytes(folder / "plain", label_file);
  write_gzip(folder / "gzip", label_file);
  CHECK(pare::read_idx_labels(folder / "plain") == std::vector{7, 3});
  CHECK(pare::read_idx_labels(folder / "gzip") == std::vector{7, 3});
}

TEST_CASE("a file of several chunks is read whole") {
  const temporary_folder folder;
  bytes content((std::size_t{1} << 20) * 2 + 777);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::uint8_t>(i * i >> 7);
  write_gzip(folder / "labels", header(8, {static_cast<std::uint32_t>(content.size())}) + content);
  CHECK(pare::read_idx_labels(folder / "labels") == std::vector<int>(content.begin(), content.end()));
}

TEST_CASE("a folder gives training and test set under its name, each file plain or gzipped") {
  const temporary_folder folder;
  write_folder(folder);
  for (const fs::path& path : {folder.path(), folder.path() / ""}) {
    const pare::dataset_split data = pare::load_idx_folder(path);
    for (const pare::dataset* part : {&data.train, &data.test}) {
      pare::validate(*part);
      CHECK(part->samples() == 2);
      CHECK(part->features() == 6);
      CHECK(part->classes == 8);
      CHECK(part->labels == std::vector{7, 3});
      CHECK(part->name == folder.path().filename().string());
    }
  }
}

TEST_CASE("a folder whose parts do not fit is refused") {
  const temporary_folder folder;
  write_folder(folder);
  SECTION("a file is missing") {
    fs::remove(folder / "t10k-labels-idx1-ubyte");
    CHECK(message_about<pare::io_error>(folder / "t10k-labels-idx1-ubyte", [&] {
            pare::load_idx_folder(folder.path());
          }) == "not there, neither plain nor with .gz");
  }
  SECTION("images and labels differ in number") {
    write_bytes(folder / "t10k-labels-idx1-ubyte", header(8, {3}) + bytes{1, 2, 3});
    CHECK(message_about<pare::format_error>(folder / "t10k-images-idx3-ubyte.gz", [&] {
            pare::load_idx_folder(folder.path());
          }) == "2 images, but " + (folder / "t10k-labels-idx1-ubyte").string() + " has 3 labels");
  }
  SECTION("training and test images differ in size") {
    write_gzip(folder / "t10k-images-idx3-ubyte.gz", header(8, {2, 1, 1}) + bytes{1, 2});
    CHECK(message_about<pare::format_error>(folder.path(), [&] { pare::load_idx_folder(folder.path()); }) ==
          "training images have 6 pixels, test images 1");
  }
}

TEST_CASE("a header that is not that of unsigned bytes of the right rank is refused") {
  const bytes pixels(12);
  CHECK(refusal(bytes{1, 0, 8, 3} + pixels) == "begins with bytes 1, 0, an IDX file begins with 0, 0");
  CHECK(refusal(bytes{0, 9, 8, 3} + pixels) == "begins with bytes 0, 9, an IDX file begins with 0, 0");
  CHECK(refusal(header(0x0d, {2, 2, 3}) + pixels) == "element type 13, must be 8 (unsigned bytes)");
  CHECK(refusal(header(8, {12}) + pixels) == "rank 1, must be 3");
  CHECK(refusal(header(8, {2, 0, 3})) == "an extent is 0, must be at least 1");
}

TEST_CASE("a header that promises other bytes than there are is refused, without the memory it promises") {
  const bytes pixels(12);
  const std::uint32_t most = 0xffffffff;
  CHECK(refusal(header(8, {most, most, most}) + pixels) == "the product of the extents is beyond 2305843009213693952");
  CHECK(refusal(header(8, {most, 1u << 28, 1}) + pixels) ==
        "the header promises 1152921504338411520 bytes, the file holds 12");
  CHECK(refusal(header(8, {3, 2, 3}) + pixels) == "the header promises 18 bytes, the file holds 12");
  CHECK(refusal(header(8, {2, 2, 3}) + bytes(13)) == "bytes after the 12 that the header promises");
  CHECK(refusal(header(8, {1, 1, 1}) + bytes(10'000'000)) == "bytes after the 1 that the header promises");
}

TEST_CASE("a file cut short anywhere is refused, plain or gzipped") {
  const temporary_folder folder;
  write_gzip(folder / "whole", image_file);
  for (const bytes& whole : {image_file, read_bytes(folder / "whole")})
    for (std::size_t length = 0; length < whole.size(); ++length) {
      write_bytes(folder / "cut", bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
      CHECK_THROWS_AS(pare::read_idx_images(folder / "cut"), pare::format_error);
    }
}

TEST_CASE("a gzipped file with one bad byte is refused or read as it was") {
  const temporary_folder folder;
  write_gzip(folder / "whole", image_file);
  const bytes whole = read_bytes(folder / "whole");
  const Eigen::MatrixXf expected = pare::read_idx_images(folder / "whole");
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int flip : {1, 128, 255}) {
      bytes bad = whole;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ flip);
      write_bytes(folder / "bad", bad);
      Eigen::MatrixXf read;
      if (!error_message<pare::format_error>([&] { read = pare::read_idx_images(folder / "bad"); }).empty())
        ++refused;
      else
        CHECK(read == expected);  // a time stamp or the like
    }
  CHECK(refused >= 3 * static_cast<int>(whole.size() - 10));  // all but the gzip header
}

TEST_CASE("a file that cannot be read is refused as such") {
  const temporary_folder folder;
  CHECK(message_about<pare::io_error>(folder / "none", [&] { pare::read_idx_images(folder / "none"); }) ==
        "cannot be opened");
  CHECK(message_about<pare::io_error>(folder.path(), [&] { pare::read_idx_labels(folder.path()); }) ==
        "cannot be read");
}

TEST_CASE("MNIST has 60000 training and 10000 test images of 28 x 28") {
  const fs::path mnist = data_folder() / "mnist";
  if (!fs::is_directory(mnist)) {
    WARN("skipped: no MNIST (set PARE_DATA to a folder that holds mnist/)");
    return;
  }
  const std::pair<const char*, std::uint64_t> parts[] = {{"train", 60000}, {"t10k", 10000}};
  for (const auto& [part, count] : parts) {
    const std::string name = part;
    pare::detail::gzip_reader images(pare::detail::idx_path(mnist, name + "-images-idx3-ubyte"));
    CHECK(pare::detail::read_idx_header(images, 3) == std::vector<std::uint64_t>{count, 28, 28});
    pare::detail::gzip_reader labels(pare::detail::idx_path(mnist, name + "-labels-idx1-ubyte"));
    CHECK(pare::detail::read_idx_header(labels, 1) == std::vector<std::uint64_t>{count});
  }
}
