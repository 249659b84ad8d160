// Training of LearnedQuantizer (learned_quantizer.h has the algorithm).

#include <cmath>

#include "index/fast_rotation.h"
#include "index/kernels/distance_kernels.h"
#include "index/learned_quantizer.h"
#include "index/training_sample.h"

namespace orthant {
namespace {

// The share of the identity in what errors are shaped by: how much is left to queries that are unlike the rows.
constexpr float kUnforeseen = 0.4f;
// How near each turn stays to the rotation before it, as a share of the mean pull of the rows.
constexpr double kInertia = 0.05;
constexpr float kOrthonormalEnough = 1e-3f;
// Longer steps than the levels' own give moves more room.
constexpr float kStepStretch = 1.1f;
// Codes for scans hold the fewest dimensions, in whole groups of the scan's sums, that carry this share of the rows' energy; more
// than half of all are not worth the loss. 99,000 titles, 384 dimensions: 192 carry .86, halve the scan and have four to six times
// the rows rescored, which costs a tenth of what the scan gains; 128 carry .72 and cost more than they gain.
constexpr double kScannedEnergy = 0.8;
constexpr std::size_t kScannedDims = 8 * kTableGroupBytes;
constexpr double kSmallestSpread = 1e-3;
constexpr std::size_t kMeasuredRows = 4'096;
constexpr std::size_t kUnseenRows = 576;

int turns(std::size_t dim) {
  return dim <= 512 ? 25 : 12;
}

// Rows less the centre, each divided by its length; rows without one stay zero.
Matrix directions(std::span<const float> sample, std::span<const float> centre) {
  const std::size_t dim = centre.size();
  Matrix result(sample.size() / dim, dim);
  for (std::size_t row = 0; row < result.rows(); ++row) {
    float* values = result.row(row);
    double squares = 0;
    for (std::size_t i = 0; i < dim; ++i) {
      values[i] = sample[row * dim + i] - centre[i];
      squares += double{values[i]} * values[i];
    }
    if (squares == 0) continue;
    for (std::size_t i = 0; i < dim; ++i) values[i] = static_cast<float>(values[i] / std::sqrt(squares));
  }
  return result;
}

Matrix random_rotation(std::size_t dim, std::uint64_t seed) {
  const FastRotation rotation(dim, seed);
  std::vector<float> scratch(dim);
  Matrix result = identity(dim);
  for (std::size_t row = 0; row < dim; ++row) rotation.apply(result.row_values(row), scratch);
  return result;
}

void take_signs(Matrix& matrix) {
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    for (float& value : matrix.row_values(row)) value = value > 0 ? 1.0f : -1.0f;
  }
}

// One turn: the rotation that brings the rows nearest to the signs that they have now.
Matrix next_rotation(const Matrix& rows, const Matrix& rows_transposed, const Matrix& rotation, ThreadPool* pool) {
  Matrix signs = product(rows, rotation, pool);
  take_signs(signs);
  Matrix pull = product(rows_transposed, signs, pool);
  double along = 0;
  for (std::size_t row = 0; row < pull.rows(); ++row) {
    for (std::size_t i = 0; i < pull.columns(); ++i) along += double{pull.row(row)[i]} * rotation.row(row)[i];
  }
  const auto inertia = static_cast<float>(kInertia * along / static_cast<double>(pull.rows()));
  for (std::size_t row = 0; row < pull.rows(); ++row) {
    for (std::size_t i = 0; i < pull.columns(); ++i) pull.row(row)[i] += inertia * rotation.row(row)[i];
  }
  return polar_factor(pull, pool);
}

// The dimensions that codes hold, as a dim x code_dims basis; empty where they hold all.
Matrix scanned_directions(const Matrix& rows, std::uint64_t seed, ThreadPool* pool) {
  const std::size_t most = rows.columns() / 2 / kScannedDims * kScannedDims;
  if (most == 0) return {};
  const Matrix moment = product(transposed(rows), rows, pool);
  const LeadingDirections leading = leading_directions(moment, most, seed, pool);
  double total = 0;
  for (std::size_t i = 0; i < moment.rows(); ++i) total += moment.row(i)[i];
  double carried = 0;
  for (std::size_t i = 0; i < most; ++i) {
    carried += leading.energies[i];
    const std::size_t dims = i + 1;
    if (dims % kScannedDims == 0 && carried >= kScannedEnergy * total) return first_columns(transposed(leading.rows), dims);
  }
  return {};
}

// The part of the vectors' energy that is not their mean's.
double spread_of(const Matrix& directions, double total) {
  double energy = 0;
  std::vector<double> sums(directions.columns());
  for (std::size_t row = 0; row < directions.rows(); ++row) {
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += directions.row(row)[i];
  }
  for (double sum : sums) energy += sum * sum;
  const auto count = static_cast<double>(directions.rows());
  return std::max(1 - energy / (count * total), kSmallestSpread);
}

// The second moment of the rows' directions in the rotated space, mixed with the identity. Its trace is 1 but for what a mean adds,
// so that a large mean takes no weight from the other directions.
Matrix shaping_of(std::span<const float> sample, const Matrix& rotation, ThreadPool* pool) {
  const std::size_t dims = rotation.columns();
  const std::vector<float> origin(rotation.rows());
  const Matrix rotated = product(directions(sample, origin), rotation, pool);
  Matrix moment = product(transposed(rotated), rotated, pool);
  double trace = 0;
  for (std::size_t i = 0; i < dims; ++i) trace += moment.row(i)[i];
  const auto factor = static_cast<float>(trace > 0 ? (1 - kUnforeseen) / (trace * spread_of(rotated, trace)) : 0);
  for (std::size_t row = 0; row < dims; ++row) {
    for (float& value : moment.row_values(row)) value *= factor;
    moment.row(row)[row] += kUnforeseen / static_cast<float>(dims);
  }
  return moment;
}

// What the levels of the sample's rows give under a coding.
struct SampleCodes {
  double mean_step = 0;   // of the levels before they were moved
  double mean_scale = 0;  // unbiased, after
};

SampleCodes measure(const ResidualCoding& coding, const Matrix& rotation, const Matrix& shaping, std::span<const float> sample) {
  const LearnedQuantizer quantizer(coding, rotation, shaping);
  ResidualQuantizer::Batch batch(coding.dim, rotation.columns());
  SampleCodes sums;
  double measured = 0;
  const std::size_t batch_values = ResidualQuantizer::kBatchRows * coding.dim;
  for (std::size_t first = 0; first < sample.size(); first += batch_values) {
    quantizer.code_batch(sample.subspan(first, std::min(batch_values, sample.size() - first)), batch);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const auto levels = std::span<const std::int8_t>(batch.levels).subspan(row * rotation.columns(), rotation.columns());
      const float scale = unbiased_scale(batch.rotated.row_values(row), levels);
      if (scale == 0) continue;
      sums.mean_step += batch.steps[row];
      sums.mean_scale += scale;
      ++measured;
    }
  }
  if (measured == 0) return {};
  return {sums.mean_step / measured, sums.mean_scale / measured};
}

