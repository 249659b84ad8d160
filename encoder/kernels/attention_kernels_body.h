// Attention of one head in floats. Included by each per-level file after float_kernels_body.h; hence neither include guard nor
// includes.

// Of what a query must not see: its weight is zero, or far below the rounding of the sum of the others.
constexpr float kMaskedScore = -1e30F;
constexpr float kLog2e = 1.44269504F;

// 2^x by a degree-5 polynomial on [-1/2, 1/2] (9e-8 relative). x is at most 0 here and may be hugely negative.
inline Vec v_exp2(Vec x) {
  x = v_max(x, v_set(-1000.0F));
  const Vec whole = v_round(x);
  const Vec r = v_sub(x, whole);
  Vec poly = v_set(1.32647278e-3F);
  poly = v_fma(poly, r, v_set(9.67151299e-3F));
  poly = v_fma(poly, r, v_set(5.55073374e-2F));
  poly = v_fma(poly, r, v_set(2.40222421e-1F));
  poly = v_fma(poly, r, v_set(6.93146978e-1F));
  poly = v_fma(poly, r, v_set(1.0F));
  return v_times_power_of_two(poly, whole);
}

// The keys [first, end) that a query sees.
struct SeenKeys {
  std::size_t first;
  std::size_t end;
};
inline SeenKeys seen_keys(const AttentionHead& head, std::size_t query) {
  const std::size_t first = query > head.keys_before ? query - head.keys_before : 0;
  const std::size_t after = head.tokens - 1 - query;
  return {first, query + 1 + (head.keys_after < after ? head.keys_after : after)};
}

// Queries [first, first + rows) of a head with the columns of keys that any of them sees: [first_key, end_key), of which the first
// is a multiple of kWidth.
struct QueryBlock {
  std::size_t first;
  std::size_t rows;
  std::size_t first_key;
  std::size_t end_key;

  std::size_t columns() const { return (end_key - first_key + kWidth - 1) / kWidth * kWidth; }
};

inline QueryBlock query_block(const AttentionHead& head, std::size_t first) {
  const std::size_t left = head.tokens - first;
  const std::size_t rows = left < kAttentionQueryRows ? left : kAttentionQueryRows;
  return {first, rows, seen_keys(head, first).first / kWidth * kWidth, seen_keys(head, first + rows - 1).end};
}

// Scores of one query for the columns of its block: adds the bias, hides what is not seen, and gives the highest.
inline Vec highest_score(const AttentionHead& head, const QueryBlock& block, std::size_t query, float* scores) {
  const std::size_t columns = block.columns();
  if (head.bias != nullptr) {
    const float* bias = head.bias + static_cast<std::ptrdiff_t>(block.first_key) - static_cast<std::ptrdiff_t>(query);
    for (std::size_t i = 0; i < columns; i += kWidth) {
      v_store(scores + i, v_fma(v_load(scores + i), v_set(head.scale), v_load(bias + i)));
    }
  }
  const SeenKeys seen = seen_keys(head, query);
  for (std::size_t i = block.first_key; i < seen.first; ++i) scores[i - block.first_key] = kMaskedScore;
  for (std::size_t i = seen.end - block.first_key; i < columns; ++i) scores[i] = kMaskedScore;
  Vec highest = v_load(scores);
  for (std::size_t i = kWidth; i < columns; i += kWidth) highest = v_max(highest, v_load(scores + i));
  return highest;
}

// Scores become e^(score - highest); gives their sum by lanes. `factor` is log2 e, times the scale where that is still to come.
inline Vec exponentials(float* scores, std::size_t columns, float factor, float highest) {
  Vec sum = v_zero();
  const Vec shift = v_set(-highest * factor);
  for (std::size_t i = 0; i < columns; i += kWidth) {
    const Vec power = v_exp2(v_fma(v_load(scores + i), v_set(factor), shift));
    v_store(scores + i, power);
    sum = v_add(sum, power);
  }
  return sum;
}

inline void scale_output(float* output, std::size_t head_dim, float factor) {
  std::size_t i = 0;
  for (; i + kWidth <= head_dim; i += kWidth) v_store(output + i, v_mul(v_load(output + i), v_set(factor)));
  for (; i < head_dim; ++i) output[i] *= factor;
}

// Keys as head_dim x padded tokens, zero behind the last token.
inline void transpose_keys(const AttentionHead& head, std::size_t padded, float* keys) {
  Vec block[kWidth];
  for (std::size_t token = 0; token < padded; token += kWidth) {
    const std::size_t rows = head.tokens - token < kWidth ? head.tokens - token : kWidth;
    for (std::size_t start = 0; start < head.head_dim; start += kWidth) {
      const std::size_t width = head.head_dim - start < kWidth ? head.head_dim - start : kWidth;
      const float* key = head.key + token * head.stride + start;
      if (width == kWidth && rows == kWidth) {
        ORTHANT_UNROLL
        for (std::size_t i = 0; i < kWidth; ++i) block[i] = v_load(key + i * head.stride);
      } else {
        for (std::size_t i = 0; i < kWidth; ++i) block[i] = i < rows ? v_load_partial(key + i * head.stride, width) : v_zero();
      }
      v_transpose(block);
      for (std::size_t i = 0; i < width; ++i) v_store(keys + (start + i) * padded + token, block[i]);
    }
  }
}

// Blocks of kAttentionQueryRows queries against the keys that they see: scores, softmax and the weighted sum of values stay in L1
// and L2. Keys are transposed once a head so that scores are an ordinary product; weights are divided by their sum at the end.
void attention(const AttentionHead& head) {
  const std::size_t padded = (head.tokens + kWidth - 1) / kWidth * kWidth;
  float* keys = head.scratch;
  float* scores = head.scratch + padded * head.head_dim;
  const float factor = head.bias == nullptr ? head.scale * kLog2e : kLog2e;
  Vec lanes[kAttentionQueryRows];
  transpose_keys(head, padded, keys);
  for (std::size_t first = 0; first < head.tokens; first += kAttentionQueryRows) {
    const QueryBlock block = query_block(head, first);
    const std::size_t columns = block.columns();
    gemm(block.rows, columns, head.head_dim, head.query + first * head.stride, head.stride, keys + block.first_key, padded, scores,
         columns);
    for (std::size_t row = 0; row < block.rows; ++row) lanes[row] = highest_score(head, block, first + row, scores + row * columns);
    for (std::size_t row = 0; row < block.rows; ++row) {
      lanes[row] = exponentials(scores + row * columns, columns, factor, v_max_element(lanes[row]));
    }
    float* output = head.output + first * head.output_stride;
    gemm(block.rows, head.head_dim, block.end_key - block.first_key, scores, columns, head.value + block.first_key * head.stride,
         head.stride, output, head.output_stride);
    for (std::size_t row = 0; row < block.rows; ++row) {
      scale_output(output + row * head.output_stride, head.head_dim, 1.0F / v_sum(lanes[row]));
    }
  }
}
