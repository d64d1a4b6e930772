// Products with weights that come from memory: more copies of a matrix than the caches hold, taken in turn.
#pragma once

#include <cstring>
#include <vector>

#include <pare/kernels/multiply.hpp>
#include <pare/nn/network.hpp>

namespace bench {

// Copies in turn, so many that they are `least_bytes` in all; 0 for one that stays in the caches.
template <class Matrix>
class rotated {
 public:
  template <class Copy>
  rotated(std::size_t bytes_each, std::size_t least_bytes, Copy&& copy) {
    do {
      matrices_.push_back(copy());
    } while (matrices_.size() * bytes_each < least_bytes);
  }

  const Matrix& next() {
    next_ = next_ + 1 == matrices_.size() ? 0 : next_ + 1;
    return matrices_[next_];
  }

 private:
  std::vector<Matrix> matrices_;
  std::size_t next_ = 0;
};

// The same bytes once more, somewhere else in memory.
inline pare::packed_matrix copy_of(const pare::packed_matrix& m) {
  pare::detail::buffer_writer bytes(m.bytes().size());
  std::memcpy(bytes.data(), m.bytes().data(), m.bytes().size());
  return {m.rows(), m.cols(), m.format(), std::move(bytes).finish()};
}

// y = W x as a layer of a network does it.
class packed_product {
 public:
  packed_product(const pare::packed_matrix& w, const Eigen::MatrixXf& x, pare::precision inputs,
                 std::size_t least_bytes, pare::executor* threads = nullptr)
      : x_(x),
        y_(w.rows(), x.cols()),
        threads_(threads),
        bytes_(static_cast<double>(w.bytes().size())),
        networks_(w.bytes().size(), least_bytes,
                  [&] {
                    pare::network net(w.cols());
                    net.add(pare::linear(copy_of(w), inputs));
                    return net;
                  }),
        room_(networks_.next().workspace(x.cols())) {}

  void operator()() { networks_.next().run(x_, y_, room_, threads_); }

  double bytes() const { return bytes_; }  // that one product reads of W
  double operations() const { return 2.0 * static_cast<double>(y_.rows() * x_.rows() * x_.cols()); }
  const Eigen::MatrixXf& y() const { return y_; }

 private:
  Eigen::MatrixXf x_;
  Eigen::MatrixXf y_;
  pare::executor* threads_;
  double bytes_;
  rotated<pare::network> networks_;
  pare::workspace room_;
};

}  // namespace bench
