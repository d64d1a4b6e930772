// The hot loop: one network shared by threads, each with a workspace of its own. No allocation, no lock, no exception.

#include <cstdio>
#include <thread>
#include <vector>

#include <pare/pare.hpp>

int main() {
  const pare::network net = quantize(to_network(pare::make_mlp({32, 64, 64, 4}, 1)), {.bits = 4});
  constexpr int threads = 4;
  constexpr int frames = 1000;

  std::vector<Eigen::VectorXf> last(threads);
  std::vector<std::thread> crew;
  for (int number = 0; number < threads; ++number)
    crew.emplace_back([&net, &y = last[static_cast<std::size_t>(number)]] {
      // Set-up, where allocating is fine.
      pare::workspace room = net.workspace(1);
      Eigen::VectorXf x = Eigen::VectorXf::Constant(net.inputs(), 0.5f);
      y.resize(net.outputs());

      // The loop: what comes out steers what goes in.
      for (int frame = 0; frame < frames; ++frame) {
        net.run(x, y, room);
        x(frame % x.size()) = y.sum() < 0.0f ? 0.25f : 0.75f;
      }
    });
  for (std::thread& each : crew) each.join();

  bool same = true;
  for (const Eigen::VectorXf& y : last) same = same && y == last.front();
  std::printf("%d threads ran %d frames each and %s\n", threads, frames, same ? "agree to the bit" : "DISAGREE");
  return same ? 0 : 1;
}
