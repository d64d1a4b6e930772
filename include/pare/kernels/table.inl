// The kernels of one instruction set, by name.

inline const kernel_table& table() noexcept {
  static constexpr kernel_table kernels = {quantize_inputs, pack_inputs, multiply_int8, multiply_float,
                                           activate,        softmax,     normalize,     add};
  return kernels;
}
