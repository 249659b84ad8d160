// The float kernels, written once over a vector type `Vec`. Included by each per-level file inside its unnamed namespace, after
// that file has defined Vec, kWidth, kTileRows, kTileVectors and the v_ functions; hence neither include guard nor includes.
//
// gemm_tile keeps a kTileRows x (kTileVectors * kWidth) block of c in registers and walks the depth once: each step loads
// kTileVectors vectors of b and multiplies them by kTileRows broadcast values of a. On Zen 4 a full tile runs at over 95 % of the
// FMA peak when b is in L2. Packed weights, which come from memory, are multiplied by panel_kernels_body.h.

constexpr std::size_t kPanelColumns = kTileVectors * kWidth;

template <std::size_t kRows, std::size_t kVectors, bool kPartial>
inline void gemm_tile(std::size_t depth, const float* a, std::size_t a_stride, const float* b, std::size_t b_stride, float* c,
                      std::size_t c_stride, std::size_t tail) {
  Vec sums[kRows][kVectors];
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = v_zero();
  }
  // Rows 0 to 3 and 4 to 7 of a are reached from two pointers. The compiler would rather keep a pointer a row, runs out of
  // registers and moves them through vector registers, which costs a twentieth of the speed: the empty asm hides the pointers.
  const float* low = a;
  const float* high = kRows > 4 ? a + 4 * a_stride : a;
  for (std::size_t k = 0; k < depth; ++k) {
    Vec b_values[kVectors];
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) b_values[v] = kPartial ? v_load_partial(b, tail) : v_load(b + v * kWidth);
    ORTHANT_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vec factor = v_set(r < 4 ? low[r * a_stride] : high[(r - 4) * a_stride]);
      ORTHANT_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = v_fma(factor, b_values[v], sums[r][v]);
    }
    ++low;
    ++high;
    b += b_stride;
    __asm__("" : "+r"(low), "+r"(high), "+r"(b));
  }
  ORTHANT_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    ORTHANT_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      if (kPartial) {
        v_store_partial(c + r * c_stride, sums[r][v], tail);
      } else {
        v_store(c + r * c_stride + v * kWidth, sums[r][v]);
      }
    }
  }
}

struct GemmColumns {
  std::size_t depth;
  const float* a;
  std::size_t a_stride;
  const float* b;
  std::size_t b_stride;
  float* c;
  std::size_t c_stride;
  std::size_t tail;
};

template <std::size_t kRows, std::size_t kVectors, bool kPartial>
void gemm_rows(const GemmColumns& columns, std::size_t first_row) {
  gemm_tile<kRows, kVectors, kPartial>(columns.depth, columns.a + first_row * columns.a_stride, columns.a_stride, columns.b,
                                       columns.b_stride, columns.c + first_row * columns.c_stride, columns.c_stride, columns.tail);
}

template <std::size_t kVectors, bool kPartial>
void gemm_row_block(const GemmColumns& columns, std::size_t first_row, std::size_t rows) {
  switch (rows) {
    case 1: return gemm_rows<1, kVectors, kPartial>(columns, first_row);
    case 2: return gemm_rows<2, kVectors, kPartial>(columns, first_row);
    case 3: return gemm_rows<3, kVectors, kPartial>(columns, first_row);
    case 4: return gemm_rows<4, kVectors, kPartial>(columns, first_row);
    case 5: return gemm_rows<5, kVectors, kPartial>(columns, first_row);
    case 6: return gemm_rows<6, kVectors, kPartial>(columns, first_row);
    case 7: return gemm_rows<(kTileRows >= 7 ? 7 : 1), kVectors, kPartial>(columns, first_row);
    default: return gemm_rows<(kTileRows >= 8 ? 8 : 1), kVectors, kPartial>(columns, first_row);
  }
}

// Row blocks of nearly equal height: 9 rows as 5 + 4 keep more of the tile busy than 8 + 1.
template <std::size_t kVectors, bool kPartial>
void gemm_column_tile(const GemmColumns& columns, std::size_t rows) {
  const std::size_t blocks = (rows + kTileRows - 1) / kTileRows;
  for (std::size_t block = 0; block < blocks; ++block) {
    const std::size_t first = block * rows / blocks;
    gemm_row_block<kVectors, kPartial>(columns, first, (block + 1) * rows / blocks - first);
  }
}

void gemm(std::size_t rows, std::size_t columns, std::size_t depth, const float* a, std::size_t a_stride, const float* b,
          std::size_t b_stride, float* c, std::size_t c_stride) {
  const std::size_t vectors = columns / kWidth;
  const std::size_t tiles = (vectors + kTileVectors - 1) / kTileVectors;
  for (std::size_t tile = 0; tile < tiles; ++tile) {
    const std::size_t first = tile * vectors / tiles;
    const std::size_t width = (tile + 1) * vectors / tiles - first;
    const GemmColumns part{depth, a, a_stride, b + first * kWidth, b_stride, c + first * kWidth, c_stride, 0};
    switch (width) {
      case 1: gemm_column_tile<1, false>(part, rows); break;
      case 2: gemm_column_tile<2, false>(part, rows); break;
      default: gemm_column_tile<(kTileVectors >= 3 ? 3 : 1), false>(part, rows); break;
    }
  }
  const std::size_t done = vectors * kWidth;
  if (done == columns) return;
  gemm_column_tile<1, true>({depth, a, a_stride, b + done, b_stride, c + done, c_stride, columns - done}, rows);
}

