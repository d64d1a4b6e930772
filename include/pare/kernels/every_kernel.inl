// All kernels of an instruction set, in the words of the vocabulary that has been included before.

#include <pare/kernels/decode.inl>
#include <pare/kernels/decode_bytes.inl>
#include <pare/kernels/parameters.inl>
#include <pare/kernels/tiles.inl>
//
#include <pare/kernels/multiply_one.inl>
//
#include <pare/kernels/multiply_int8.inl>
#include <pare/kernels/multiply_sparse.inl>
//
#include <pare/kernels/inputs.inl>
#include <pare/kernels/multiply_float.inl>
//
#include <pare/kernels/elementwise.inl>

// By name.
inline constexpr kernel_table kernels = {quantize_inputs, pack_inputs, multiply_int8, multiply_float,
                                         activate,        softmax,     normalize,     add};
