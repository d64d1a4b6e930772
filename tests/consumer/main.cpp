// Quantizes a matrix, multiplies with it and loads it from a file, in a project that knows nothing of pare but its
// package.
#include <pare/pare.hpp>

#include <cstdio>
#include <string>

pare::index_t weights_kept(Eigen::MatrixXf& w);

int main(int, char** arguments) {
  Eigen::MatrixXf w = Eigen::MatrixXf::Random(32, 64);
  const Eigen::VectorXf x = Eigen::VectorXf::Random(64);
  Eigen::VectorXf y(32);

  const auto q = pare::quantize(w, {.bits = 8, .group_size = 32});
  pare::multiply(q, x, y);
  const float error = (y - w * x).norm() / (w * x).norm();

  pare::network net(64);
  net.add(pare::linear(q));
  const std::string file = std::string(arguments[0]) + ".pare";
  std::remove(file.c_str());
  pare::save(net, file);
  pare::verify(file);
  Eigen::VectorXf again(32);
  pare::workspace room = net.workspace(1);
  pare::load(file).run(x, again, room);

  const pare::index_t kept = weights_kept(w);
  std::printf("8 bits: relative error %.4f; pruned: %td of 2048 weights kept\n", static_cast<double>(error), kept);

  // Rounding to 8 bits changes weights and inputs of random signs by about 1 / (127 sqrt(12)) of the largest each.
  return error < 0.02f && again == y && kept == 1024 ? 0 : 1;
}
