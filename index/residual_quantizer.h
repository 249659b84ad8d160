#pragma once
// ResidualQuantizer: what the rotated and the learned quantizer share. A row x is centred, rotated to z = R (x - c) and coded by
// odd levels l (level_codes.h), one bit a dimension or more, so that step * l approximates z. With scale = |z|^2 / <z, l>, which
// makes the estimate of a row against itself exact and keeps the estimate unbiased over random rotations (RaBitQ: Gao & Long,
// SIGMOD 2024; with more bits: Gao et al., SIGMOD 2025),
//
//   <q, x> = <q, c> + <R q, z>, estimated by <q, c> + scale * <R q, l>.
//
// A rotation may keep fewer dimensions than vectors have (code_dims): then z is a projection, and what it loses is lost to the
// estimate. Under cosine, scales vary so little between rows that one serves all (fixed_scale), where the quantizer says so.
//
// What is left of z, the error e = z - step * l, meets the query as <R q, e>. A query is no random direction: it has the directions
// of the collection's own rows, above all that of their mean. So levels are then moved, one at a time, while that lowers e' H e,
// where H is the second moment of the directions of queries in the rotated space, mixed with the identity for those that it does
// not foresee (coordinate descent, as GPTQ rounds weights against the second moment of activations). The bits of the code stay as
// many, and 1-bit codes find what plain signs need twice the depth for (docs/quantizers.md).

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "index/level_codes.h"
#include "index/matrix.h"
#include "index/quantizer.h"

namespace orthant {

// What is the same for all rotations. Values of training, or their defaults before it.
struct ResidualCoding {
  std::size_t dim = 0;
  unsigned bits = 1;
  // The one scale of all rows, and the step of their levels; 0: every row has its own.
  float fixed_scale = 0;
  float fixed_step = 0;
  // The standard error of an estimate, as a multiple of scale * |query|.
  float relative_error = 0;
  std::vector<float> centre;
  bool trained = false;
};

// relative_error over random rotations (the factor of RaBitQ's bound, by the share of a normally distributed vector's energy that
// levels miss): an estimate is off by more than epsilon of these with the probability of a normal variable.
float random_rotation_error(unsigned bits);

// The stored form (docs/code_formats.md); nothing when the bytes do not fit the configuration.
void append_coding(std::string& out, const ResidualCoding& coding);
std::optional<ResidualCoding> read_coding(ByteReader& reader, const IndexConfig& config);

// False when the bytes end or a value is not finite.
bool read_finite(ByteReader& reader, std::span<float> values);

class ResidualQuantizer : public BinaryQuantizer {
 public:
  // `code_dims`: dimensions of the rotated space, at most coding.dim.
  ResidualQuantizer(ResidualCoding coding, std::size_t code_dims) : coding_(std::move(coding)), code_dims_(code_dims) {}

  std::size_t code_bytes() const override { return level_code_bytes(code_dims_, coding_.bits); }
  bool has_row_scales() const override { return coding_.fixed_scale == 0; }
  void encode(std::span<const float> rows, std::span<std::uint8_t> codes, std::span<float> scales) const override;
  CodeQuery code_query(std::span<const float> query) const override;
  LookUpTables hamming_tables(std::span<const float> query) const override;
  bool is_trained() const override { return coding_.trained; }

  const ResidualCoding& coding() const { return coding_; }
  std::size_t code_dims() const { return code_dims_; }

  // Rows between their vectors and their codes, at most kBatchRows at once; training looks at them. `residuals` is used up.
  static constexpr std::size_t kBatchRows = 96;
  struct Batch {
    Batch(std::size_t dim, std::size_t code_dims)
        : residuals(kBatchRows, dim),
          rotated(kBatchRows, code_dims),
          slopes(kBatchRows, code_dims),
          levels(kBatchRows * code_dims),
          steps(kBatchRows) {}
    std::size_t rows = 0;
    Matrix residuals;
    Matrix rotated;
    Matrix slopes;                    // for shape_errors
    std::vector<std::int8_t> levels;  // rows x code_dims
    std::vector<float> steps;
  };
  void code_batch(std::span<const float> rows, Batch& batch) const;

 protected:
  // The first `rows` rows of `rotated` become those of `vectors`, rotated; `vectors` may be changed.
  virtual void rotate(Matrix& vectors, std::size_t rows, Matrix& rotated) const = 0;
  // The rotation of one query, which may be rounded far below the error of the codes.
  virtual std::vector<float> rotate_query(std::span<const float> query) const { return rotated(query); }
  // Moves levels to where the error costs queries less.
  virtual void shape_errors(Batch& batch) const = 0;

 private:
  std::vector<float> rotated(std::span<const float> vector) const;
  void choose_levels(std::span<const float> values, std::span<std::int8_t> levels, float& step) const;

  ResidualCoding coding_;
  std::size_t code_dims_;
};

// Of n x dim values, n >= 1.
std::vector<float> mean_of(std::span<const float> rows, std::size_t dim);

// |z|^2 / <z, l> in the range of float; 0 where there is nothing to scale.
float unbiased_scale(std::span<const float> values, std::span<const std::int8_t> levels);

// The step whose levels point most nearly where the values do, among some around the best for normally distributed values; fills
// `levels` with them.
float best_step(std::span<const float> values, unsigned bits, std::span<std::int8_t> levels);

}  // namespace orthant
