// Attention of one head in integers, for models whose projections are integers too. Included by each per-level file of int8
// kernels after multiply(), row_tiles.h, i_add_pairs, kPairRows and kPairVectors; hence neither include guard nor includes.
//
// A token's query and its key are codes of -63 to 63 with a step each: their products are an Int8Product, whose keys are weights of
// any panel (four of these products fit 16 bits: int8_range.h). The softmax is in floats. Its weights become codes of 0 to 8192,
// 8192 for the highest of the query, and are divided by the sum of the codes; each dimension of the values has codes of -511 to
// 511. Eight bits for the weights would lose the long tail of even attention (cosine .996 on MiniLM), all else costs a cosine of
// .0001 (docs/decisions/0008-integer-attention.md). Sums are exact: 512 * 8192 * 511 < 2^31, and chunks of 512 keys are added
// in floats.

#include "encoder/kernels/softmax_body.h"

constexpr float kWeightBits = 13.0F;
constexpr float kValueLimit = 511.0F;
constexpr std::size_t kKeyChunk = 512;

// Where the parts of a head stand in its scratch memory.
struct IntegerHead {
  std::size_t padded;         // tokens in whole panels
  std::uint8_t* queries;      // tokens x head_dim codes + kActivationOffset
  float* query_steps;         // times the scale of the scores
  std::int8_t* keys;          // panels as Int8Product has them
  std::int32_t* key_starts;   // padded
  float* key_steps;           // padded
  float* zeros;               // kPanelColumns
  std::int32_t* value_pairs;  // tokens / 2 x head_dim: codes of two tokens
  float* value_steps;         // head_dim
  float* scores;              // of a block
  std::int16_t* weights;      // of a block
};

inline float* take_lines(float*& free, std::size_t bytes) {
  float* taken = free;
  free += (bytes + 63) / 64 * 16;
  return taken;
}

inline IntegerHead place_head(const AttentionHead& head) {
  const std::size_t padded = (head.tokens + kPanelColumns - 1) / kPanelColumns * kPanelColumns;
  float* free = head.scratch;
  IntegerHead parts{};
  parts.padded = padded;
  parts.queries = reinterpret_cast<std::uint8_t*>(take_lines(free, head.tokens * head.head_dim));
  parts.query_steps = take_lines(free, head.tokens * 4);
  parts.keys = reinterpret_cast<std::int8_t*>(take_lines(free, padded * head.head_dim));
  parts.key_starts = reinterpret_cast<std::int32_t*>(take_lines(free, padded * 4));
  parts.key_steps = take_lines(free, padded * 4);
  parts.zeros = take_lines(free, kPanelColumns * 4);
  parts.value_pairs = reinterpret_cast<std::int32_t*>(take_lines(free, (head.tokens + 1) / 2 * head.head_dim * 4));
  parts.value_steps = take_lines(free, head.head_dim * 4);
  parts.scores = take_lines(free, kAttentionQueryRows * padded * 4);
  parts.weights = reinterpret_cast<std::int16_t*>(free);
  return parts;
}

inline float largest_magnitude(const float* values, std::size_t count) {
  Vec largest = v_zero();
  for (std::size_t i = 0; i < count; i += kWidth) largest = v_max(largest, v_abs(v_load(values + i)));
  return v_max_element(largest);
}

inline float inverse_step(float largest, float limit) {
  return largest > 1e-30F ? limit / largest : 0.0F;
}

inline void quantize_queries(const AttentionHead& head, const IntegerHead& parts) {
  const float limit = static_cast<float>(kActivationLimit);
  for (std::size_t token = 0; token < head.tokens; ++token) {
    const float* query = head.query + token * head.stride;
    fetch_next_head(query, head.head_dim);
    std::uint8_t* codes = parts.queries + token * head.head_dim;
    const float largest = largest_magnitude(query, head.head_dim);
    const Vec factor = v_set(inverse_step(largest, limit));
    for (std::size_t i = 0; i < head.head_dim; i += kWidth) {
      v_store_codes(codes + i, v_mul(v_load(query + i), factor), kActivationOffset);
    }
    parts.query_steps[token] = largest / limit * head.scale;
  }
}

