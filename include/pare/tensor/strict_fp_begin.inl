// Opens a region in which floating point means what it says, whatever the flags of the translation unit: no product and
// sum contracted into one rounding, no reassociation. Results that must be the same everywhere are computed inside.
// Closed by strict_fp_end.inl. No include guard: every region includes it again.
//
// clang's -ffast-math fuses in the code generator, where no pragma reaches: code in a region writes std::fma (or the
// vocabulary's fma) wherever a product is added, and lets no other product meet a sum but as rounded(product). clang
// before 16 cannot push floating-point state on AArch64; there -ffast-math is not guarded against.
#if defined(__clang__)
#if defined(__x86_64__) || __clang_major__ >= 16
#pragma float_control(push)
#pragma float_control(precise, on)
#endif
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("no-fast-math", "fp-contract=off")
#endif
