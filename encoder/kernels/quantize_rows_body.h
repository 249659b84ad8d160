// quantize_rows, written once over a vector type `Vec` (a level's _vec.h). Included by each per-level file inside its unnamed
// namespace; hence neither include guard nor includes. Every level does the same float operations in the same order on each
// value, so that codes and steps are equal to the bit.

// Vectors that are rotated in registers.
constexpr std::size_t kRotatedVectors = 8;

// Stages with strides below the width of a vector.
inline Vec rotate_lanes(Vec x, std::size_t block) {
  if (block > 1) x = v_butterfly_1(x);
  if (block > 2) x = v_butterfly_2(x);
  if (kWidth > 4 && block > 4) x = v_butterfly_4(x);
  if (kWidth > 8 && block > 8) x = v_butterfly_8(x);
  return x;
}

// kCount vectors: all stages inside a vector, then those between them. Returns the largest magnitudes.
template <std::size_t kCount>
inline Vec rotate_vectors(const float* input, const float* factors, float* out) {
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
  Vec largest = v_abs(x[0]);
  ORTHANT_UNROLL
  for (std::size_t i = 1; i < kCount; ++i) largest = v_max(largest, v_abs(x[i]));
  return largest;
}

// One stage between vectors, in memory.
inline Vec rotate_stage(float* values, std::size_t block, std::size_t stride) {
  Vec largest = v_zero();
  for (std::size_t start = 0; start < block; start += 2 * stride) {
    for (std::size_t i = start; i < start + stride; i += kWidth) {
      const Vec low = v_load(values + i);
      const Vec high = v_load(values + i + stride);
      const Vec sum = v_add(low, high);
      const Vec difference = v_sub(low, high);
      v_store(values + i, sum);
      v_store(values + i + stride, difference);
      largest = v_max(largest, v_max(v_abs(sum), v_abs(difference)));
    }
  }
  return largest;
}

inline Vec rotate_wide_block(const float* input, const float* factors, std::size_t block, float* out) {
  const std::size_t vectors = block / kWidth;
  if (vectors < 2) return rotate_vectors<1>(input, factors, out);
  if (vectors == 2) return rotate_vectors<2>(input, factors, out);
  if (vectors == 4) return rotate_vectors<4>(input, factors, out);
  constexpr std::size_t kChunk = kRotatedVectors * kWidth;
  Vec largest = v_zero();
  for (std::size_t i = 0; i < block; i += kChunk) {
    largest = v_max(largest, rotate_vectors<kRotatedVectors>(input + i, factors + i, out + i));
  }
  for (std::size_t stride = kChunk; stride < block; stride *= 2) largest = rotate_stage(out, block, stride);
  return largest;
}

// Blocks narrower than a vector: as many as fill one at a time, the rest alone. A block of one is a product by the factors.
inline Vec rotate_narrow_blocks(const float* input, const float* factors, std::size_t inputs, std::size_t block, float* out) {
  const std::size_t whole = inputs / kWidth * kWidth;
  Vec largest = v_zero();
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const Vec x = rotate_lanes(v_mul(v_load(input + i), v_load(factors + i)), block);
    v_store(out + i, x);
    largest = v_max(largest, v_abs(x));
  }
  if (whole == inputs) return largest;
  const std::size_t tail = inputs - whole;
  const Vec x = rotate_lanes(v_mul(v_load_partial(input + whole, tail), v_load_partial(factors + whole, tail)), block);
  v_store_partial(out + whole, x, tail);
  return v_max(largest, v_abs(x));
}

// Fills the scratch row with x' times the root of the rotation block; returns its largest magnitude.
inline float transform_row(const RowQuantization& work, const float* input) {
  const std::size_t block = work.rotation_block;
  if (block < kWidth) {
    return v_max_element(rotate_narrow_blocks(input, work.factors, work.inputs, block, work.scratch));
  }
  Vec largest = v_zero();
  for (std::size_t i = 0; i < work.inputs; i += block) {
    largest = v_max(largest, rotate_wide_block(input + i, work.factors + i, block, work.scratch + i));
  }
  return v_max_element(largest);
}

// Codes of a vector. A step made for the row itself keeps its codes within the limit; a static one does not.
template <bool kClamp>
inline void store_row_codes(const RowQuantization& work, float factor, std::uint8_t* codes) {
  const Vec lowest = v_set(static_cast<float>(-work.limit));
  const Vec highest = v_set(static_cast<float>(work.limit));
  const auto code_values = [&](Vec x) {
    const Vec scaled = v_mul(x, v_set(factor));
    return kClamp ? v_min(v_max(scaled, lowest), highest) : scaled;
  };
  const std::size_t whole = work.inputs / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) v_store_codes(codes + i, code_values(v_load(work.scratch + i)), work.offset);
  if (whole == work.inputs) return;
  std::uint8_t last[kWidth];
  v_store_codes(last, code_values(v_load_partial(work.scratch + whole, work.inputs - whole)), work.offset);
  for (std::size_t i = whole; i < work.inputs; ++i) codes[i] = last[i - whole];
}

inline void quantize_row(const RowQuantization& work, const float* input, std::uint8_t* codes, float* step) {
  const float largest = transform_row(work, input);
  // The rotation is not normalized; its norm goes into the step.
  const float norm = work.rotation_block > 1 ? 1.0F / __builtin_sqrtf(static_cast<float>(work.rotation_block)) : 1.0F;
  if (work.static_step > 0.0F) {
    *step = work.static_step;
    store_row_codes<true>(work, norm / work.static_step, codes);
  } else {
    const float limit = static_cast<float>(work.limit);
    *step = largest * norm / limit;
    store_row_codes<false>(work, largest > 1e-30F ? limit / largest : 0.0F, codes);
  }
  for (std::size_t i = work.inputs; i < work.padded_inputs; ++i) codes[i] = static_cast<std::uint8_t>(work.offset);
}

void quantize_rows(const RowQuantization& work) {
  for (std::size_t row = 0; row < work.rows; ++row) {
    quantize_row(work, work.input + row * work.inputs, work.codes + row * work.padded_inputs, work.steps + row);
  }
}
