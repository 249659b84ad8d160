// What a transformer block needs beside products and attention: norms, gates, rotation. Included by each per-level file after
// float_kernels_body.h; hence neither include guard nor includes.

// values = input + residual, and their sum (or the sum of their squares).
template <bool kSquares>
Vec add_residual(const float* input, const float* residual, std::size_t columns, float* values) {
  Vec total = v_zero();
  const auto add = [&total](Vec value) {
    total = kSquares ? v_fma(value, value, total) : v_add(total, value);
    return value;
  };
  const std::size_t whole = columns / kWidth * kWidth;
  const std::size_t tail = columns - whole;
  if (residual == nullptr) {
    for (std::size_t i = 0; i < whole; i += kWidth) v_store(values + i, add(v_load(input + i)));
    if (tail != 0) v_store_partial(values + whole, add(v_load_partial(input + whole, tail)), tail);
    return total;
  }
  for (std::size_t i = 0; i < whole; i += kWidth) v_store(values + i, add(v_add(v_load(input + i), v_load(residual + i))));
  if (tail != 0) {
    const Vec value = v_add(v_load_partial(input + whole, tail), v_load_partial(residual + whole, tail));
    v_store_partial(values + whole, add(value), tail);
  }
  return total;
}

// output = (values - mean) * factor * gamma + beta
void scale_row(const NormRows& block, const float* values, float mean, float factor, float* output) {
  const std::size_t whole = block.columns / kWidth * kWidth;
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const Vec scaled = v_mul(v_mul(v_sub(v_load(values + i), v_set(mean)), v_set(factor)), v_load(block.gamma + i));
    v_store(output + i, block.beta == nullptr ? scaled : v_add(scaled, v_load(block.beta + i)));
  }
  for (std::size_t i = whole; i < block.columns; ++i) {
    output[i] = (values[i] - mean) * factor * block.gamma[i] + (block.beta == nullptr ? 0.0F : block.beta[i]);
  }
}

// Two passes over a row in L1: the sum (mean), then the sum of squared distances from the mean, so that nothing cancels.
void layer_norm_row(const NormRows& block, const float* input, const float* residual, float* values, float* output) {
  const std::size_t columns = block.columns;
  const float mean = v_sum(add_residual<false>(input, residual, columns, values)) / static_cast<float>(columns);
  const std::size_t whole = columns / kWidth * kWidth;
  Vec squares = v_zero();
  for (std::size_t i = 0; i < whole; i += kWidth) {
    const Vec distance = v_sub(v_load(values + i), v_set(mean));
    squares = v_fma(distance, distance, squares);
  }
  float variance_sum = v_sum(squares);
  for (std::size_t i = whole; i < columns; ++i) variance_sum += (values[i] - mean) * (values[i] - mean);
  const float factor = 1.0F / __builtin_sqrtf(variance_sum / static_cast<float>(columns) + block.epsilon);
  scale_row(block, values, mean, factor, output);
}

void root_mean_square_row(const NormRows& block, const float* input, const float* residual, float* values, float* output) {
  const float mean_square = v_sum(add_residual<true>(input, residual, block.columns, values)) / static_cast<float>(block.columns);
  scale_row(block, values, 0.0F, 1.0F / __builtin_sqrtf(mean_square + block.epsilon), output);
}

void norm(const NormRows& block) {
  for (std::size_t row = 0; row < block.rows; ++row) {
    const std::size_t start = row * block.columns;
    const float* residual = block.residual == nullptr ? nullptr : block.residual + start;
    float* output = block.output + start;
    float* values = block.sum == nullptr ? output : block.sum + start;
    if (block.kind == NormKind::kLayer) {
      layer_norm_row(block, block.input + start, residual, values, output);
    } else {
      root_mean_square_row(block, block.input + start, residual, values, output);
    }
  }
}

// Row r goes to r * columns, never past where row r + 1 is read from.
template <Vec (*activate)(Vec)>
void gate_rows(std::size_t rows, std::size_t columns, float* values) {
  const std::size_t whole = columns / kWidth * kWidth;
  const std::size_t tail = columns - whole;
  for (std::size_t row = 0; row < rows; ++row) {
    const float* gates = values + row * 2 * columns;
    const float* gated = gates + columns;
    float* output = values + row * columns;
    for (std::size_t i = 0; i < whole; i += kWidth) v_store(output + i, v_mul(activate(v_load(gates + i)), v_load(gated + i)));
    if (tail != 0) {
      const Vec value = v_mul(activate(v_load_partial(gates + whole, tail)), v_load_partial(gated + whole, tail));
      v_store_partial(output + whole, value, tail);
    }
  }
}

void gate(std::size_t rows, std::size_t columns, Activation activation, float* values) {
  switch (activation) {
    case Activation::kNone: return gate_rows<activate_none>(rows, columns, values);
    case Activation::kGeluErf: return gate_rows<activate_gelu_erf>(rows, columns, values);
    case Activation::kGeluTanh: return gate_rows<activate_gelu_tanh>(rows, columns, values);
    case Activation::kRelu: return gate_rows<activate_relu>(rows, columns, values);
    case Activation::kTanh: return gate_rows<activate_tanh>(rows, columns, values);
    case Activation::kSilu: return gate_rows<activate_silu>(rows, columns, values);
  }
}

void rotate(const RotaryHeads& token) {
  const std::size_t half = token.rotated / 2;
  const std::size_t whole = half / kWidth * kWidth;
  for (std::size_t head = 0; head < token.heads; ++head) {
    float* low = token.values + head * token.head_dim;
    float* high = low + half;
    for (std::size_t i = 0; i < whole; i += kWidth) {
      const Vec x = v_load(low + i);
      const Vec y = v_load(high + i);
      const Vec cosine = v_load(token.cosines + i);
      const Vec sine = v_load(token.sines + i);
      v_store(low + i, v_sub(v_mul(x, cosine), v_mul(y, sine)));
      v_store(high + i, v_fma(y, cosine, v_mul(x, sine)));
    }
    for (std::size_t i = whole; i < half; ++i) {
      const float x = low[i];
      const float y = high[i];
      low[i] = x * token.cosines[i] - y * token.sines[i];
      high[i] = y * token.cosines[i] + x * token.sines[i];
    }
  }
}
