#include "index/residual_quantizer.h"

#include <array>
#include <cmath>
#include <limits>

#include "index/sign_quantizer.h"
#include "index/vector_sums.h"

namespace orthant {
namespace {

// Half the distance between levels of the best uniform quantizer of a normal variable, in standard deviations (Max 1960).
double normal_step(unsigned bits) {
  return bits == 1 ? 0.798 : bits == 2 ? 0.498 : 0.1676;
}
constexpr std::array kStepFactors = {0.7f, 0.8f, 0.9f, 1.0f, 1.1f, 1.2f, 1.35f};

double root_mean_square(std::span<const float> values) {
  double sum = 0;
  for (float value : values) sum += double{value} * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

void levels_at(std::span<const float> values, float step, unsigned bits, std::span<std::int8_t> levels) {
  const float inverse = step > 0 ? std::min(1 / step, std::numeric_limits<float>::max()) : 0;
  const int largest = largest_level(bits);
  for (std::size_t i = 0; i < values.size(); ++i) levels[i] = nearest_level(values[i], inverse, largest);
}

// <z, l> / |l|, the larger the nearer the directions.
double alignment(std::span<const float> values, std::span<const std::int8_t> levels) {
  float dot = 0;
  int squares = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    dot += values[i] * static_cast<float>(levels[i]);
    squares += levels[i] * levels[i];
  }
  return static_cast<double>(dot) / std::sqrt(static_cast<double>(squares));
}

}  // namespace

float random_rotation_error(unsigned bits) {
  return bits == 1 ? 0.603f : bits == 2 ? 0.650f : 0.637f;
}

void append_coding(std::string& out, const ResidualCoding& coding) {
  append_value(out, static_cast<std::uint8_t>(coding.bits));
  append_value(out, static_cast<std::uint8_t>(coding.trained));
  append_value(out, coding.fixed_scale);
  append_value(out, coding.fixed_step);
  append_value(out, coding.relative_error);
  for (float value : coding.centre) append_value(out, value);
}

std::optional<ResidualCoding> read_coding(ByteReader& reader, const IndexConfig& config) {
  ResidualCoding coding;
  coding.dim = config.dim;
  coding.centre.resize(config.dim);
  const auto bits = reader.read<std::uint8_t>();
  const auto trained = reader.read<std::uint8_t>();
  if (!bits || *bits != config.code_bits || !trained || *trained > 1) return std::nullopt;
  coding.bits = *bits;
  coding.trained = *trained == 1;
  for (float* value : {&coding.fixed_scale, &coding.fixed_step, &coding.relative_error}) {
    if (!read_finite(reader, {value, 1})) return std::nullopt;
  }
  if (!read_finite(reader, coding.centre) || coding.fixed_scale < 0 || coding.fixed_step < 0) return std::nullopt;
  return coding;
}

bool read_finite(ByteReader& reader, std::span<float> values) {
  for (float& value : values) {
    const auto read = reader.read<float>();
    if (!read || !std::isfinite(*read)) return false;
    value = *read;
  }
  return true;
}

std::vector<float> mean_of(std::span<const float> rows, std::size_t dim) {
  std::vector<double> sums(dim);
  for (std::size_t i = 0; i < rows.size(); ++i) sums[i % dim] += rows[i];
  const auto count = static_cast<double>(rows.size() / dim);
  std::vector<float> mean;
  for (double sum : sums) mean.push_back(static_cast<float>(sum / count));
  return mean;
}

float unbiased_scale(std::span<const float> values, std::span<const std::int8_t> levels) {
  double squares = 0;
  double dot = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    squares += double{values[i]} * values[i];
    dot += double{values[i]} * levels[i];
  }
  return dot > 0 ? static_cast<float>(std::min(squares / dot, double{std::numeric_limits<float>::max()})) : 0;
}

float best_step(std::span<const float> values, unsigned bits, std::span<std::int8_t> levels) {
  const double normal = normal_step(bits) * root_mean_square(values);
  float best = static_cast<float>(std::min(normal, double{std::numeric_limits<float>::max()}));
  if (bits > 1) {
    double nearest = -1;
    for (float factor : kStepFactors) {
      const auto step = static_cast<float>(normal * factor);
      levels_at(values, step, bits, levels);
      const double found = alignment(values, levels);
      if (found <= nearest) continue;
      nearest = found;
      best = step;
    }
  }
  levels_at(values, best, bits, levels);
  return best;
}

void ResidualQuantizer::choose_levels(std::span<const float> values, std::span<std::int8_t> levels, float& step) const {
  if (!has_row_scales()) {
    step = coding_.fixed_step;
    return levels_at(values, step, coding_.bits, levels);
  }
  best_step(values, coding_.bits, levels);
  step = unbiased_scale(values, levels);
}

void ResidualQuantizer::code_batch(std::span<const float> rows, Batch& batch) const {
  const std::size_t dim = coding_.dim;
  batch.rows = rows.size() / dim;
  for (std::size_t row = 0; row < batch.rows; ++row) {
    float* residual = batch.residuals.row(row);
    for (std::size_t i = 0; i < dim; ++i) residual[i] = rows[row * dim + i] - coding_.centre[i];
  }
  rotate(batch.residuals, batch.rows, batch.rotated);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    choose_levels(batch.rotated.row_values(row), std::span(batch.levels).subspan(row * code_dims_, code_dims_), batch.steps[row]);
  }
  shape_errors(batch);
}

void ResidualQuantizer::encode(std::span<const float> rows, std::span<std::uint8_t> codes, std::span<float> scales) const {
  const std::size_t dim = coding_.dim;
  const std::size_t count = rows.size() / dim;
  Batch batch(dim, code_dims_);
  for (std::size_t first = 0; first < count; first += kBatchRows) {
    code_batch(rows.subspan(first * dim, std::min(kBatchRows, count - first) * dim), batch);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const auto levels = std::span<const std::int8_t>(batch.levels).subspan(row * code_dims_, code_dims_);
      write_level_code(levels, coding_.bits, codes.subspan((first + row) * code_bytes(), code_bytes()));
      if (has_row_scales()) scales[first + row] = unbiased_scale(batch.rotated.row_values(row), levels);
    }
  }
}

std::vector<float> ResidualQuantizer::rotated(std::span<const float> vector) const {
  Matrix source(1, coding_.dim);
  Matrix target(1, code_dims_);
  std::ranges::copy(vector, source.row(0));
  rotate(source, 1, target);
  return {target.row(0), target.row(0) + code_dims_};
}

CodeQuery ResidualQuantizer::code_query(std::span<const float> query) const {
  const float scale = has_row_scales() ? 1 : coding_.fixed_scale;
  const double of_centre = sum_of_products(query, coding_.centre);
  const double squares = sum_of_products(query, query);
  std::vector<float> weights = rotate_query(query);
  for (float& weight : weights) weight *= -scale;
  return {plane_weights(weights, coding_.bits), static_cast<float>(-of_centre),
          static_cast<float>(coding_.relative_error * scale * std::sqrt(squares))};
}

LookUpTables ResidualQuantizer::hamming_tables(std::span<const float> query) const {
  std::vector<float> residual(query.begin(), query.end());
  for (std::size_t i = 0; i < residual.size(); ++i) residual[i] -= coding_.centre[i];
  std::vector<std::uint8_t> code(level_code_bytes(code_dims_, 1));
  write_sign_code(rotated(residual), code);
  const std::vector<std::uint8_t> all(code.size(), 0xff);
  return make_hamming_tables(as_highest_plane(code, coding_.bits), code_dims_, as_highest_plane(all, coding_.bits));
}

}  // namespace orthant
