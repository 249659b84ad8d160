// The AVX-VNNI kernels compiled to AVX-512's encoding of the same instruction, so that their logic is tested on CPUs with AVX-512
// too.

#include <immintrin.h>  // before its names are changed

#define _mm256_dpbusd_avx_epi32 _mm256_dpbusd_epi32
#define _mm256_dpwssd_avx_epi32 _mm256_dpwssd_epi32
#define kInt8KernelsAvxVnni kInt8KernelsAvxVnniEvex

#include "encoder/kernels/avxvnni_int8.cpp"
