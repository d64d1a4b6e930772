// rounded: products that stay products, for regions of strict floating point.
#pragma once

namespace pare::detail {

// x, as rounded: clang's -ffast-math makes no fma of it and a sum that it goes into, as no pragma of
// strict_fp_begin.inl keeps it from. Of a float, a double or a vector of them; costs nothing.
template <class T>
T rounded(T x) {
#if defined(__clang__) && defined(__x86_64__)
  asm("" : "+x"(x));
#elif defined(__clang__) && defined(__aarch64__)
  asm("" : "+w"(x));
#endif
  return x;
}

}  // namespace pare::detail
