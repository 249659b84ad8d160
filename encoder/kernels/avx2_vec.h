// Vec of this level: 8 floats. Included by the level's files inside their unnamed namespace; hence neither include guard nor
// includes.

using Vec = __m256;
constexpr std::size_t kWidth = 8;

inline __m256i first_lanes(std::size_t count) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), lanes);
}
inline Vec v_zero() {
  return _mm256_setzero_ps();
}
inline Vec v_set(float value) {
  return _mm256_set1_ps(value);
}
inline Vec v_load(const float* from) {
  return _mm256_loadu_ps(from);
}
inline void v_store(float* to, Vec value) {
  _mm256_storeu_ps(to, value);
}
inline Vec v_load_partial(const float* from, std::size_t count) {
  return _mm256_maskload_ps(from, first_lanes(count));
}
inline void v_store_partial(float* to, Vec value, std::size_t count) {
  _mm256_maskstore_ps(to, first_lanes(count), value);
}
inline Vec v_add(Vec a, Vec b) {
  return _mm256_add_ps(a, b);
}
inline Vec v_sub(Vec a, Vec b) {
  return _mm256_sub_ps(a, b);
}
inline Vec v_mul(Vec a, Vec b) {
  return _mm256_mul_ps(a, b);
}
inline Vec v_div(Vec a, Vec b) {
  return _mm256_div_ps(a, b);
}
inline Vec v_fma(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Vec v_max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
inline Vec v_min(Vec a, Vec b) {
  return _mm256_min_ps(a, b);
}
inline Vec v_round(Vec a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec v_power_of_two(Vec exponent) {
  const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
inline float v_sum(Vec a) {
  const __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
}
inline float v_max_element(Vec a) {
  const __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 quarter = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(quarter, _mm_movehdup_ps(quarter)));
}
inline Vec v_abs(Vec a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a);
}
// One stage of the Hadamard transform: sums in the lower half of each pair of lanes, differences in the upper one. The products by
// one round nothing.
inline Vec v_butterfly_1(Vec a) {
  const Vec signs = _mm256_setr_ps(1, -1, 1, -1, 1, -1, 1, -1);
  return _mm256_fmadd_ps(a, signs, _mm256_permute_ps(a, 0xB1));
}
inline Vec v_butterfly_2(Vec a) {
  const Vec signs = _mm256_setr_ps(1, 1, -1, -1, 1, 1, -1, -1);
  return _mm256_fmadd_ps(a, signs, _mm256_permute_ps(a, 0x4E));
}
inline Vec v_butterfly_4(Vec a) {
  const Vec signs = _mm256_setr_ps(1, 1, 1, 1, -1, -1, -1, -1);
  return _mm256_fmadd_ps(a, signs, _mm256_permute2f128_ps(a, a, 1));
}
inline Vec v_butterfly_8(Vec a) {
  return a;
}
// Rounded to whole numbers, ties to even; value + offset fits a byte.
inline void v_store_codes(std::uint8_t* to, Vec value, int offset) {
  const __m256i codes = _mm256_add_epi32(_mm256_cvtps_epi32(value), _mm256_set1_epi32(offset));
  const __m256i first_bytes = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1,
                                               -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i bytes = _mm256_shuffle_epi8(codes, first_bytes);
  const __m128i packed = _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), packed);
}
// a * 2^exponent for whole exponents; below 2^-126 the exponent counts as -126.
inline Vec v_times_power_of_two(Vec a, Vec exponent) {
  return _mm256_mul_ps(a, v_power_of_two(_mm256_max_ps(exponent, _mm256_set1_ps(-126.0F))));
}
// In place: lane l of rows[r] becomes lane r of rows[l].
inline void v_transpose(Vec (&rows)[kWidth]) {
  Vec pairs[kWidth];
  for (std::size_t i = 0; i < kWidth; i += 4) {
    const Vec low = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    const Vec high = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    const Vec next_low = _mm256_unpacklo_ps(rows[i + 2], rows[i + 3]);
    const Vec next_high = _mm256_unpackhi_ps(rows[i + 2], rows[i + 3]);
    pairs[i] = _mm256_shuffle_ps(low, next_low, 0x44);
    pairs[i + 1] = _mm256_shuffle_ps(low, next_low, 0xEE);
    pairs[i + 2] = _mm256_shuffle_ps(high, next_high, 0x44);
    pairs[i + 3] = _mm256_shuffle_ps(high, next_high, 0xEE);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    rows[i] = _mm256_permute2f128_ps(pairs[i], pairs[i + 4], 0x20);
    rows[i + 4] = _mm256_permute2f128_ps(pairs[i], pairs[i + 4], 0x31);
  }
}
// Integers, one a float.
using IntVec = __m256i;
inline IntVec i_zero() {
  return _mm256_setzero_si256();
}
inline IntVec i_set(std::int32_t value) {
  return _mm256_set1_epi32(value);
}
inline IntVec i_load(const std::int32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
inline void i_store(std::int32_t* to, IntVec value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), value);
}
inline Vec i_to_floats(IntVec value) {
  return _mm256_cvtepi32_ps(value);
}
// Both rounded to 16 bits, ties to even: lane by lane the first in the lower half, the second in the upper one.
inline IntVec i_round_to_pairs(Vec low, Vec high) {
  const __m256i lower = _mm256_and_si256(_mm256_cvtps_epi32(low), _mm256_set1_epi32(0xFFFF));
  return _mm256_or_si256(lower, _mm256_slli_epi32(_mm256_cvtps_epi32(high), 16));
}
inline void v_store_int16(std::int16_t* to, Vec value) {
  const __m256i whole = _mm256_cvtps_epi32(value);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1)));
}
