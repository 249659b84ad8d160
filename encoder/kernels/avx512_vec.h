// Vec of this level: 16 floats. Included by the level's files inside their unnamed namespace; hence neither include guard nor
// includes.

using Vec = __m512;
constexpr std::size_t kWidth = 16;

inline __mmask16 first_lanes(std::size_t count) {
  return static_cast<__mmask16>((1U << count) - 1U);
}
inline Vec v_zero() {
  return _mm512_setzero_ps();
}
inline Vec v_set(float value) {
  return _mm512_set1_ps(value);
}
inline Vec v_load(const float* from) {
  return _mm512_loadu_ps(from);
}
inline void v_store(float* to, Vec value) {
  _mm512_storeu_ps(to, value);
}
inline Vec v_load_partial(const float* from, std::size_t count) {
  return _mm512_maskz_loadu_ps(first_lanes(count), from);
}
inline void v_store_partial(float* to, Vec value, std::size_t count) {
  _mm512_mask_storeu_ps(to, first_lanes(count), value);
}
inline Vec v_add(Vec a, Vec b) {
  return _mm512_add_ps(a, b);
}
inline Vec v_sub(Vec a, Vec b) {
  return _mm512_sub_ps(a, b);
}
inline Vec v_mul(Vec a, Vec b) {
  return _mm512_mul_ps(a, b);
}
inline Vec v_div(Vec a, Vec b) {
  return _mm512_div_ps(a, b);
}
inline Vec v_fma(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}
inline Vec v_max(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
inline Vec v_min(Vec a, Vec b) {
  return _mm512_min_ps(a, b);
}
inline Vec v_round(Vec a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Vec v_power_of_two(Vec exponent) {
  const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(exponent), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
}
inline float v_sum(Vec a) {
  return _mm512_reduce_add_ps(a);
}
inline float v_max_element(Vec a) {
  return _mm512_reduce_max_ps(a);
}
inline Vec v_abs(Vec a) {
  return _mm512_abs_ps(a);
}
// One stage of the Hadamard transform: sums in the lower half of each pair of lanes, differences in the upper one. The products by
// one round nothing.
inline Vec v_butterfly_1(Vec a) {
  const Vec signs = _mm512_setr_ps(1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1);
  return _mm512_fmadd_ps(a, signs, _mm512_permute_ps(a, 0xB1));
}
inline Vec v_butterfly_2(Vec a) {
  const Vec signs = _mm512_setr_ps(1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1);
  return _mm512_fmadd_ps(a, signs, _mm512_permute_ps(a, 0x4E));
}
inline Vec v_butterfly_4(Vec a) {
  const Vec signs = _mm512_setr_ps(1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1);
  return _mm512_fmadd_ps(a, signs, _mm512_shuffle_f32x4(a, a, 0xB1));
}
inline Vec v_butterfly_8(Vec a) {
  const Vec signs = _mm512_setr_ps(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);
  return _mm512_fmadd_ps(a, signs, _mm512_shuffle_f32x4(a, a, 0x4E));
}
// Rounded to whole numbers, ties to even; value + offset fits a byte.
inline void v_store_codes(std::uint8_t* to, Vec value, int offset) {
  const __m512i codes = _mm512_add_epi32(_mm512_cvtps_epi32(value), _mm512_set1_epi32(offset));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(codes));
}
// a * 2^exponent for whole exponents; what is too small becomes zero.
inline Vec v_times_power_of_two(Vec a, Vec exponent) {
  return _mm512_scalef_ps(a, exponent);
}
// In place: lane l of rows[r] becomes lane r of rows[l].
inline void v_transpose(Vec (&rows)[kWidth]) {
  Vec pairs[kWidth];
  for (std::size_t i = 0; i < kWidth; i += 4) {
    const Vec low = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    const Vec high = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    const Vec next_low = _mm512_unpacklo_ps(rows[i + 2], rows[i + 3]);
    const Vec next_high = _mm512_unpackhi_ps(rows[i + 2], rows[i + 3]);
    pairs[i] = _mm512_shuffle_ps(low, next_low, 0x44);
    pairs[i + 1] = _mm512_shuffle_ps(low, next_low, 0xEE);
    pairs[i + 2] = _mm512_shuffle_ps(high, next_high, 0x44);
    pairs[i + 3] = _mm512_shuffle_ps(high, next_high, 0xEE);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const Vec even = _mm512_shuffle_f32x4(pairs[i], pairs[i + 4], 0x88);
    const Vec odd = _mm512_shuffle_f32x4(pairs[i], pairs[i + 4], 0xDD);
    const Vec next_even = _mm512_shuffle_f32x4(pairs[i + 8], pairs[i + 12], 0x88);
    const Vec next_odd = _mm512_shuffle_f32x4(pairs[i + 8], pairs[i + 12], 0xDD);
    rows[i] = _mm512_shuffle_f32x4(even, next_even, 0x88);
    rows[i + 8] = _mm512_shuffle_f32x4(even, next_even, 0xDD);
    rows[i + 4] = _mm512_shuffle_f32x4(odd, next_odd, 0x88);
    rows[i + 12] = _mm512_shuffle_f32x4(odd, next_odd, 0xDD);
  }
}
// Integers, one a float.
using IntVec = __m512i;
inline IntVec i_zero() {
  return _mm512_setzero_si512();
}
inline IntVec i_set(std::int32_t value) {
  return _mm512_set1_epi32(value);
}
inline IntVec i_load(const std::int32_t* from) {
  return _mm512_loadu_si512(from);
}
inline void i_store(std::int32_t* to, IntVec value) {
  _mm512_storeu_si512(to, value);
}
inline Vec i_to_floats(IntVec value) {
  return _mm512_cvtepi32_ps(value);
}
// Both rounded to 16 bits, ties to even: lane by lane the first in the lower half, the second in the upper one.
inline IntVec i_round_to_pairs(Vec low, Vec high) {
  const __m512i lower = _mm512_and_si512(_mm512_cvtps_epi32(low), _mm512_set1_epi32(0xFFFF));
  return _mm512_or_si512(lower, _mm512_slli_epi32(_mm512_cvtps_epi32(high), 16));
}
inline void v_store_int16(std::int16_t* to, Vec value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(value)));
}