// One scale for all rows where they have the same length.
void fix_scale(ResidualCoding& coding, const Matrix& rotation, const Matrix& shaping, std::span<const float> sample) {
  coding.fixed_step = static_cast<float>(measure(coding, rotation, shaping, sample).mean_step);
  if (coding.bits == 1) coding.fixed_step *= kStepStretch;
  if (coding.fixed_step == 0) return;
  coding.fixed_scale = 1;
  coding.fixed_scale = static_cast<float>(measure(coding, rotation, shaping, sample).mean_scale);
}

}  // namespace

std::unique_ptr<const LearnedQuantizer> train_learned_quantizer(const IndexConfig& config, std::span<const float> sample,
                                                                std::uint64_t seed, ThreadPool* pool, const std::atomic<bool>& stop,
                                                                CodeLength length) {
  // Rows that training does not see tell what it is worth.
  const auto unseen = sample.last(std::min(kUnseenRows, sample.size() / config.dim / 5) * config.dim);
  const auto seen = sample.first(sample.size() - unseen.size());
  ResidualCoding coding{
      .dim = config.dim, .bits = config.code_bits, .relative_error = 1, .centre = mean_of(seen, config.dim), .trained = true};
  Matrix rows = directions(seen, coding.centre);
  const Matrix basis = length == CodeLength::kForScans ? scanned_directions(rows, seed, pool) : Matrix();
  if (basis.columns() != 0) rows = product(rows, basis, pool);
  const Matrix rows_transposed = transposed(rows);
  Matrix rotation = random_rotation(rows.columns(), seed);
  for (int turn = 0; turn < turns(rows.columns()); ++turn) {
    if (stop.load(std::memory_order_relaxed)) return nullptr;
    Matrix next = next_rotation(rows, rows_transposed, rotation, pool);
    if (!(orthonormality_error(next, pool) < kOrthonormalEnough)) break;
    rotation = std::move(next);
  }
  if (basis.columns() != 0) rotation = product(basis, rotation, pool);
  const Matrix shaping = shaping_of(seen, rotation, pool);
  if (config.metric == Metric::kCosine) {
    fix_scale(coding, rotation, shaping, seen.first(std::min(seen.size(), kMeasuredRows * config.dim)));
  }
  const LearnedQuantizer quantizer(coding, rotation, shaping);
  coding.relative_error = static_cast<float>(measured_error(quantizer, unseen, config.dim));
  return std::make_unique<LearnedQuantizer>(std::move(coding), rotation, shaping);
}

}  // namespace orthant
