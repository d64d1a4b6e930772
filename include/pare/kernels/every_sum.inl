// The kernels that take sums of products of bytes, for an instruction set that differs in those from its base.

#include <pare/kernels/decode.inl>
#include <pare/kernels/decode_bytes.inl>
#include <pare/kernels/parameters.inl>
#include <pare/kernels/tiles.inl>
//
#include <pare/kernels/multiply_one.inl>
//
#include <pare/kernels/multiply_int8.inl>
#include <pare/kernels/multiply_sparse.inl>

constexpr kernel_table with_these_sums(kernel_table kernels) {
  kernels.multiply_int8 = multiply_int8;
  return kernels;
}
inline constexpr kernel_table kernels = with_these_sums(base::kernels);
