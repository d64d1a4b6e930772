// seeds FOLDER: writes small .pare files of every coding, encoding and kind of layer for the fuzzer to begin with.
#include <filesystem>
#include <string>

#include <pare/io/pare_file.hpp>

#include "../networks.hpp"

int main(int, char** arguments) {
  const std::filesystem::path folder = arguments[1];
  std::filesystem::create_directories(folder);
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
