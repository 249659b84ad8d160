#include "index/training_sample.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace orthant {
namespace {

constexpr std::size_t kReadRows = 256;
constexpr std::size_t kMostQueries = 64;

// The negated dot product as the contract estimates it, from a row-major code.
double estimate_of(const CodeQuery& query, std::span<const std::uint8_t> code, double scale) {
  double sum = 0;
  for (std::size_t i = 0; i < query.weights.size(); ++i) {
    const bool set = (code[i / 8] >> (7 - i % 8) & 1) != 0;
    sum += set ? query.weights[i] : -query.weights[i];
  }
  return scale * sum + query.constant;
}

// Reads the rows of `ordinals`; those that the store lacks by now are left out.
Status read_rows(const FloatVectors& stored, std::span<const Ordinal> ordinals, std::vector<float>& out) {
  const std::size_t before = out.size();
  out.resize(before + ordinals.size() * stored.dim());
  Status read = stored.read(ordinals, std::span(out).subspan(before));
  if (read || read.error().code != ErrorCode::kDataCorruption) return read;
  out.resize(before);
  std::vector<float> row(stored.dim());
  for (const Ordinal ordinal : ordinals) {
    read = stored.read({&ordinal, 1}, row);
    if (!read && read.error().code == ErrorCode::kDataCorruption) continue;
    ORTHANT_TRY(std::move(read));
    out.insert(out.end(), row.begin(), row.end());
  }
  return {};
}

}  // namespace

Result<std::vector<float>> sample_rows(const FloatVectors& stored, const CodeTables& tables, Ordinal first, Ordinal end,
                                       std::size_t wanted, std::uint64_t seed) {
  std::vector<Ordinal> live;
  for (Ordinal ordinal = first; ordinal < end; ++ordinal) {
    if (!tables.is_buried(ordinal)) live.push_back(ordinal);
  }
  std::mt19937_64 random(seed);
  std::vector<Ordinal> chosen;
  std::ranges::sample(live, std::back_inserter(chosen), static_cast<std::ptrdiff_t>(wanted), random);
  // Queries and rows of a check must not be of one time.
  std::ranges::shuffle(chosen, random);
  std::vector<float> rows;
  for (std::size_t begin = 0; begin < chosen.size(); begin += kReadRows) {
    ORTHANT_TRY(read_rows(stored, std::span(chosen).subspan(begin, std::min(kReadRows, chosen.size() - begin)), rows));
  }
  return rows;
}

CodeError code_error(const BinaryQuantizer& quantizer, std::span<const float> rows, std::size_t dim) {
  const std::size_t query_count = std::min(rows.size() / dim / 4, kMostQueries);
  if (query_count == 0) return {};
  const auto coded = rows.subspan(query_count * dim);
  const std::size_t count = coded.size() / dim;
  std::vector<std::uint8_t> codes(count * quantizer.code_bytes());
  std::vector<float> scales(quantizer.has_row_scales() ? count : 0);
  quantizer.encode(coded, codes, scales);
  double squares = 0;
  double relative_squares = 0;
  double measured = 0;
  for (std::size_t i = 0; i < query_count; ++i) {
    const auto query = rows.subspan(i * dim, dim);
    const CodeQuery prepared = quantizer.code_query(query);
    double query_square = 0;
    for (const float value : query) query_square += double{value} * value;
    for (std::size_t row = 0; row < count; ++row) {
      const double scale = scales.empty() ? 1 : scales[row];
      double exact = 0;
      double row_square = 0;
      for (std::size_t k = 0; k < dim; ++k) {
        exact -= double{query[k]} * coded[row * dim + k];
        row_square += double{coded[row * dim + k]} * coded[row * dim + k];
      }
      const auto code = std::span<const std::uint8_t>(codes).subspan(row * quantizer.code_bytes(), quantizer.code_bytes());
      const double unit = scale * prepared.error;
      if (unit == 0 || query_square * row_square == 0) continue;
      const double error = estimate_of(prepared, code, scale) - exact;
      squares += error / unit * (error / unit);
      relative_squares += error * error / (query_square * row_square);
      ++measured;
    }
  }
  if (measured == 0) return {};
  return {std::sqrt(relative_squares / measured), std::sqrt(squares / measured)};
}

double measured_error(const BinaryQuantizer& quantizer, std::span<const float> rows, std::size_t dim) {
  return code_error(quantizer, rows, dim).ratio;
}

}  // namespace orthant
