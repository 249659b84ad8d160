#include "index/rotated_quantizer.h"

#include <cmath>

#include "base/bytes.h"

namespace orthant {
namespace {

constexpr std::uint64_t kUntrainedSeed = 0x0417;
constexpr int kSweeps = 2;
// What the direction of the centre weighs against all others together.
constexpr float kCentreWeight = 1;

}  // namespace

RotatedQuantizer::RotatedQuantizer(ResidualCoding coding, std::uint64_t seed)
    : ResidualQuantizer(coding, coding.dim), rotation_(this->coding().dim, seed), seed_(seed) {
  double squares = 0;
  for (float value : this->coding().centre) squares += double{value} * value;
  if (squares == 0) return;
  direction_ = this->coding().centre;
  std::vector<float> scratch(direction_.size());
  rotation_.apply(direction_, scratch);
  for (float& value : direction_) value = static_cast<float>(value / std::sqrt(squares));
}

std::unique_ptr<const RotatedQuantizer> RotatedQuantizer::untrained(std::size_t dim, unsigned bits) {
  ResidualCoding coding{
      .dim = dim, .bits = bits, .relative_error = random_rotation_error(bits), .centre = std::vector<float>(dim), .trained = false};
  return std::make_unique<RotatedQuantizer>(std::move(coding), kUntrainedSeed);
}

std::unique_ptr<const RotatedQuantizer> RotatedQuantizer::restore(const IndexConfig& config, std::string_view parameters) {
  ByteReader reader(parameters);
  const auto seed = reader.read<std::uint64_t>();
  auto coding = seed ? read_coding(reader, config) : std::nullopt;
  if (!coding || coding->fixed_scale != 0 || !reader.at_end()) return nullptr;
  return std::make_unique<RotatedQuantizer>(std::move(*coding), *seed);
}

std::string RotatedQuantizer::parameters() const {
  std::string out;
  append_value(out, seed_);
  append_coding(out, coding());
  return out;
}

void RotatedQuantizer::rotate(Matrix& vectors, std::size_t rows, Matrix& rotated) const {
  for (std::size_t row = 0; row < rows; ++row) {
    std::ranges::copy(vectors.row_values(row), rotated.row(row));
    rotation_.apply(rotated.row_values(row), vectors.row_values(row));
  }
}

// H is 1 / dim on the diagonal plus the centre's direction: the error along it is a number, kept up with every move.
void RotatedQuantizer::shape_errors(Batch& batch) const {
  if (direction_.empty()) return;
  const std::size_t dim = direction_.size();
  const int largest = largest_level(coding().bits);
  const float share = 1 / static_cast<float>(dim);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const float* values = batch.rotated.row(row);
    std::int8_t* levels = batch.levels.data() + row * dim;
    const float step = batch.steps[row];
    float along = 0;
    for (std::size_t i = 0; i < dim; ++i) along += direction_[i] * (values[i] - step * static_cast<float>(levels[i]));
    for (int sweep = 0; sweep < kSweeps; ++sweep) {
      for (std::size_t i = 0; i < dim; ++i) {
        const float slope = share * (values[i] - step * static_cast<float>(levels[i])) + kCentreWeight * direction_[i] * along;
        const int move = slope > 0 ? 2 : -2;
        const float curve = share + kCentreWeight * direction_[i] * direction_[i];
        if (std::fabs(slope) <= step * curve || std::abs(levels[i] + move) > largest) continue;
        levels[i] = static_cast<std::int8_t>(levels[i] + move);
        along -= direction_[i] * step * static_cast<float>(move);
      }
    }
  }
}

}  // namespace orthant
