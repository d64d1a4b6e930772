// The IDX files of MNIST and its relatives, plain or gzipped. Opt-in: needs zlib.
#pragma once

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <vector>

#include <pare/train/dataset.hpp>

namespace pare {

// The readers below throw io_error for a file that cannot be opened or read, and format_error for one that is not what
// it should be: truncated, trailing bytes, another element type or rank. Memory is taken as bytes arrive, never on the
// word of a header.

// Images of unsigned bytes [samples, rows, cols] as columns [rows cols, samples], pixel / 255.
Eigen::MatrixXf read_idx_images(const std::string& file);

// Labels, unsigned bytes [samples].
std::vector<int> read_idx_labels(const std::string& file);

// Training and test set from a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
// t10k-labels-idx1-ubyte, each with or without .gz; named after the folder. Classes are counted up to the largest
// label. Also throws format_error when images and labels differ in number, or training and test images in size.
dataset_split load_idx_folder(const std::string& folder);

namespace detail {

// Reads a plain or gzipped file from the beginning.
class gzip_reader {
 public:
  explicit gzip_reader(const std::string& path) : name_(path), file_(gzopen(name_.c_str(), "rb"), gzclose) {
    require<io_error>(file_ != nullptr, name_, ": cannot be opened");
  }

  const std::string& name() const { return name_; }

  // As many bytes as there are, at most `size`.
  std::size_t read(std::uint8_t* out, std::size_t size) {
    constexpr std::size_t largest = std::numeric_limits<int>::max();
    const int got = gzread(file_.get(), out, static_cast<unsigned>(std::min(size, largest)));
    int code = Z_OK;
    const char* reason = gzerror(file_.get(), &code);
    require<io_error>(code != Z_ERRNO, name_, ": cannot be read");
    // zlib's reason begins with the file's name.
    require<format_error>(got >= 0 && code == Z_OK, reason, " (broken gzip stream)");
    return static_cast<std::size_t>(got);
  }

 private:
  std::string name_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

struct idx_bytes {
  std::vector<std::uint64_t> extents;
  std::vector<std::uint8_t> data;
};

inline std::uint32_t read_big_endian(gzip_reader& file, std::string_view what) {
  std::uint8_t bytes[4];
  const std::size_t got = file.read(bytes, 4);
  require<format_error>(got == 4, file.name(), ": the file ends in the ", what, ", ", got, " of 4 bytes are there");
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

// Magic 0, 0, element type, rank; then the extents, big-endian.
inline std::vector<std::uint64_t> read_idx_header(gzip_reader& file, std::size_t rank) {
  constexpr std::uint32_t unsigned_bytes = 0x08;
  const std::uint32_t magic = read_big_endian(file, "magic number");
  require<format_error>(magic >> 16 == 0, file.name(), ": begins with bytes ", magic >> 24, ", ", magic >> 16 & 255,
                        ", an IDX file begins with 0, 0");
  require<format_error>((magic >> 8 & 255) == unsigned_bytes, file.name(), ": element type ", magic >> 8 & 255,
                        ", must be 8 (unsigned bytes)");
  require<format_error>((magic & 255) == rank, file.name(), ": rank ", magic & 255, ", must be ", rank);
  std::vector<std::uint64_t> extents(rank);
  for (std::uint64_t& extent : extents) {
    extent = read_big_endian(file, "extents");
    require<format_error>(extent > 0, file.name(), ": an extent is 0, must be at least 1");
  }
  return extents;
}

// How many bytes the extents promise. Beyond 2^61 the floats made of them could not be counted.
inline std::uint64_t idx_size(const gzip_reader& file, const std::vector<std::uint64_t>& extents) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 61;
  std::uint64_t product = 1;
  for (const std::uint64_t extent : extents) {
    require<format_error>(product <= limit / extent, file.name(), ": the product of the extents is beyond ", limit);
    product *= extent;
  }
  return product;
}

inline idx_bytes read_idx(const std::string& path, std::size_t rank) {
  constexpr std::uint64_t chunk = 1 << 20;
  gzip_reader file(path);
  idx_bytes result{read_idx_header(file, rank), {}};
  const std::uint64_t promised = idx_size(file, result.extents);
  std::vector<std::uint8_t> buffer(std::min(chunk, promised + 1));
  // One byte more than promised: what comes after is an error, and the end of a gzip stream carries its checksum.
  for (;;) {
    const std::uint64_t left = promised + 1 - result.data.size();
    const std::size_t got =
        file.read(buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left)));
    if (got == 0) break;
    result.data.insert(result.data.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
    require<format_error>(result.data.size() <= promised, file.name(), ": bytes after the ", promised,
                          " that the header promises");
  }
  require<format_error>(result.data.size() == promised, file.name(), ": the header promises ", promised,
                        " bytes, the file holds ", result.data.size());
  return result;
}

// The file itself, or else the one with .gz.
inline std::string idx_path(const std::string& folder, const std::string& name) {
  for (const char* suffix : {"", ".gz"})
    if (const auto file = std::filesystem::path(folder) / (name + suffix); std::filesystem::exists(file)) return file;
  throw io_error(text((std::filesystem::path(folder) / name).string(), ": not there, neither plain nor with .gz"));
}

inline dataset load_idx_pair(const std::string& folder, const std::string& part) {
  const std::string images = idx_path(folder, part + "-images-idx3-ubyte");
  const std::string labels = idx_path(folder, part + "-labels-idx1-ubyte");
  dataset data{read_idx_images(images), read_idx_labels(labels), 0, {}};
  require<format_error>(data.labels.size() == static_cast<std::size_t>(data.samples()), images, ": ", data.samples(),
                        " images, but ", labels, " has ", data.labels.size(), " labels");
  return data;
}

}  // namespace detail

inline Eigen::MatrixXf read_idx_images(const std::string& file) {
  const detail::idx_bytes images = detail::read_idx(file, 3);
  using matrix = Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic>;
  const auto samples = static_cast<index_t>(images.extents[0]);
  const auto pixels = static_cast<index_t>(images.extents[1] * images.extents[2]);
  return Eigen::Map<const matrix>(images.data.data(), pixels, samples).cast<float>() / 255.0f;
}

inline std::vector<int> read_idx_labels(const std::string& file) {
  const detail::idx_bytes labels = detail::read_idx(file, 1);
  return {labels.data.begin(), labels.data.end()};
}

inline dataset_split load_idx_folder(const std::string& folder) {
  dataset_split data{detail::load_idx_pair(folder, "train"), detail::load_idx_pair(folder, "t10k")};
  detail::require<format_error>(data.train.features() == data.test.features(), folder, ": training images have ",
                                data.train.features(), " pixels, test images ", data.test.features());
  int largest = -1;
  for (const dataset* part : {&data.train, &data.test})
    for (const int label : part->labels) largest = std::max(largest, label);
  const std::filesystem::path path = folder, trimmed = path.has_filename() ? path : path.parent_path();
  for (dataset* part : {&data.train, &data.test}) {
    part->classes = largest + 1;
    part->name = trimmed.filename().string();
  }
  return data;
}

}  // namespace pare
