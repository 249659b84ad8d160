#include "index/learned_quantizer.h"

#include <cmath>

#include "index/kernels/dispatch.h"

namespace orthant {
namespace {

constexpr int kSweeps = 3;
constexpr std::size_t kGroup = 16;

void append_matrix(std::string& out, const Matrix& matrix) {
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    const auto values = matrix.row_values(row);
    out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  }
}

bool read_matrix(ByteReader& reader, Matrix& matrix) {
  for (std::size_t row = 0; row < matrix.rows(); ++row) {
    if (!read_finite(reader, matrix.row_values(row))) return false;
  }
  return true;
}

// The only one whose matrices hold so many values; 0: none does.
std::size_t code_dims_of(std::size_t value_count, std::size_t dim) {
  for (std::size_t code_dims = 1; code_dims <= dim; ++code_dims) {
    if (code_dims * (dim + code_dims) == value_count) return code_dims;
  }
  return 0;
}

}  // namespace

LearnedQuantizer::LearnedQuantizer(ResidualCoding coding, const Matrix& rotation, const Matrix& shaping)
    : ResidualQuantizer(std::move(coding), rotation.columns()),
      rotation_(rotation),
      shaping_(shaping),
      query_rotation_(rotation),
      curves_(shaping_.stride()) {
  for (std::size_t i = 0; i < shaping_.rows(); ++i) curves_[i] = shaping_.at(i, i);
}

std::unique_ptr<const LearnedQuantizer> LearnedQuantizer::restore(const IndexConfig& config, std::string_view parameters) {
  if (config.dim > kLargestLearnedDim) return nullptr;
  ByteReader reader(parameters);
  auto coding = read_coding(reader, config);
  const std::size_t code_dims = code_dims_of(reader.rest().size() / sizeof(float), config.dim);
  if (!coding || code_dims == 0) return nullptr;
  Matrix rotation(config.dim, code_dims);
  Matrix shaping(code_dims, code_dims);
  if (!read_matrix(reader, rotation) || !read_matrix(reader, shaping) || !reader.at_end()) return nullptr;
  return std::make_unique<LearnedQuantizer>(std::move(*coding), rotation, shaping);
}

std::string LearnedQuantizer::parameters() const {
  std::string out;
  append_coding(out, coding());
  append_matrix(out, rotation());
  append_matrix(out, shaping_.matrix());
  return out;
}

void LearnedQuantizer::rotate(Matrix& vectors, std::size_t rows, Matrix& rotated) const {
  rotation_.multiply(vectors, rows, rotated);
}

void LearnedQuantizer::shape_errors(Batch& batch) const {
  const std::size_t dims = code_dims();
  Matrix& errors = batch.residuals;
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const float* values = batch.rotated.row(row);
    const std::int8_t* levels = batch.levels.data() + row * dims;
    float* error = errors.row(row);
    for (std::size_t i = 0; i < dims; ++i) error[i] = values[i] - batch.steps[row] * static_cast<float>(levels[i]);
  }
  shaping_.multiply(errors, batch.rows, batch.slopes);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    shape_row(std::span(batch.levels).subspan(row * dims, dims), batch.steps[row], batch.slopes.row(row));
  }
}

// A move of level i by 2 changes e' H e by 4 * step * (step * H[i][i] - |slope[i]|), where slope = H e.
void LearnedQuantizer::shape_row(std::span<std::int8_t> levels, float step, float* slopes) const {
  const int largest = largest_level(coding().bits);
  const auto pays = [&](std::size_t i) { return std::fabs(slopes[i]) > step * curves_[i]; };
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    bool moved = false;
    for (std::size_t first = 0; first < levels.size(); first += kGroup) {
      // Padding has slope 0 and never pays. Few groups hold a level that does.
      unsigned paying = 0;
      for (std::size_t i = first; i < first + kGroup; ++i) paying |= pays(i) ? 1u : 0u;
      if (paying == 0) continue;
      for (std::size_t i = first; i < std::min(first + kGroup, levels.size()); ++i) {
        const int move = slopes[i] > 0 ? 2 : -2;
        if (!pays(i) || std::abs(levels[i] + move) > largest) continue;
        levels[i] = static_cast<std::int8_t>(levels[i] + move);
        shaping_.add_row(i, -step * static_cast<float>(move), slopes);
        moved = true;
      }
    }
    if (!moved) return;
  }
}

}  // namespace orthant
