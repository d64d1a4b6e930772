// The kernels that sum up products of bytes, and the table of all kernels. A target region of its own may bring
// instructions that functions outside of it do not have: what takes function objects is included anew.

#include <pare/kernels/runs.inl>
#include <pare/kernels/tiles.inl>
//
#include <pare/kernels/multiply_planes.inl>
//
#include <pare/kernels/multiply_int8.inl>
#include <pare/kernels/multiply_sparse.inl>

// By name.
inline constexpr kernel_table kernels = {quantize_inputs, pack_inputs, multiply_int8, multiply_float,
                                         activate,        softmax,     normalize,     add};