// Four codes of a token lie together, those of the tokens of a panel side by side.
inline void quantize_key(const AttentionHead& head, const IntegerHead& parts, std::size_t token) {
  const float limit = static_cast<float>(kActivationLimit);
  const float* key = head.key + token * head.stride;
  fetch_next_head(key, head.head_dim);
  std::int8_t* column = parts.keys + token / kPanelColumns * kPanelColumns * head.head_dim + token % kPanelColumns * 4;
  const float largest = largest_magnitude(key, head.head_dim);
  const Vec factor = v_set(inverse_step(largest, limit));
  Vec sum = v_zero();
  for (std::size_t i = 0; i < head.head_dim; i += kWidth) {
    const Vec codes = v_round(v_mul(v_load(key + i), factor));
    std::uint8_t bytes[kWidth];
    v_store_codes(bytes, codes, 0);
    sum = v_add(sum, codes);
    ORTHANT_UNROLL
    for (std::size_t quad = 0; quad < kWidth; quad += 4) {
      __builtin_memcpy(column + (i + quad) * kPanelColumns, bytes + quad, 4);
    }
  }
  parts.key_starts[token] = -kActivationOffset * static_cast<std::int32_t>(v_sum(sum));
  parts.key_steps[token] = largest / limit;
}

inline void quantize_keys(const AttentionHead& head, const IntegerHead& parts) {
  for (std::size_t token = 0; token < head.tokens; ++token) quantize_key(head, parts, token);
  // What the last panel holds behind the tokens is multiplied, and hidden afterwards: any number will do.
  for (std::size_t token = head.tokens; token < parts.padded; ++token) {
    parts.key_starts[token] = 0;
    parts.key_steps[token] = 0.0F;
  }
  for (std::size_t i = 0; i < kPanelColumns; ++i) parts.zeros[i] = 0.0F;
}

inline void quantize_values(const AttentionHead& head, const IntegerHead& parts) {
  for (std::size_t token = 0; token < head.tokens; ++token) fetch_next_head(head.value + token * head.stride, head.head_dim);
  for (std::size_t i = 0; i < head.head_dim; i += kWidth) {
    const float* values = head.value + i;
    Vec largest = v_set(1e-30F);
    for (std::size_t token = 0; token < head.tokens; ++token) largest = v_max(largest, v_abs(v_load(values + token * head.stride)));
    v_store(parts.value_steps + i, v_mul(largest, v_set(1.0F / kValueLimit)));
    const Vec factor = v_div(v_set(kValueLimit), largest);
    std::int32_t* pairs = parts.value_pairs + i;
    for (std::size_t token = 0; token < head.tokens; token += 2, pairs += head.head_dim) {
      const Vec low = v_mul(v_load(values + token * head.stride), factor);
      const Vec high = token + 1 < head.tokens ? v_mul(v_load(values + (token + 1) * head.stride), factor) : v_zero();
      i_store(pairs, i_round_to_pairs(low, high));
    }
  }
}

inline void multiply_keys(const AttentionHead& head, const IntegerHead& parts, const QueryBlock& block) {
  const std::size_t columns = block.columns();
  for (std::size_t start = 0; start < columns; start += kPanelColumns) {
    const std::size_t first = block.first_key + start;
    const std::int8_t* panel = parts.keys + first * head.head_dim;
    multiply({.rows = block.rows,
              .depth = head.head_dim,
              .columns = columns - start < kPanelColumns ? columns - start : kPanelColumns,
              .a = parts.queries + block.first * head.head_dim,
              .steps = parts.query_steps + block.first,
              .b = panel,
              .next = panel,
              .start = parts.key_starts + first,
              .scales = parts.key_steps + first,
              .bias = parts.zeros,
              .c = parts.scores + start,
              .c_stride = columns});
  }
}

// Scores become codes of the weights; gives their sum.
inline float weight_codes(const float* scores, std::size_t columns, float highest, std::int16_t* codes) {
  Vec sum = v_zero();
  const Vec shift = v_set(kWeightBits - highest * kLog2e);
  for (std::size_t i = 0; i < columns; i += kWidth) {
    const Vec whole = v_round(v_exp2(v_fma(v_load(scores + i), v_set(kLog2e), shift)));
    v_store_int16(codes + i, whole);
    sum = v_add(sum, whole);
  }
  return v_sum(sum);
}

// Rows of weights by pairs of values, kPairVectors of dimensions at a time.
struct PairProduct {
  std::size_t rows;
  std::size_t pairs;
  const std::int16_t* weights;
  std::size_t weight_stride;
  const std::int32_t* values;
  std::size_t value_stride;
  const float* value_steps;
  const float* row_factors;
  bool adds;  // to what the output holds
  float* output;
  std::size_t output_stride;
};

