// What the kernels of an instruction set are made of, and those that need no sums of products of bytes, in the words of
// the vocabulary that has been included before.

#include <pare/kernels/decode.inl>
#include <pare/kernels/decode_bytes.inl>
#include <pare/kernels/parameters.inl>
#include <pare/kernels/tiles.inl>
//
#include <pare/kernels/inputs.inl>
#include <pare/kernels/multiply_float.inl>
//
#include <pare/kernels/elementwise.inl>
