// What check_vector_code.sh must find: a vector instruction outside of the namespace of its instruction set.
#include <immintrin.h>

namespace pare::detail::baseline {
namespace avx2 {
__attribute__((target("avx2"))) void inside(float* x) { _mm256_storeu_ps(x, _mm256_set1_ps(x[0])); }
}  // namespace avx2
__attribute__((target("avx2"))) void outside(float* x) { _mm256_storeu_ps(x, _mm256_set1_ps(x[0])); }
}  // namespace pare::detail::baseline
