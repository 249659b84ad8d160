#pragma once
// LearnedQuantizer: ResidualQuantizer with a rotation learned from the collection's own vectors, without labels, so that rotated
// rows lie near their signs: iterative quantization (Gong & Lazebnik, CVPR 2011), which takes turns between the signs of the
// rotated rows and the rotation that brings the rows nearest to them (orthogonal Procrustes). Differences: no reduction of
// dimensions; rows count by their direction; each turn stays a little near the rotation before it, which keeps the problem regular
// where the rows do not span the space. The moment of the rows' directions is what errors are shaped by (residual_quantizer.h).
// Codes for scans may keep fewer dimensions: those that hold most of the rows' energy, rotated among themselves.
// Under cosine all rows share one scale, so a scan costs what it costs for plain signs. A query costs one product with a dim x dim
// matrix. Any thread.

#include "index/query_rotation.h"
#include "index/residual_quantizer.h"

namespace orthant {

inline constexpr std::size_t kLargestLearnedDim = 1'536;

class LearnedQuantizer : public ResidualQuantizer {
 public:
  // `rotation`: dim x code_dims, columns orthonormal; a row x becomes (x - c) * rotation. `shaping`: code_dims x code_dims,
  // symmetric, positive definite.
  LearnedQuantizer(ResidualCoding coding, const Matrix& rotation, const Matrix& shaping);

  // Nothing when the bytes are not those of parameters() for this configuration.
  static std::unique_ptr<const LearnedQuantizer> restore(const IndexConfig& config, std::string_view parameters);

  std::string_view name() const override { return "learned"; }
  std::string parameters() const override;
  Matrix rotation() const { return rotation_.matrix(); }

 protected:
  void rotate(Matrix& vectors, std::size_t rows, Matrix& rotated) const override;
  std::vector<float> rotate_query(std::span<const float> query) const override { return query_rotation_.apply(query); }
  void shape_errors(Batch& batch) const override;

 private:
  void shape_row(std::span<std::int8_t> levels, float step, float* slopes) const;

  Panels rotation_;
  Panels shaping_;
  QueryRotation query_rotation_;
  std::vector<float> curves_;  // the diagonal of shaping_
};

// Trains on `sample` (n x dim, n >= 1). Null when `stop` was set, or when the rows gave no orthonormal rotation.
std::unique_ptr<const LearnedQuantizer> train_learned_quantizer(const IndexConfig& config, std::span<const float> sample,
                                                                std::uint64_t seed, ThreadPool* pool, const std::atomic<bool>& stop,
                                                                CodeLength length = CodeLength::kWhole);

}  // namespace orthant
