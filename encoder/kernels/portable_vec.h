// Vec of this level: 4 floats as the compiler's vector extension. Included by the level's files inside their unnamed namespace;
// hence neither include guard nor includes.

using Vec = float __attribute__((vector_size(16)));
using IntVec = std::int32_t __attribute__((vector_size(16)));
constexpr std::size_t kWidth = 4;

inline Vec v_zero() {
  return Vec{};
}
inline Vec v_set(float value) {
  return Vec{value, value, value, value};
}
inline Vec v_load(const float* from) {
  Vec value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
inline void v_store(float* to, Vec value) {
  __builtin_memcpy(to, &value, sizeof value);
}
inline Vec v_load_partial(const float* from, std::size_t count) {
  Vec value{};
  for (std::size_t i = 0; i < count; ++i) value[i] = from[i];
  return value;
}
inline void v_store_partial(float* to, Vec value, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = value[i];
}
inline Vec v_add(Vec a, Vec b) {
  return a + b;
}
inline Vec v_sub(Vec a, Vec b) {
  return a - b;
}
inline Vec v_mul(Vec a, Vec b) {
  return a * b;
}
inline Vec v_div(Vec a, Vec b) {
  return a / b;
}
inline Vec v_fma(Vec a, Vec b, Vec c) {
  return a * b + c;
}
inline Vec v_max(Vec a, Vec b) {
  return a > b ? a : b;
}
inline Vec v_min(Vec a, Vec b) {
  return a < b ? a : b;
}
// Adding 1.5 * 2^23 leaves no bits for a fraction; right for the range that v_exp needs.
inline Vec v_round(Vec a) {
  const Vec magic = v_set(12582912.0F);
  return (a + magic) - magic;
}
inline Vec v_power_of_two(Vec exponent) {
  const IntVec biased = __builtin_convertvector(exponent, IntVec) + 127;
  const IntVec bits = biased << 23;
  Vec power;
  __builtin_memcpy(&power, &bits, sizeof power);
  return power;
}
inline float v_sum(Vec a) {
  return (a[0] + a[2]) + (a[1] + a[3]);
}
inline float v_max_element(Vec a) {
  const float low = a[0] > a[1] ? a[0] : a[1];
  const float high = a[2] > a[3] ? a[2] : a[3];
  return low > high ? low : high;
}
inline Vec v_abs(Vec a) {
  return v_max(a, -a);
}
// One stage of the Hadamard transform: sums in the lower half of each pair of lanes, differences in the upper one.
inline Vec v_butterfly_1(Vec a) {
  return Vec{a[0] + a[1], a[0] - a[1], a[2] + a[3], a[2] - a[3]};
}
inline Vec v_butterfly_2(Vec a) {
  return Vec{a[0] + a[2], a[1] + a[3], a[0] - a[2], a[1] - a[3]};
}
inline Vec v_butterfly_4(Vec a) {
  return a;
}
inline Vec v_butterfly_8(Vec a) {
  return a;
}
// Rounded to whole numbers, ties to even; value + offset fits a byte.
inline void v_store_codes(std::uint8_t* to, Vec value, int offset) {
  const IntVec codes = __builtin_convertvector(v_round(value), IntVec) + offset;
  for (std::size_t i = 0; i < kWidth; ++i) to[i] = static_cast<std::uint8_t>(codes[i]);
}
// a * 2^exponent for whole exponents; below 2^-126 the exponent counts as -126.
inline Vec v_times_power_of_two(Vec a, Vec exponent) {
  return a * v_power_of_two(v_max(exponent, v_set(-126.0F)));
}
// In place: lane l of rows[r] becomes lane r of rows[l].
inline void v_transpose(Vec (&rows)[kWidth]) {
  for (std::size_t i = 0; i < kWidth; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const float value = rows[i][j];
      rows[i][j] = rows[j][i];
      rows[j][i] = value;
    }
  }
}
inline IntVec i_zero() {
  return IntVec{};
}
inline IntVec i_set(std::int32_t value) {
  return IntVec{value, value, value, value};
}
inline IntVec i_load(const std::int32_t* from) {
  IntVec value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}
inline void i_store(std::int32_t* to, IntVec value) {
  __builtin_memcpy(to, &value, sizeof value);
}
inline Vec i_to_floats(IntVec value) {
  return __builtin_convertvector(value, Vec);
}
// Both rounded to 16 bits, ties to even: lane by lane the first in the lower half, the second in the upper one.
inline IntVec i_round_to_pairs(Vec low, Vec high) {
  return (__builtin_convertvector(v_round(low), IntVec) & 0xFFFF) | (__builtin_convertvector(v_round(high), IntVec) << 16);
}
inline void v_store_int16(std::int16_t* to, Vec value) {
  const IntVec whole = __builtin_convertvector(v_round(value), IntVec);
  for (std::size_t i = 0; i < kWidth; ++i) to[i] = static_cast<std::int16_t>(whole[i]);
}
