// A perceptron that somebody else trained, on MNIST's test set: in 32 bits, in 8 and in 4.
#include <pare/io/idx.hpp>
#include <pare/io/safetensors.hpp>
#include <pare/nn/quantize.hpp>

#include <chrono>

#include "catch.hpp"
#include "files.hpp"
#include "networks.hpp"

namespace {

// Images of which the largest output is the label.
int count_correct(const pare::network& net, const Eigen::MatrixXf& images, const std::vector<int>& labels) {
  const Eigen::MatrixXf logits = outputs_of(net, images);
  int correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    Eigen::Index largest = 0;
    logits.col(static_cast<Eigen::Index>(i)).maxCoeff(&largest);
    correct += largest == labels[i];
  }
  return correct;
}

template <class Call>
double seconds_of(Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("an imported network scores what it scored where it was trained, and nearly that in 8 and 4 bits") {
  const std::filesystem::path model = data_folder() / "models" / "dfdx_mnist_safetensors" / "mnist.safetensors";
  const std::filesystem::path images_file = data_folder() / "mnist" / "t10k-images-idx3-ubyte.gz";
  if (!std::filesystem::exists(model) || !std::filesystem::exists(images_file)) {
    WARN("skipped: no " << model.string() << " or no MNIST beside it (PARE_DATA names the folder)");
    return;
  }
  const Eigen::MatrixXf images = pare::read_idx_images(images_file);
  const std::vector<int> labels = pare::read_idx_labels(data_folder() / "mnist" / "t10k-labels-idx1-ubyte.gz");
  const pare::network net = pare::load_safetensors(model);
  REQUIRE(net.inputs() == 784);
  REQUIRE(net.outputs() == 10);
  REQUIRE(net.layers().size() == 7);
  if (seconds_of([&] { outputs_of(net, images.leftCols(100)); }) > 0.2) {
    WARN("skipped: this would take minutes here, an emulator perhaps; results are the same on every machine");
    return;
  }
  CHECK(count_correct(net, images, labels) == 9849);

  for (const pare::scheme scheme : {pare::scheme::symmetric, pare::scheme::two_level})
    for (const pare::precision inputs : {pare::precision::int8, pare::precision::float32})
      for (const int bits : {8, 4}) {
        const pare::network small =
            pare::quantize(net, {.bits = bits, .scheme = scheme, .group_size = 32}, pare::encoding::codes, inputs);
        const int correct = count_correct(small, images, labels);
        CAPTURE(static_cast<int>(scheme), static_cast<int>(inputs), bits, small.bytes());
        CHECK(std::abs(correct - 9849) <= (bits == 8 ? 10 : 30));
      }
}
