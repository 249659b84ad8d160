// Attention of one head in floats. Included by each per-level file after float_kernels_body.h; hence neither include guard nor
// includes.

#include "encoder/kernels/softmax_body.h"

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
  const float* const parts[] = {head.query, head.key, head.value};
  for (std::size_t token = 0; token < head.tokens; ++token) {
    for (const float* part : parts) fetch_next_head(part + token * head.stride, head.head_dim);
  }
  for (std::size_t first = 0; first < head.tokens; first += kAttentionQueryRows) {
    const QueryBlock block = query_block(head, first, kWidth);
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
