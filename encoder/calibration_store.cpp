#include "encoder/calibration_store.h"

#include <filesystem>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/npy.h"
#include "encoder/calibration_texts.h"
#include "encoder/encoder.h"
#include "encoder/output_quantization.h"

namespace orthant {
namespace {

std::filesystem::path ranges_file(const EncoderInfo& info, std::size_t dim) {
  std::string identity = fmt::format("{} {} {}", info.model_sha256, info.max_seq_length, kCalibrationTexts);
  if (info.weight_precision != "float32") identity += " " + info.weight_precision;
  if (dim != info.dim) identity += fmt::format(" {}", dim);
  return info.folder / fmt::format("orthant-ranges-{:016x}.npy", checksum64(identity));
}

Result<EmbeddingMatrix> read_ranges(const std::filesystem::path& file, std::size_t dim) {
  FloatMatrix matrix = ORTHANT_TRY(read_npy_floats(file));
  if (matrix.rows != 2 || matrix.columns != dim) {
    return data_corruption(fmt::format("{}: {} x {} values, expected 2 x {}", file.string(), matrix.rows, matrix.columns, dim));
  }
  return EmbeddingMatrix{matrix.rows, matrix.columns, std::move(matrix.values)};
}

Result<EmbeddingMatrix> make_ranges(const Encoder& encoder, std::size_t dim) {
  const std::vector<std::string_view> texts = calibration_texts();
  EncodeOptions options;
  options.dimensions = dim;
  const EncodeResult encoded = ORTHANT_TRY(encoder.encode(texts, options));
  QuantizationRanges ranges = ORTHANT_TRY(ranges_of(encoded.embeddings));
  EmbeddingMatrix matrix{2, dim, std::move(ranges.minima)};
  matrix.values.insert(matrix.values.end(), ranges.maxima.begin(), ranges.maxima.end());
  return matrix;
}

}  // namespace

std::vector<std::string_view> calibration_texts() {
  std::vector<std::string_view> texts;
  std::string_view rest = kCalibrationTexts;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) texts.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return texts;
}

Result<EmbeddingMatrix> CalibrationStore::ranges(const Encoder& encoder, std::size_t dimensions) {
  const std::size_t dim = dimensions == 0 ? encoder.info().dim : dimensions;
  const std::lock_guard lock(mutex_);
  if (const auto known = ranges_.find(dim); known != ranges_.end()) return known->second;
  const std::filesystem::path file = ranges_file(encoder.info(), dim);
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    Result<EmbeddingMatrix> kept = read_ranges(file, dim);
    if (kept) return ranges_[dim] = std::move(*kept);
    log_warning(fmt::format("calibration ranges are made anew: {}", kept.error().message));
  }
  const EmbeddingMatrix made = ORTHANT_TRY(make_ranges(encoder, dim));
  const ByteSpan bytes(reinterpret_cast<const std::uint8_t*>(made.values.data()), made.values.size() * sizeof(float));
  ignore_error(write_npy(file, NpyType::kFloat32, 2, dim, bytes), "a model's folder may be read-only");
  return ranges_[dim] = made;
}

}  // namespace orthant
