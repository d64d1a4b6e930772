// A program that loads a network and runs it, whose compile time is tested.
#include <pare/pare.hpp>

#include <cstdio>

int main(int, char** arguments) {
  const pare::network net = pare::load(arguments[1]);
  const Eigen::VectorXf x = Eigen::VectorXf::Ones(net.inputs());
  Eigen::VectorXf y(net.outputs());
  pare::workspace room = net.workspace(1);
  net.run(x, y, room);
  for (const float value : y) std::printf("%g\n", static_cast<double>(value));
}