template <std::size_t kRows, std::size_t kVectors>
inline void pair_tile(const PairProduct& product, std::size_t first_row) {
  IntVec sums[kRows][kVectors];
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = i_zero();
  }
  const std::size_t stride = product.weight_stride;
  const std::int16_t* low = product.weights + first_row * stride;
  const std::int16_t* high = kRows > 4 ? low + 4 * stride : low;
  const std::int32_t* values = product.values;
  for (std::size_t pair = 0; pair < product.pairs; ++pair) {
    IntVec codes[kVectors];
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) codes[v] = i_load(values + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      std::int32_t two;
      __builtin_memcpy(&two, r < 4 ? low + r * stride : high + (r - 4) * stride, sizeof two);
      const IntVec weights = i_set(two);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = i_add_pairs(sums[r][v], weights, codes[v]);
    }
    low += 2;
    high += 2;
    values += product.value_stride;
    __asm__("" : "+r"(low), "+r"(high), "+r"(values));
  }
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const Vec factor = v_set(product.row_factors[first_row + r]);
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      float* output = product.output + (first_row + r) * product.output_stride + v * kWidth;
      const Vec value = v_mul(i_to_floats(sums[r][v]), v_mul(v_load(product.value_steps + v * kWidth), factor));
      v_store(output, product.adds ? v_add(v_load(output), value) : value);
    }
  }
}

template <std::size_t kVectors, std::size_t kRows = kPairRows>
inline void pair_rows(const PairProduct& product, std::size_t first_row, std::size_t rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return pair_rows<kVectors, kRows - 1>(product, first_row, rows);
  }
  pair_tile<kRows, kVectors>(product, first_row);
}

template <std::size_t kVectors>
inline void multiply_pairs(const PairProduct& product) {
  const std::size_t blocks = (product.rows + kPairRows - 1) / kPairRows;
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::size_t first = block * product.rows / blocks;
    pair_rows<kVectors>(product, first, (block + 1) * product.rows / blocks - first);
  }
}

inline void multiply_values(const AttentionHead& head, const IntegerHead& parts, const QueryBlock& block, const float* factors) {
  float* const output = head.output + block.first * head.output_stride;
  for (std::size_t key = block.first_key; key < block.end_key; key += kKeyChunk) {
    const std::size_t left = block.end_key - key;
    for (std::size_t start = 0; start < head.head_dim;) {
      const bool wide = head.head_dim - start >= kPairVectors * kWidth;
      const PairProduct product{.rows = block.rows,
                                .pairs = ((left < kKeyChunk ? left : kKeyChunk) + 1) / 2,
                                .weights = parts.weights + (key - block.first_key),
                                .weight_stride = block.columns(),
                                .values = parts.value_pairs + key / 2 * head.head_dim + start,
                                .value_stride = head.head_dim,
                                .value_steps = parts.value_steps + start,
                                .row_factors = factors,
                                .adds = key != block.first_key,
                                .output = output + start,
                                .output_stride = head.output_stride};
      if (wide) {
        multiply_pairs<kPairVectors>(product);
      } else {
        multiply_pairs<1>(product);
      }
      start += wide ? kPairVectors * kWidth : kWidth;
    }
  }
}

void attention(const AttentionHead& head) {
  const IntegerHead parts = place_head(head);
  quantize_queries(head, parts);
  quantize_keys(head, parts);
  quantize_values(head, parts);
  AttentionHead scaled = head;
  scaled.scale = 1.0F;  // the steps of the queries have it
  Vec lanes[kAttentionQueryRows];
  float factors[kAttentionQueryRows];
  for (std::size_t first = 0; first < head.tokens; first += kAttentionQueryRows) {
    const QueryBlock block = query_block(head, first, kPanelColumns);
    const std::size_t columns = block.columns();
    multiply_keys(head, parts, block);
    for (std::size_t row = 0; row < block.rows; ++row) {
      lanes[row] = highest_score(scaled, block, first + row, parts.scores + row * columns);
    }
    for (std::size_t row = 0; row < block.rows; ++row) {
      factors[row] =
          1.0F / weight_codes(parts.scores + row * columns, columns, v_max_element(lanes[row]), parts.weights + row * columns);
    }
    multiply_values(head, parts, block, factors);
  }
}
