#pragma once
// What the attention kernels work on: one head of one sequence.

#include <cstddef>

namespace orthant {

// Query, key and value rows of token t start at query + t * stride (key, value alike).
struct AttentionHead {
  const float* query;
  const float* key;
  const float* value;
  std::size_t stride;
  std::size_t tokens;
  std::size_t head_dim;
  float scale;  // of the scores, before the bias and the softmax
  // Added to the score of a key at distance key - query: bias[-(tokens - 1)] to bias[tokens - 1], readable kMaxVectorFloats further
  // on both sides. Null: none.
  const float* bias;
  // A query sees the keys from query - keys_before to query + keys_after (and itself always). tokens or more: all.
  std::size_t keys_before;
  std::size_t keys_after;
  float* output;  // tokens x head_dim
  std::size_t output_stride;
  float* scratch;  // attention_scratch_floats(tokens, head_dim) floats, 64-byte aligned
};

// Queries that are taken together: their scores stay in L1 and L2.
inline constexpr std::size_t kAttentionQueryRows = 24;
inline constexpr std::size_t kMaxVectorFloats = 16;

// Enough for both kinds of attention: keys in the order of the products (and in integers queries and values too), numbers for each
// token, a block of scores (and of weights); padding to the widest panel, and of each array to a cache line.
constexpr std::size_t attention_scratch_floats(std::size_t tokens, std::size_t head_dim) {
  constexpr std::size_t kPadding = 64;
  constexpr std::size_t kNumbersOfToken = 4;
  const std::size_t padded = tokens + kPadding;
  return padded * (head_dim + kAttentionQueryRows * 3 / 2 + kNumbersOfToken) + head_dim + 4 * kPadding;
}

}  // namespace orthant
