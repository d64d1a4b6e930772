// What check_vector_code.sh must find: vector instructions outside of the namespaces of their instruction sets.
#include <immintrin.h>

namespace pare::detail::baseline {
namespace avx2 {
__attribute__((target("avx2"))) void inside(float* x) { _mm256_storeu_ps(x, _mm256_set1_ps(x[0])); }
__attribute__((target("avx2,avxvnni"))) void too_new(__m256i* x) { *x = _mm256_dpbusd_avx_epi32(*x, *x, *x); }
namespace vnni {
__attribute__((target("avx2,avxvnni"))) void inside_too(__m256i* x) { *x = _mm256_dpbusd_avx_epi32(*x, *x, *x); }
}  // namespace vnni
}  // namespace avx2
__attribute__((target("avx2"))) void outside(float* x) { _mm256_storeu_ps(x, _mm256_set1_ps(x[0])); }
}  // namespace pare::detail::baseline
