// multiply: y = W x on compressed weights.
#pragma once

#include <pare/kernels/dispatch.hpp>
#include <pare/kernels/inputs.hpp>
#include <pare/tensor/executor.hpp>

namespace pare {
namespace detail {

// Below this many weights times samples a task costs more to hand over than to do.
inline constexpr index_t least_parallel_work = index_t{1} << 17;

// One matrix with samples that lie `x_stride` floats apart, readable to whole vectors; y and bias hold whole panels.
// Packs the inputs into `room`, which was grown for the matrix and batch.
inline void multiply_samples(const packed_matrix& w, const float* bias, const float* x, index_t x_stride, float* y,
                             index_t y_stride, index_t batch, precision inputs, const input_buffer& room,
                             executor* threads) noexcept {
  const kernel_table& kernels = active_kernels();
  const bool int8 = effective_precision(w, inputs) == precision::int8;
  const packed_inputs packed = room.for_matrix(w, batch);
  const index_t panels = w.layout().panels;
  const bool parallel = threads != nullptr && w.rows() * w.cols() >= least_parallel_work / std::max<index_t>(batch, 1);
  executor* const workers = parallel ? threads : nullptr;
  for_each_range(workers, batch, [&](index_t begin, index_t end) {
    const input_arguments arguments{&w, x, x_stride, begin, end, packed};
    int8 ? kernels.quantize_inputs(arguments) : kernels.pack_inputs(arguments);
  });
  for_each_range(workers, panels, [&](index_t begin, index_t end) {
    const multiply_arguments arguments{&w, packed, bias, y, y_stride, batch, begin, end};
    int8 ? kernels.multiply_int8(arguments) : kernels.multiply_float(arguments);
  });
}

}  // namespace detail

struct multiply_options {
  precision inputs = precision::int8;
  executor* threads = nullptr;  // splits the panels; null is the calling thread alone
};

// y = W x for x [cols] or [cols, batch] and y [rows] or [rows, batch], on the packed weights as they are; the bits of y
// depend neither on the instruction set, nor on the batch, nor on the number of threads (kernels/contract.hpp has the
// arithmetic). Allocates scratch memory: `network::run` is the way to multiply without.
// Throws shape_error for extents that do not fit, y untouched. y may be x's storage.
template <tensor_like X, mutable_tensor Y>
void multiply(const packed_matrix& w, const X& x, Y&& y, const multiply_options& options = {}) {
  const auto samples = as_samples(x);
  const auto results = as_samples(y);
  detail::require_samples(samples, w.cols(), results, w.rows());
  active_instruction_set();  // an unknown PARE_ISA is reported here
  const index_t batch = samples.rows();
  const index_t x_stride = detail::round_up(w.cols(), detail::lanes);
  const index_t y_stride = detail::round_up(w.rows(), detail::panel_rows);
  detail::input_buffer room(batch);
  room.grow_for(w, options.inputs);
  room.allocate();
  const auto floats = [](index_t count) { return detail::aligned_array<float>(static_cast<std::size_t>(count)); };
  const auto in = floats(batch * x_stride);
  const auto out = floats(batch * y_stride);
  const auto no_bias = floats(y_stride);
  detail::read_samples(samples, in.get(), x_stride);
  detail::multiply_samples(w, no_bias.get(), in.get(), x_stride, out.get(), y_stride, batch, options.inputs, room,
                           options.threads);
  detail::write_samples(out.get(), y_stride, results);
}

}  // namespace pare
