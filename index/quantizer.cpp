#include "index/quantizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "index/learned_quantizer.h"
#include "index/rotated_quantizer.h"
#include "index/sign_quantizer.h"

namespace orthant {
namespace {

// Fewer rows say nothing about rotations.
constexpr std::size_t kFewestLearnedRows = 128;

// For ranges alone: the least and the greatest of so many leave out one value in as many.
constexpr std::size_t kRowsForRanges = 16'384;

bool lengths_differ(Metric metric) {
  return metric == Metric::kDot || metric == Metric::kEuclid;
}

// The seed and the centre are all that a random rotation has.
std::unique_ptr<const BinaryQuantizer> train_rotated(const IndexConfig& config, std::span<const float> sample, std::uint64_t seed) {
  ResidualCoding coding{.dim = config.dim,
                        .bits = config.code_bits,
                        .relative_error = random_rotation_error(config.code_bits),
                        .centre = mean_of(sample, config.dim),
                        .trained = true};
  return std::make_unique<RotatedQuantizer>(std::move(coding), seed);
}

}  // namespace

EstimateTables make_estimate_tables(const CodeQuery& query) {
  return {make_signed_sum_tables(query.weights), query.constant};
}

std::unique_ptr<const BinaryQuantizer> make_binary_quantizer(const IndexConfig& config) {
  if (config.code_bits == 1) return std::make_unique<SignQuantizer>(config.dim, lengths_differ(config.metric));
  return RotatedQuantizer::untrained(config.dim, config.code_bits);
}

BinaryCodes trained_codes(const IndexConfig& config) {
  if (config.metric == Metric::kManhattan && config.code_bits == 1) return BinaryCodes::kSign;
  if (config.binary_codes == BinaryCodes::kSign || config.binary_codes == BinaryCodes::kRotated) return config.binary_codes;
  return config.dim <= kLargestLearnedDim ? BinaryCodes::kLearned : BinaryCodes::kRotated;
}

bool is_trainable(const IndexConfig& config) {
  if (config.form != VectorForm::kFloat32) return false;
  return trained_codes(config) != BinaryCodes::kSign || config.int8_codes == Int8Codes::kDimension;
}

// Training costs rows * dim^2; every dimension needs some rows.
std::size_t wanted_training_rows(const IndexConfig& config) {
  if (!is_trainable(config)) return 0;
  if (trained_codes(config) == BinaryCodes::kSign) return kRowsForRanges;
  constexpr double kProducts = 16'384.0 * 384 * 384;
  const double affordable = kProducts / (static_cast<double>(config.dim) * static_cast<double>(config.dim));
  return static_cast<std::size_t>(std::clamp(affordable, 4'096.0, 32'768.0));
}

Result<std::unique_ptr<const BinaryQuantizer>> train_binary_quantizer(const IndexConfig& config, std::span<const float> sample,
                                                                      std::uint64_t seed, ThreadPool* pool,
                                                                      const std::atomic<bool>& stop, CodeLength length) {
  const BinaryCodes codes = trained_codes(config);
  if (codes == BinaryCodes::kSign || sample.empty()) return make_binary_quantizer(config);
  if (codes == BinaryCodes::kLearned && sample.size() / config.dim >= kFewestLearnedRows) {
    std::unique_ptr<const BinaryQuantizer> learned = train_learned_quantizer(config, sample, seed, pool, stop, length);
    if (!learned) return fail(ErrorCode::kCancelled, "training of codes: stopped");
    return learned;
  }
  return train_rotated(config, sample, seed);
}

Result<std::unique_ptr<const BinaryQuantizer>> restore_binary_quantizer(const IndexConfig& config, std::string_view name,
                                                                        std::string_view parameters) {
  std::unique_ptr<const BinaryQuantizer> restored;
  if (name == "sign" && config.code_bits == 1 && parameters.empty()) restored = make_binary_quantizer(config);
  if (name == "rotated") restored = RotatedQuantizer::restore(config, parameters);
  if (name == "learned") restored = LearnedQuantizer::restore(config, parameters);
  if (restored) return restored;
  return data_corruption(fmt::format("quantizer \"{}\" with {} bytes of parameters: not one of {} dimensions and {} bits", name,
                                     parameters.size(), config.dim, config.code_bits));
}

}  // namespace orthant
