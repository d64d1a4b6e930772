// The peer oneDNN: products in 32-bit floats, in 16-bit ones, and of unsigned 8-bit inputs with signed 8-bit weights,
// which lie in memory as oneDNN likes them best.
#pragma once

#include <memory>
#include <unordered_map>

#include "../product.hpp"
#include "../rotated.hpp"

#if defined(PARE_BENCH_ONEDNN)
#include <dlfcn.h>
#include <dnnl.hpp>
#endif

namespace bench {

#if defined(PARE_BENCH_ONEDNN)

namespace onednn {

using dnnl::memory;

// OpenMP's library, whichever oneDNN brings along, is asked by name.
inline void use_one_thread() {
  if (void* const set = dlsym(RTLD_DEFAULT, "omp_set_num_threads")) reinterpret_cast<void (*)(int)>(set)(1);
}

inline const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

inline dnnl::stream& stream() {
  static dnnl::stream stream(cpu());
  return stream;
}

// The same numbers as another type or in another order.
inline memory converted(memory from, const memory::desc& to) {
  memory result(to, cpu());
  dnnl::reorder(from, result).execute(stream(), from, result);
  stream().wait();
  return result;
}

// Numbers of the caller as they lie in memory.
template <class T>
memory viewed(const T* data, const memory::dims& extents, memory::data_type type, memory::format_tag order) {
  return {{extents, type, order}, cpu(), const_cast<T*>(data)};
}

// y = x W', as oneDNN has it: a sample is a row. `arguments` has everything but the weights and y.
inline product run(const dnnl::matmul::primitive_desc& how, const memory& weights,
                   std::unordered_map<int, memory> arguments, rounding rounds) {
  using argument_map = std::unordered_map<int, memory>;
  struct state {
    dnnl::matmul matmul;
    rotated<argument_map> matrices;
    Eigen::MatrixXf y;
  };
  const memory::dims extents = how.dst_desc().dims();
  Eigen::MatrixXf y(extents[1], extents[0]);
  arguments[DNNL_ARG_DST] = memory(how.dst_desc(), cpu(), y.data());
  const std::size_t bytes = how.weights_desc().get_size();
  const double operations = 2.0 * static_cast<double>(y.size()) * static_cast<double>(how.src_desc().dims()[1]);
  rotated<argument_map> matrices(bytes, more_than_caches, [&] {
    argument_map copy = arguments;
    copy[DNNL_ARG_WEIGHTS] = converted(weights, how.weights_desc());
    return copy;
  });
  const auto all =
      std::make_shared<state>(state{dnnl::matmul(how), std::move(matrices), std::move(y)});  // y's data stay in place
  return {.job = {.library = "oneDNN",
                  .timed = {[all] {
                    all->matmul.execute(stream(), all->matrices.next());
                    stream().wait();
                  }},
                  .bytes = static_cast<double>(bytes),
                  .operations = operations},
          .answer = [all] { return all->y; },
          .rounding = std::move(rounds)};
}

// Weights and inputs of one type, outputs of 32 bits.
inline product floats(const dense_matrix& w, const Eigen::MatrixXf& x, memory::data_type type, double relative) {
  constexpr auto f32 = memory::data_type::f32;
  use_one_thread();
  const memory::dims in{x.cols(), w.cols()}, matrix{w.cols(), w.rows()}, out{x.cols(), w.rows()};
  const memory::desc inputs(in, type, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc how(
      {inputs, {matrix, type, memory::format_tag::any}, {out, f32, memory::format_tag::ab}}, cpu());
  return run(how, viewed(w.data(), matrix, f32, memory::format_tag::ba),
             {{DNNL_ARG_SRC, converted(viewed(x.data(), in, f32, memory::format_tag::ab), inputs)}},
             {.weights = w, .relative = relative});
}

}  // namespace onednn

inline product onednn_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  return onednn::floats(w, x, dnnl::memory::data_type::f32, 0);
}

// Both factors are rounded to 8 significant bits, each by at most 2^-8 of itself.
inline product onednn_bf16_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  try {
    return onednn::floats(w, x, dnnl::memory::data_type::bf16, 0x1p-7 + 0x1p-16);
  } catch (const dnnl::error& problem) {
    if (problem.status != dnnl_unimplemented) throw;
    return missing_product("oneDNN", "oneDNN has no bf16 on this CPU");
  }
}

// With inputs that were quantized before, by a scale known beforehand, as in a calibrated network: x is
// step · (code - 64), and what the 64 add to the sums goes into the bias, which is
// scaled as they are. Weights have a scale per row. Inputs have 7 bits:
// without VNNI oneDNN adds two products in 16 bits, which 8 would overflow.
inline product onednn_int8_product(const dense_matrix& w, const Eigen::MatrixXf& x) {
  using namespace onednn;
  using type = memory::data_type;
  constexpr int zero = 64, top = 63;
  use_one_thread();
  const Eigen::VectorXf scales = w.cwiseAbs().rowwise().maxCoeff() / 127.0f;
  const float step = x.cwiseAbs().maxCoeff() / float{top};
  using codes_type = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const dense_matrix levels = scales.cwiseInverse().asDiagonal() * w;
  const codes_type codes = levels.array().round().cast<std::int8_t>();
  Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic> inputs =
      ((x / step).array().round() + float{zero}).cast<std::uint8_t>();
  const Eigen::VectorXf output_scales = scales * step;
  Eigen::VectorXf bias = -float{zero} * codes.cast<std::int32_t>().rowwise().sum().cast<float>();

  const memory::dims in{x.cols(), w.cols()}, matrix{w.cols(), w.rows()}, out{x.cols(), w.rows()}, row{1, w.rows()};
  dnnl::primitive_attr attributes;
  attributes.set_output_scales(1 << 1, {output_scales.begin(), output_scales.end()});
  constexpr auto by_rows = memory::format_tag::ab;
  const dnnl::matmul::primitive_desc how({{in, type::u8, by_rows},
                                          {matrix, type::s8, memory::format_tag::any},
                                          {row, type::f32, by_rows},
                                          {out, type::f32, by_rows}},
                                         attributes, cpu());
  // What the caller has is copied, for it goes out of scope.
  return run(how, viewed(codes.data(), matrix, type::s8, memory::format_tag::ba),
             {{DNNL_ARG_SRC, converted(viewed(inputs.data(), in, type::u8, by_rows), {in, type::u8, by_rows})},
              {DNNL_ARG_BIAS, converted(viewed(bias.data(), row, type::f32, by_rows), {row, type::f32, by_rows})}},
             {.weights = scales.asDiagonal() * codes.cast<float>(),
              .inputs = (inputs.cast<double>().array() - zero) * static_cast<double>(step)});
}

#else

inline product onednn_product(const dense_matrix&, const Eigen::MatrixXf&) {
  return missing_product("oneDNN", "oneDNN is not installed");
}
inline product onednn_bf16_product(const dense_matrix& w, const Eigen::MatrixXf& x) { return onednn_product(w, x); }
inline product onednn_int8_product(const dense_matrix& w, const Eigen::MatrixXf& x) { return onednn_product(w, x); }

#endif

}  // namespace bench
