// Closes the region opened by strict_fp_begin.inl.
#if defined(__clang__)
#if defined(__x86_64__) || __clang_major__ >= 16
#pragma float_control(pop)
#endif
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
