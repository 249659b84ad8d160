// quantize_rows, written once over a vector type `Vec` (a level's _vec.h). Included by each per-level file inside its unnamed
// namespace; hence neither include guard nor includes. Every level does the same float operations in the same order on each
// value, so that codes and steps are equal to the bit.

// Vectors that are rotated in registers.
constexpr std::size_t kRotatedVectors = 8;

// Stages with strides below the width of a vector.
inline Vec rotate_lanes(Vec x, std::size_t block) {
  x = v_butterfly_1(x);
  if (block > 2) x = v_butterfly_2(x);
  if (kWidth > 4 && block > 4) x = v_butterfly_4(x);
  if (kWidth > 8 && block > 8) x = v_butterfly_8(x);
  return x;
}

// kCount vectors: all stages inside a vector, then those between them.
template <std::size_t kCount>
inline void rotate_vectors(const float* input, const float* factors, float* out) {
  Vec x[kCount];
  ORTHANT_UNROLL
  for (std::size_t i = 0; i < kCount; ++i) {
    x[i] = rotate_lanes(v_mul(v_load(input + i * kWidth), v_load(factors + i * kWidth)), kWidth);
  }
  ORTHANT_UNROLL
  for (std::size_t stride = 1; stride < kCount; stride *= 2) {
    ORTHANT_UNROLL
    for (std::size_t i = 0; i < kCount; ++i) {
      if ((i & stride) != 0) continue;
      const Vec low = x[i];
      x[i] = v_add(low, x[i + stride]);
      x[i + stride] = v_sub(low, x[i + stride]);
    }
  }
  ORTHANT_UNROLL
  for (std::size_t i = 0; i < kCount; ++i) v_store(out + i * kWidth, x[i]);
}

// One stage between vectors, in memory.
inline void rotate_stage(float* values, std::size_t block, std::size_t stride) {
  for (std::size_t start = 0; start < block; start += 2 * stride) {
    for (std::size_t i = start; i < start + stride; i += kWidth) {
      const Vec low = v_load(values + i);
      const Vec high = v_load(values + i + stride);
      v_store(values + i, v_add(low, high));
      v_store(values + i + stride, v_sub(low, high));
    }
  }
}

inline void rotate_wide_block(const float* input, const float* factors, std::size_t block, float* out) {
  const std::size_t vectors = block / kWidth;
  if (vectors >= kRotatedVectors) {
    constexpr std::size_t kChunk = kRotatedVectors * kWidth;
    for (std::size_t i = 0; i < block; i += kChunk) rotate_vectors<kRotatedVectors>(input + i, factors + i, out + i);
    for (std::size_t stride = kChunk; stride < block; stride *= 2) rotate_stage(out, block, stride);
  } else if (vectors == 4) {
    rotate_vectors<4>(input, factors, out);
  } else if (vectors == 2) {
    rotate_vectors<2>(input, factors, out);
  } else {
    rotate_vectors<1>(input, factors, out);
  }
}

// Blocks narrower than a vector: as many as fill one at a time, the rest alone.
inline void rotate_narrow_blocks(const float* input, const float* factors, std::size_t inputs, std::size_t block, float* out) {
  const std::size_t whole = inputs / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) {
    v_store(out + i, rotate_lanes(v_mul(v_load(input + i), v_load(factors + i)), block));
  }
  if (whole == inputs) return;
  const std::size_t tail = inputs - whole;
  const Vec x = v_mul(v_load_partial(input + whole, tail), v_load_partial(factors + whole, tail));
  v_store_partial(out + whole, rotate_lanes(x, block), tail);
}

inline void transform_row(const RowQuantization& work, const float* input) {
  const std::size_t block = work.rotation_block;
  if (block >= kWidth) {
    for (std::size_t i = 0; i < work.inputs; i += block) rotate_wide_block(input + i, work.factors + i, block, work.scratch + i);
  } else if (block >= 2) {
    rotate_narrow_blocks(input, work.factors, work.inputs, block, work.scratch);
  } else {
    for (std::size_t i = 0; i < work.inputs; ++i) work.scratch[i] = input[i] * work.factors[i];
  }
}

inline float largest_magnitude(const float* values, std::size_t count) {
  const std::size_t whole = count / kWidth * kWidth;
  Vec largest = v_zero();
  for (std::size_t i = 0; i < whole; i += kWidth) largest = v_max(largest, v_abs(v_load(values + i)));
  if (whole < count) largest = v_max(largest, v_abs(v_load_partial(values + whole, count - whole)));
  return v_max_element(largest);
}

inline void quantize_row(const RowQuantization& work, const float* input, std::uint8_t* codes, float* step) {
  transform_row(work, input);
  // The rotation above is not normalized; its norm goes into the step.
  const float norm = work.rotation_block > 1 ? 1.0F / __builtin_sqrtf(static_cast<float>(work.rotation_block)) : 1.0F;
  const float limit = static_cast<float>(work.limit);
  float factor = 0.0F;
  if (work.static_step > 0.0F) {
    *step = work.static_step;
    factor = norm / work.static_step;
  } else {
    const float largest = largest_magnitude(work.scratch, work.inputs);
    *step = largest * norm / limit;
    factor = largest > 1e-30F ? limit / largest : 0.0F;
  }
  const std::size_t whole = work.inputs / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const Vec scaled = v_mul(v_load(work.scratch + i), v_set(factor));
    v_store_codes(codes + i, v_min(v_max(scaled, v_set(-limit)), v_set(limit)), work.offset);
  }
  for (std::size_t i = whole; i < work.inputs; i += kWidth) {
    std::uint8_t last[kWidth];
    const Vec scaled = v_mul(v_load_partial(work.scratch + i, work.inputs - i), v_set(factor));
    v_store_codes(last, v_min(v_max(scaled, v_set(-limit)), v_set(limit)), work.offset);
    for (std::size_t rest = i; rest < work.inputs; ++rest) codes[rest] = last[rest - i];
  }
  for (std::size_t i = work.inputs; i < work.padded_inputs; ++i) codes[i] = static_cast<std::uint8_t>(work.offset);
}

void quantize_rows(const RowQuantization& work) {
  for (std::size_t row = 0; row < work.rows; ++row) {
    quantize_row(work, work.input + row * work.inputs, work.codes + row * work.padded_inputs, work.steps + row);
  }
}
