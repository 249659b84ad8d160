// The softmax of attention over a vector type `Vec`: which keys a query sees, its highest score, powers of two. Included by the
// bodies of both kinds of attention; hence neither include guard nor includes.

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
// is a multiple of a panel's width.
struct QueryBlock {
  std::size_t first;
  std::size_t rows;
  std::size_t first_key;
  std::size_t end_key;

  std::size_t columns() const { return (end_key - first_key + kWidth - 1) / kWidth * kWidth; }
};

inline QueryBlock query_block(const AttentionHead& head, std::size_t first, std::size_t panel) {
  const std::size_t left = head.tokens - first;
  const std::size_t rows = left < kAttentionQueryRows ? left : kAttentionQueryRows;
  return {first, rows, seen_keys(head, first).first / panel * panel, seen_keys(head, first + rows - 1).end};
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

// A head's rows lie a whole token apart, where no CPU expects them. The rows of the head that comes next lie behind them: they are
// fetched into L2 while this one is worked on.
inline void fetch_next_head(const float* row, std::size_t head_dim) {
  for (std::size_t i = 0; i < head_dim; i += 16) __builtin_prefetch(row + head_dim + i, 0, 2);
}
