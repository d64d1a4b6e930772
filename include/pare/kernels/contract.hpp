// What a kernel is given and what it promises. The same for every instruction set, and the same bits out of every one.
#pragma once

#include <pare/kernels/activation.hpp>
#include <pare/storage/packed_matrix.hpp>

namespace pare::detail {

// Inputs of a multiply, packed to the steps of a matrix: every group of columns is padded with zeros to whole steps of
// 4, so that sample b, step s, column c lies at [b · stride + 4 s + c]. Either quantized to 8 bits or as floats. What
// there is one of per group may be read for up to 16 samples more than there are.
struct packed_inputs {
  index_t stride = 0;                 // elements between samples, a multiple of 64
  std::int8_t* codes = nullptr;       // -127 to 127
  float* values = nullptr;            // the inputs themselves
  index_t samples = 0;                // elements between groups, the batch
  float* scales = nullptr;            // [groups, samples] of codes
  std::int32_t* zero_sums = nullptr;  // [groups, samples]: -zero · sum of the codes of a group; zero is the zero level,
                                      // or 1 where every group of weights has a zero point of its own
  float* value_sums = nullptr;  // [groups, samples]: scale · sum of the codes, or the sum of the values
};

// x [batch, cols] with x_stride floats between samples; x is readable, in multiples of 16 floats, beyond cols.
//   quantize_inputs  a = max |x| of the group, scale = a / 127, code = round_to_even(x · (127 / a)); a group whose a is
//                    below 2^-100 becomes zero, one with NaN or infinity gets a scale that makes outputs NaN or
//                    infinite
//   pack_inputs      values, and their sums over 16 lanes (lane i holds every 16th) folded in halves: 8, 4, 2, 1
struct input_arguments {
  const packed_matrix* weights;
  const float* x;
  index_t x_stride;
  index_t sample_begin;
  index_t sample_end;
  packed_inputs packed;
};

// y[b, r] = bias[r] + sum_c W[r, c] x[b, c] for the rows of panels [panel_begin, panel_end) and all of the batch.
// `bias` and each sample of y have room for whole panels of 16 rows; rows that are padding come out as their bias.
//
// Exactly, for one row, with fma(a, b, c) rounded once and groups g in ascending order:
//   multiply_int8   d_g = sum (level - zero) · code                          in integers
//                   acc = fma(d_g, scale_g · input_scale_g, acc)
//   multiply_float  t_j = fma(level - zero, x, t_j) over the columns with column mod 2 = j in their group, ascending
//                   acc = fma(t_0 + t_1, scale_g, acc)
//   both            off = fma(offset_g, value_sum_g, off)                     two_level only
//   both            y   = fma(acc, unit, bias), or fma(acc, unit, fma(off, offset_unit, bias)) with two_level
//   dense           t_j likewise over the whole row of weights; y = (t_0 + t_1) + bias
// No kernel allocates, locks or throws; y does not overlap the inputs.
struct multiply_arguments {
  const packed_matrix* weights;
  packed_inputs x;
  const float* bias;
  float* y;
  index_t y_stride;
  index_t batch;
  index_t panel_begin;
  index_t panel_end;
};

// Normalization of samples [n] in place: layer norm (x - mean) / sqrt(variance + epsilon) · gain + shift, RMS norm
// x / sqrt(mean of x^2 + epsilon) · gain. Sums run over 16 lanes, folded as in pack_inputs.
struct normalize_arguments {
  float* x;
  index_t stride;
  index_t samples;
  index_t n;
  const float* gain;   // [n], padded to whole vectors of 16
  const float* shift;  // likewise; null for RMS norm, which also does not subtract the mean
  float epsilon;
};

// Functions of one instruction set.
struct kernel_table {
  void (*quantize_inputs)(const input_arguments&) noexcept;
  void (*pack_inputs)(const input_arguments&) noexcept;
  void (*multiply_int8)(const multiply_arguments&) noexcept;
  void (*multiply_float)(const multiply_arguments&) noexcept;
  // f(x) for x [count], a multiple of 16, in place; any function but softmax.
  void (*activate)(activation, float alpha, float* x, index_t count) noexcept;
  // softmax of each sample [n] in place; x is readable and writable up to a multiple of 16.
  void (*softmax)(float* x, index_t stride, index_t samples, index_t n) noexcept;
  void (*normalize)(const normalize_arguments&) noexcept;
  // x += y for [count], a multiple of 16.
  void (*add)(float* x, const float* y, index_t count) noexcept;
};

}  // namespace pare::detail
