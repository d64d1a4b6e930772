// Products on packed matrices, as a layer of a network runs them.
#pragma once

#include <cstring>
#include <memory>

#include <pare/nn/network.hpp>
#include <pare/nn/quantize.hpp>
#include <pare/quantize/affine.hpp>
#include <pare/storage/unpack.hpp>

#include "product.hpp"
#include "rotated.hpp"

namespace bench {

struct packed_options {
  pare::precision inputs = pare::precision::int8;
  pare::encoding as = pare::encoding::codes;
  std::size_t least_bytes = more_than_caches;
  pare::executor* threads = nullptr;
};

// The same bytes once more, somewhere else in memory.
inline pare::packed_matrix copy_of(const pare::packed_matrix& m) {
  pare::detail::buffer_writer bytes(m.bytes().size());
  std::memcpy(bytes.data(), m.bytes().data(), m.bytes().size());
  return {m.rows(), m.cols(), m.format(), std::move(bytes).finish()};
}

// Inputs [cols, batch] as a multiply rounds them to 8 bits, in groups of columns: multiples of max|x| / 127.
inline Eigen::MatrixXd rounded_inputs(const Eigen::MatrixXf& x, pare::index_t group_size) {
  Eigen::MatrixXd rounded = Eigen::MatrixXd::Zero(x.rows(), x.cols());
  for (pare::index_t sample = 0; sample < x.cols(); ++sample)
    for (pare::index_t col = 0; col < x.rows(); col += group_size) {
      const pare::index_t count = std::min(group_size, x.rows() - col);
      const auto group = x.col(sample).segment(col, count);
      const float largest = group.cwiseAbs().maxCoeff();
      if (largest == 0) continue;
      const Eigen::VectorXf codes = (group * (127.0f / largest)).array().rint();
      rounded.col(sample).segment(col, count) = codes.cast<double>() * static_cast<double>(largest / 127.0f);
    }
  return rounded;
}

inline product packed_product(const pare::packed_matrix& w, const Eigen::MatrixXf& x, const packed_options& how,
                              rounding rounds) {
  struct state {
    rotated<pare::network> networks;
    Eigen::MatrixXf x, y;
    pare::workspace room;
  };
  rotated<pare::network> networks(w.bytes().size(), how.least_bytes, [&] {
    pare::network net(w.cols());
    net.add(pare::linear(copy_of(w), how.inputs));
    return net;
  });
  pare::workspace room = networks.next().workspace(x.cols());
  const auto all =
      std::make_shared<state>(state{std::move(networks), x, Eigen::MatrixXf(w.rows(), x.cols()), std::move(room)});
  const double nonzeros = static_cast<double>((rounds.weights.array() != 0).count());
  const bool all_stored = !leaves_out_zeros(how.as);
  const double operations =
      all_stored ? operations_of(rounds.weights, x) : 2 * nonzeros * static_cast<double>(x.cols());
  return {
      .job = {.library = "pare",
              .timed = {[all, threads = how.threads] { all->networks.next().run(all->x, all->y, all->room, threads); }},
              .bytes = static_cast<double>(w.bytes().size()),
              .operations = operations},
      .answer = [all] { return all->y; },
      .rounding = std::move(rounds)};
}

// With weights that are floats.
inline product float_product(const dense_matrix& w, const Eigen::MatrixXf& x, pare::float_format as,
                             const packed_options& how = {}) {
  const pare::packed_matrix packed = pare::pack_dense(w, as);
  rounding rounds{.weights = dense_matrix(w.rows(), w.cols())};
  dequantize(packed, rounds.weights);
  return packed_product(packed, x, how, std::move(rounds));
}

// With quantized weights: those that the codes stand for.
inline product quantized_product(const pare::quantized_codes& q, const Eigen::MatrixXf& x,
                                 const packed_options& how = {}) {
  rounding rounds{.weights = dense_matrix(q.rows, q.cols)};
  dequantize(q, rounds.weights);
  // A weight of two levels is step · code + offset, and |step · code| <= |weight| + |offset|.
  if (q.scheme == pare::scheme::two_level) {
    rounds.parts = rounds.weights.cwiseAbs();
    for (pare::index_t row = 0; row < q.rows; ++row)
      for (pare::index_t col = 0; col < q.cols; ++col) {
        const auto group = static_cast<std::size_t>(row * q.groups() + col / q.group_size);
        const float offset = q.offset_unit[static_cast<std::size_t>(row)] * static_cast<float>(q.offset[group]);
        rounds.parts(row, col) += 2 * std::fabs(offset);
      }
  }
  if (how.inputs == pare::precision::int8) rounds.inputs = rounded_inputs(x, q.group_size);
  return packed_product(pack(q, how.as), x, how, std::move(rounds));
}

}  // namespace bench