// e^x by Cody and Waite: x = n ln 2 + r, a degree-6 polynomial for e^r (3e-9 relative), 2^n by its exponent bits. Clamped where
// float under- and overflows.
inline Vec v_exp(Vec x) {
  x = v_min(v_max(x, v_set(-87.0F)), v_set(88.0F));
  const Vec n = v_round(v_mul(x, v_set(1.44269504F)));
  Vec r = v_fma(n, v_set(-0.693145752F), x);
  r = v_fma(n, v_set(-1.42860677e-6F), r);
  Vec poly = v_set(1.381461247e-3F);
  poly = v_fma(poly, r, v_set(8.368709899e-3F));
  poly = v_fma(poly, r, v_set(4.166838738e-2F));
  poly = v_fma(poly, r, v_set(1.666652069e-1F));
  poly = v_fma(poly, r, v_set(4.999999345e-1F));
  poly = v_add(v_fma(v_mul(poly, r), r, r), v_set(1.0F));
  return v_mul(poly, v_power_of_two(n));
}

// erf(x) = x P(x^2) / Q(x^2) on [-4, 4], fitted for least relative error (2.5e-8); beyond, erf is 1 in float.
inline Vec v_erf(Vec x) {
  x = v_min(v_max(x, v_set(-4.0F)), v_set(4.0F));
  const Vec s = v_mul(x, x);
  Vec p = v_set(1.986801951e-6F);
  p = v_fma(p, s, v_set(2.845650419e-4F));
  p = v_fma(p, s, v_set(3.883277160e-3F));
  p = v_fma(p, s, v_set(5.310153450e-2F));
  p = v_fma(p, s, v_set(1.935434118e-1F));
  p = v_fma(p, s, v_set(1.128379139F));
  Vec q = v_set(3.742033680e-5F);
  q = v_fma(q, s, v_set(1.185556308e-3F));
  q = v_fma(q, s, v_set(1.520711414e-2F));
  q = v_fma(q, s, v_set(1.153493246e-1F));
  q = v_fma(q, s, v_set(5.048559386e-1F));
  q = v_fma(q, s, v_set(1.0F));
  return v_div(v_mul(x, p), q);
}

inline Vec activate_none(Vec x) {
  return x;
}
inline Vec activate_gelu_erf(Vec x) {
  const Vec half = v_mul(x, v_set(0.5F));
  return v_fma(half, v_erf(v_mul(x, v_set(0.707106781F))), half);
}
// x / (1 + e^-2u) with u = sqrt(2 / pi) (x + 0.044715 x^3), which is 0.5 x (1 + tanh u).
inline Vec activate_gelu_tanh(Vec x) {
  const Vec cubic = v_fma(v_mul(v_mul(x, x), x), v_set(0.044715F), x);
  const Vec power = v_exp(v_mul(cubic, v_set(-1.59576912F)));
  return v_div(x, v_add(power, v_set(1.0F)));
}
inline Vec activate_silu(Vec x) {
  const Vec power = v_exp(v_sub(v_zero(), x));
  return v_div(x, v_add(power, v_set(1.0F)));
}
inline Vec activate_relu(Vec x) {
  return v_max(x, v_zero());
}
// tanh x = 1 - 2 / (1 + e^2x)
inline Vec activate_tanh(Vec x) {
  const Vec power = v_exp(v_mul(x, v_set(2.0F)));
  return v_fma(v_div(v_set(1.0F), v_add(power, v_set(1.0F))), v_set(-2.0F), v_set(1.0F));
}

template <Vec (*activate)(Vec)>
void bias_activation_rows(std::size_t rows, std::size_t columns, const float* bias, float* values, std::size_t stride) {
  const std::size_t whole = columns / kWidth * kWidth;
  for (std::size_t row = 0; row < rows; ++row) {
    float* line = values + row * stride;
    for (std::size_t i = 0; i < whole; i += kWidth) v_store(line + i, activate(v_add(v_load(line + i), v_load(bias + i))));
    if (whole < columns) {
      const Vec sum = v_add(v_load_partial(line + whole, columns - whole), v_load_partial(bias + whole, columns - whole));
      v_store_partial(line + whole, activate(sum), columns - whole);
    }
  }
}

void bias_activation(std::size_t rows, std::size_t columns, const float* bias, Activation activation, float* values,
                     std::size_t stride) {
  switch (activation) {
    case Activation::kNone: return bias_activation_rows<activate_none>(rows, columns, bias, values, stride);
    case Activation::kGeluErf: return bias_activation_rows<activate_gelu_erf>(rows, columns, bias, values, stride);
    case Activation::kGeluTanh: return bias_activation_rows<activate_gelu_tanh>(rows, columns, bias, values, stride);
    case Activation::kRelu: return bias_activation_rows<activate_relu>(rows, columns, bias, values, stride);
    case Activation::kTanh: return bias_activation_rows<activate_tanh>(rows, columns, bias, values, stride);
    case Activation::kSilu: return bias_activation_rows<activate_silu>(rows, columns, bias, values, stride);
  }
}
