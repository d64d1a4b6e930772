// One number for the outputs of everything that runs: the same for every instruction set, CPU, compiler and flag.
// The second line names the instruction set in use; PARE_ISA asks for another one.

#include <cstdio>

#include <pare/pare.hpp>

using matrix = Eigen::MatrixXf;

// Numbers that depend on the shape alone, by integer arithmetic: multiples of 1/1024 in [-4, 4) of different sizes.
matrix numbers(pare::index_t rows, pare::index_t cols, unsigned percent_zero = 0) {
  std::uint64_t state = static_cast<std::uint64_t>(rows * 1000 + cols);
  matrix filled(rows, cols);
  for (float& x : filled.reshaped()) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const int number = (static_cast<int>(state >> 51) - 4096) >> (state >> 40 & 7);
    x = (state >> 33) % 100 < percent_zero ? 0.0f : static_cast<float>(number) / 1024.0f;
  }
  return filled;
}

// FNV-1a over the bits of all outputs.
std::uint64_t hash = 0xcbf29ce484222325u;

void add(const matrix& y) {
  for (const float x : y.reshaped())
    for (int shift = 0; shift < 32; shift += 8)
      hash = (hash ^ (std::bit_cast<std::uint32_t>(x) >> shift & 255)) * 0x100000001b3u;
}

void add(const pare::packed_matrix& w, const matrix& x) {
  for (const auto inputs : {pare::precision::int8, pare::precision::float32}) {
    matrix y(w.rows(), x.cols());
    pare::multiply(w, x, y, {.inputs = inputs});
    add(y);
  }
}

void add(const pare::quantized_codes& codes, const matrix& x) {
  add(pack(codes), x);
  const bool has_zero = codes.bits > 1 || codes.has_codebook();
  if (codes.scheme != pare::scheme::symmetric || !has_zero) return;
  add(pack(codes, pare::encoding::bitmap), x);
  const auto& levels = codes.levels;
  const bool fills = !codes.has_codebook() || std::find(levels.begin(), levels.end(), 0) != levels.end();
  if (!fills) return;
  add(pack(codes, pare::encoding::sparse), x);
  add(pack(codes, pare::encoding::very_sparse), x);
}

void add(const pare::network& net, const matrix& x) {
  pare::workspace room = net.workspace(x.cols());
  matrix y(net.outputs(), x.cols());
  net.run(x, y, room);
  add(y);
}

void add_products(const matrix& w, const matrix& x) {
  add(pare::pack_dense(w), x);
  add(pare::pack_dense(w, pare::float_format::bfloat16), x);
  for (const pare::index_t group : {13, 16, 32, 64, 100, 1000})
    for (int bits = 1; bits <= 8; ++bits) {
      const auto range = group == 32 ? pare::range::squared_error : pare::range::min_max;
      for (const auto scheme : {pare::scheme::symmetric, pare::scheme::asymmetric, pare::scheme::two_level})
        add(pare::quantize_codes(w, {.bits = bits, .scheme = scheme, .group_size = group, .range = range}), x);
      const pare::quantize_options options{.bits = bits, .group_size = group, .range = range};
      add(pare::quantize_codes(w, bits == 4 ? pare::nf4() : pare::fit_codebook(w, options), options), x);
    }
}

void add_networks(const matrix& x) {
  for (const pare::activation function : pare::activations) add(pare::network(x.rows()).add(function), x);
  pare::network net(37);
  net.add(pare::linear(pare::quantize(numbers(37, 37), {.bits = 5}), numbers(37, 1))).add(pare::activation::gelu);
  net.add(pare::residual{0}).add(pare::layer_norm(numbers(37, 1), numbers(37, 1)));
  net.add(pare::linear(pare::quantize(numbers(50, 37, 80), {.bits = 3}, pare::encoding::bitmap), numbers(50, 1)));
  net.add(pare::activation::silu).add(pare::rms_norm(numbers(50, 1)));
  net.add(pare::linear(pare::pack_dense(numbers(9, 50)))).add(pare::activation::softmax);
  add(net, x);
  add(quantize(net, {.bits = 4, .scheme = pare::scheme::two_level}), x);
}

int main() {
  for (const auto& [rows, cols, batch] : {std::array{1, 1, 1}, {5, 13, 3}, {16, 64, 4}, {17, 70, 2}, {35, 131, 9}})
    add_products(numbers(rows, cols, 50), numbers(cols, batch));
  add_networks(numbers(37, 5));
  std::printf("%016llx\n%s\n", static_cast<unsigned long long>(hash), name(pare::active_instruction_set()).data());
}
