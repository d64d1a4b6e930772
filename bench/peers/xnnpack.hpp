// The peer XNNPACK: fully connected layers in 32-bit floats and in 8-bit integers, and sparse products, which it offers
// as convolutions of 1 x 1.
#pragma once

#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include <pare/tensor/error.hpp>

#include "../product.hpp"
#include "../rotated.hpp"

#if defined(PARE_BENCH_XNNPACK)
#include <xnnpack.h>
#endif

namespace bench {

#if defined(PARE_BENCH_XNNPACK)

namespace xnnpack {

struct deleter {
  void operator()(xnn_operator_t made) const { xnn_delete_operator(made); }
};
using operator_pointer = std::unique_ptr<std::remove_pointer_t<xnn_operator_t>, deleter>;

inline void require(xnn_status status, const char* what) {
  pare::detail::require<pare::error>(status == xnn_status_success, "XNNPACK: ", what, " failed with status ",
                                     static_cast<int>(status));
}

// Inputs, behind which XNNPACK may read, and outputs.
template <class T>
struct buffers {
  std::vector<T> in;
  std::vector<T> out;

  buffers(Eigen::Index inputs, Eigen::Index outputs)
      : in(static_cast<std::size_t>(inputs) + XNN_EXTRA_BYTES / sizeof(T)), out(static_cast<std::size_t>(outputs)) {}
};

// A product with operators that `make` makes and sets up on these buffers.
template <class T, class Make>
product run(std::shared_ptr<buffers<T>> data, double bytes, double operations, Make&& make) {
  require(xnn_initialize(nullptr), "xnn_initialize");
  struct state {
    std::shared_ptr<buffers<T>> data;
    rotated<operator_pointer> operators;
  };
  const auto all = std::make_shared<state>(state{data, {static_cast<std::size_t>(bytes), more_than_caches, make}});
  return {.job = {.library = "XNNPACK",
                  .timed = {[all] { xnn_run_operator(all->operators.next().get(), nullptr); }},
                  .bytes = bytes,
                  .operations = operations}};
}

constexpr float infinity = std::numeric_limits<float>::infinity();

}  // namespace xnnpack

inline product xnnpack_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  using namespace xnnpack;
  const auto data = std::make_shared<buffers<float>>(x.size(), w.rows() * x.cols());
  std::copy_n(x.data(), x.size(), data->in.begin());
  const auto inputs = static_cast<std::size_t>(w.cols()), outputs = static_cast<std::size_t>(w.rows());
  product result = run(data, 4.0 * static_cast<double>(w.size()), operations_of(w, x), [&] {
    xnn_operator_t made = nullptr;
    require(xnn_create_fully_connected_nc_f32(inputs, outputs, inputs, outputs, w.data(), nullptr, -infinity, infinity,
                                              0, &made),
            "xnn_create_fully_connected_nc_f32");
    operator_pointer owned(made);
    require(xnn_setup_fully_connected_nc_f32(made, static_cast<std::size_t>(x.cols()), data->in.data(),
                                             data->out.data(), nullptr),
            "xnn_setup_fully_connected_nc_f32");
    return owned;
  });
  result.answer = [data, rows = w.rows(), batch = x.cols()] {
    return Eigen::MatrixXf(Eigen::Map<const Eigen::MatrixXf>(data->out.data(), rows, batch));
  };
  result.rounding = {.weights = w};
  return result;
}

// Inputs, weights and outputs have one scale each, known beforehand, as in a calibrated network.
inline product xnnpack_int8_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  using namespace xnnpack;
  using codes_type = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const float step = w.cwiseAbs().maxCoeff() / 127, input_step = x.cwiseAbs().maxCoeff() / 127;
  const codes_type codes = (w / step).array().round().cast<std::int8_t>();
  const auto data = std::make_shared<buffers<std::int8_t>>(x.size(), w.rows() * x.cols());
  Eigen::Map<Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic>> inputs(data->in.data(), x.rows(), x.cols());
  inputs = (x / input_step).array().round().cast<std::int8_t>();
  const dense_matrix weights = codes.cast<float>() * step;
  const Eigen::MatrixXf y = weights * (inputs.cast<float>() * input_step);
  const float output_step = y.cwiseAbs().maxCoeff() / 127;
  const auto cols = static_cast<std::size_t>(w.cols()), rows = static_cast<std::size_t>(w.rows());
  product result = run(data, static_cast<double>(w.size()), operations_of(w, x), [&] {
    xnn_operator_t made = nullptr;
    require(xnn_create_fully_connected_nc_qs8(cols, rows, cols, rows, 0, input_step, step, codes.data(), nullptr, 0,
                                              output_step, -128, 127, 0, &made),
            "xnn_create_fully_connected_nc_qs8");
    operator_pointer owned(made);
    require(xnn_setup_fully_connected_nc_qs8(made, static_cast<std::size_t>(x.cols()), data->in.data(),
                                             data->out.data(), nullptr),
            "xnn_setup_fully_connected_nc_qs8");
    return owned;
  });
  result.answer = [data, output_step, outputs = w.rows(), batch = x.cols()]() -> Eigen::MatrixXf {
    const Eigen::Map<const Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic>> out(data->out.data(), outputs,
                                                                                           batch);
    return out.cast<float>() * output_step;
  };
  result.rounding = {.weights = weights,
                     .inputs = inputs.cast<double>() * static_cast<double>(input_step),
                     .output_step = static_cast<double>(output_step)};
  return result;
}

// W's nonzeros only. Samples are the pixels of an image whose channels are the inputs.
inline product xnnpack_sparse_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  using namespace xnnpack;
  const auto data = std::make_shared<buffers<float>>(x.size(), w.rows() * x.cols());
  Eigen::Map<dense_matrix>(data->in.data(), x.rows(), x.cols()) = x;
  const auto cols = static_cast<std::size_t>(w.cols()), rows = static_cast<std::size_t>(w.rows());
  const auto batch = static_cast<std::size_t>(x.cols());
  const double nonzeros = static_cast<double>((w.array() != 0).count());
  // A float and the way to the next input for each nonzero, and how many there are for each output.
  const double bytes = 8 * nonzeros + 4 * static_cast<double>(rows);
  product result = run(data, bytes, 2 * nonzeros * static_cast<double>(batch), [&] {
    xnn_operator_t made = nullptr;
    require(xnn_create_convolution2d_nchw_f32(0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, cols, rows, cols, rows, w.data(),
                                              nullptr, -infinity, infinity, 0, &made),
            "xnn_create_convolution2d_nchw_f32");
    operator_pointer owned(made);
    require(xnn_setup_convolution2d_nchw_f32(made, 1, 1, batch, data->in.data(), data->out.data(), nullptr),
            "xnn_setup_convolution2d_nchw_f32");
    return owned;
  });
  result.answer = [data, outputs = w.rows(), samples = x.cols()] {
    return Eigen::MatrixXf(Eigen::Map<const dense_matrix>(data->out.data(), outputs, samples));
  };
  result.rounding = {.weights = w};
  return result;
}

#else

inline product xnnpack_product(const dense_matrix&, const Eigen::MatrixXf&) {
  return missing_product("XNNPACK", "XNNPACK is not installed");
}
inline product xnnpack_int8_product(const dense_matrix& w, const Eigen::MatrixXf& x) { return xnnpack_product(w, x); }
inline product xnnpack_sparse_product(const dense_matrix& w, const Eigen::MatrixXf& x) { return xnnpack_product(w, x); }

#endif

}  // namespace bench
