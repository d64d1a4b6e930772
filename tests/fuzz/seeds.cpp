// seeds FOLDER: writes small files for each fuzz target to begin with, in FOLDER/TARGET. Of .pare every coding,
// encoding and kind of layer.
#include <filesystem>
#include <fstream>
#include <string>

#include <zlib.h>

#include <pare/io/csv.hpp>
#include <pare/io/gguf.hpp>
#include <pare/io/npy.hpp>
#include <pare/io/pare_file.hpp>
#include <pare/io/safetensors.hpp>

#include "../networks.hpp"

namespace {

std::filesystem::path folder_of(const std::filesystem::path& parent, const std::string& target) {
  std::filesystem::create_directories(parent / target);
  return parent / target;
}

void write_networks(const std::filesystem::path& folder) {
  int number = 0;
  const auto add = [&](const pare::network& net) {
    for (const auto how : {pare::coding::mapped, pare::coding::small, pare::coding::fast})
      pare::save(net, folder / (std::to_string(number++) + ".pare"), {.coding = how});
  };
  for (const stored_weights& stored : every_storage(half_zero(5, 7, 1))) {
    pare::network net(7);
    add(net.add(pare::linear(stored.weights)));
  }
  add(every_layer(pare::precision::int8));
  pare::network large(60);
  add(large.add(pare::linear(pare::quantize(half_zero(40, 60, 1), {.bits = 4}, pare::encoding::sparse))));
}

void write_safetensors(const std::filesystem::path& folder) {
  pare::network net(3);
  net.add(pare::linear(pare::pack_dense(half_zero(4, 3, 1))))
      .add(pare::activation::relu)
      .add(pare::linear(pare::pack_dense(half_zero(2, 4, 2), pare::float_format::bfloat16)));
  pare::save_safetensors(net, folder / "perceptron");
  std::map<std::string, pare::safetensor> every_type;
  const std::vector<std::byte> bytes(24);
  for (const auto& type : pare::detail::safetensors_types)
    every_type[std::string(type.name)] = {std::string(type.name), {static_cast<pare::index_t>(192 / type.bits)}, bytes};
  pare::save_safetensors(every_type, folder / "types", {{"format", "pt"}});
  std::ofstream(folder / "index") << R"({"metadata":{"total_size":1},"weight_map":{"a":"b","c":"d"}})";
}

void write_gguf(const std::filesystem::path& folder) {
  const std::vector<std::byte> bytes(512);
  std::vector<pare::gguf_tensor> every_type;
  for (const auto& block : pare::detail::gguf_blocks)
    every_type.push_back({std::string(block.name),
                          block.type,
                          {1, block.elements},
                          std::span(bytes).first(static_cast<std::size_t>(block.bytes))});
  const pare::gguf_metadata metadata{{"general.architecture", "mlp"},
                                     {"general.alignment", 8u},
                                     {"names", pare::gguf_value(std::vector<std::string>{"a", "b"})},
                                     {"numbers", pare::gguf_value(std::vector<float>{1, 2})}};
  pare::save_gguf(metadata, every_type, folder / "types");
  pare::save_gguf({}, {}, folder / "empty");
}

void write_tables(const std::filesystem::path& parent) {
  const Eigen::MatrixXf values = half_zero(3, 4, 1);
  const Eigen::MatrixXd wide = values.cast<double>();
  pare::save_npy(values, folder_of(parent, "npy_fuzz") / "floats");
  pare::save_npy(wide, folder_of(parent, "npy_fuzz") / "doubles");
  pare::save_npy(std::vector<int>{1, 2, 3}, folder_of(parent, "npy_fuzz") / "numbers");
  const std::filesystem::path csv = folder_of(parent, "csv_fuzz");
  pare::save_csv({{}, values}, csv / "plain");
  pare::save_csv({{"a", "b,\"c", "d", "label"}, values}, csv / "named", ';');
  std::ofstream(csv / "labels") << "x, y\r\n\"1.5\", 2\r\n-1e-3, 0\r\n";
}

void write_images(const std::filesystem::path& folder) {
  const std::string images("\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\2\1\2\3\4", 20), labels("\0\0\10\1\0\0\0\2\7\1", 10);
  int number = 0;
  for (const std::string& bytes : {images, labels}) {
    std::ofstream(folder / std::to_string(number++), std::ios::binary) << bytes;
    const gzFile file = gzopen((folder / std::to_string(number++)).c_str(), "wb");
    gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
  }
}

}  // namespace

int main(int, char** arguments) {
  const std::filesystem::path folder = arguments[1];
  write_networks(folder_of(folder, "pare_file_fuzz"));
  write_safetensors(folder_of(folder, "safetensors_fuzz"));
  write_gguf(folder_of(folder, "gguf_fuzz"));
  write_tables(folder);
  write_images(folder_of(folder, "idx_fuzz"));
}
