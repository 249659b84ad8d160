// Attention of one head. Included by each per-level file after float_kernels_body.h; hence neither include guard nor includes.

// Of what a query must not see: e^-87 of the largest weight is far below the rounding of the sum, which is at least 1.
constexpr float kMaskedScore = -3.4e38F;

// Scores of one query for the keys [first, first + columns), of which [seen, seen_end) are seen.
struct ScoreRow {
  float* scores;
  std::size_t columns;  // a multiple of kWidth
  std::size_t seen;     // relative to scores
  std::size_t seen_end;
  float scale;
  const float* bias;  // of the first column; null: none
};

// Turns scores into weights that sum to one; those of the columns that are not seen become (nearly) zero.
void softmax_row(const ScoreRow& row) {
  float* scores = row.scores;
  float scale = row.scale;
  if (row.bias != nullptr) {
    for (std::size_t i = 0; i < row.columns; i += kWidth)
      v_store(scores + i, v_fma(v_load(scores + i), v_set(scale), v_load(row.bias + i)));
    scale = 1.0F;
  }
  for (std::size_t i = 0; i < row.seen; ++i) scores[i] = kMaskedScore;
  for (std::size_t i = row.seen_end; i < row.columns; ++i) scores[i] = kMaskedScore;
  Vec highest = v_load(scores);
  for (std::size_t i = kWidth; i < row.columns; i += kWidth) highest = v_max(highest, v_load(scores + i));
  const float largest = v_max_element(highest);
  Vec sum = v_zero();
  for (std::size_t i = 0; i < row.columns; i += kWidth) {
    const Vec power = v_exp(v_mul(v_sub(v_load(scores + i), v_set(largest)), v_set(scale)));
    v_store(scores + i, power);
    sum = v_add(sum, power);
  }
  const Vec factor = v_set(1.0F / v_sum(sum));
  for (std::size_t i = 0; i < row.columns; i += kWidth) v_store(scores + i, v_mul(v_load(scores + i), factor));
}

// Of one query, or of a block of them: [first, end) of the keys that they see.
struct SeenKeys {
  std::size_t first;
  std::size_t end;
};
SeenKeys seen_keys(const AttentionHead& head, std::size_t query) {
  const std::size_t first = query > head.keys_before ? query - head.keys_before : 0;
  const std::size_t after = head.tokens - 1 - query;
  return {first, query + 1 + (head.keys_after < after ? head.keys_after : after)};
}

// Keys as head_dim x padded tokens, zero behind the last token.
void transpose_keys(const AttentionHead& head, std::size_t padded, float* keys) {
  for (std::size_t token = 0; token < head.tokens; ++token) {
    const float* key = head.key + token * head.stride;
    for (std::size_t i = 0; i < head.head_dim; ++i) keys[i * padded + token] = key[i];
  }
  for (std::size_t i = 0; i < head.head_dim; ++i) {
    for (std::size_t token = head.tokens; token < padded; ++token) keys[i * padded + token] = 0.0F;
  }
}

// Blocks of kAttentionQueryRows queries against the keys that they see: scores, softmax and the weighted sum of values stay in L1
// and L2. Keys are transposed once a head so that scores are an ordinary product.
void attention(const AttentionHead& head) {
  const std::size_t padded = (head.tokens + kWidth - 1) / kWidth * kWidth;
  float* keys = head.scratch;
  float* scores = head.scratch + padded * head.head_dim;
  transpose_keys(head, padded, keys);
  for (std::size_t first = 0; first < head.tokens; first += kAttentionQueryRows) {
    const std::size_t left = head.tokens - first;
    const std::size_t rows = left < kAttentionQueryRows ? left : kAttentionQueryRows;
    const SeenKeys block{seen_keys(head, first).first / kWidth * kWidth, seen_keys(head, first + rows - 1).end};
    const std::size_t columns = (block.end - block.first + kWidth - 1) / kWidth * kWidth;
    gemm(rows, columns, head.head_dim, head.query + first * head.stride, head.stride, keys + block.first, padded, scores, columns);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t query = first + row;
      const SeenKeys seen = seen_keys(head, query);
      const float* bias = head.bias == nullptr
                              ? nullptr
                              : head.bias + static_cast<std::ptrdiff_t>(block.first) - static_cast<std::ptrdiff_t>(query);
      softmax_row({scores + row * columns, columns, seen.first - block.first, seen.end - block.first, head.scale, bias});
    }
    gemm(rows, head.head_dim, block.end - block.first, scores, columns, head.value + block.first * head.stride, head.stride,
         head.output + first * head.output_stride, head.output_stride);
  }
}
