#include "engine/collection/stored_value.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/float_values.h"
#include "base/half.h"
#include "engine/collection/code_values.h"

namespace orthant {
namespace {

std::size_t number_bytes(VectorDatatype datatype) {
  switch (datatype) {
    case VectorDatatype::kFloat32: return sizeof(float);
    case VectorDatatype::kFloat16: return sizeof(std::uint16_t);
    case VectorDatatype::kUint8: return 1;
  }
  return sizeof(float);
}

std::unexpected<Error> bad_length(std::string_view what, std::size_t found) {
  return data_corruption(fmt::format("{}: {} bytes do not fit", what, found));
}

}  // namespace

std::size_t stored_row_bytes(const VectorConfig& config) {
  if (config.index.form != VectorForm::kFloat32) return vector_bytes(config.index.form, config.index.dim);
  return number_bytes(config.datatype) * config.index.dim;
}

Status append_numbers(VectorDatatype datatype, std::span<const float> numbers, std::string& out) {
  if (datatype == VectorDatatype::kFloat32) {
    out.append(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes());
    return {};
  }
  for (const float number : numbers) {
    if (datatype == VectorDatatype::kUint8) {
      // As a cast that saturates: what lies between is cut, what lies outside goes to the nearest.
      out.push_back(static_cast<char>(static_cast<std::uint8_t>(std::clamp(number, 0.0F, 255.0F))));
      continue;
    }
    const std::uint16_t half = float16_from_float(number);
    if ((half & 0x7fffU) == 0x7c00U) return invalid_argument(fmt::format("{} does not fit into a float16", number));
    append_value(out, half);
  }
  return {};
}

void read_numbers(VectorDatatype datatype, std::string_view bytes, std::span<float> out) {
  switch (datatype) {
    case VectorDatatype::kFloat32: std::memcpy(out.data(), bytes.data(), out.size_bytes()); break;
    case VectorDatatype::kFloat16:
      for (std::size_t i = 0; i < out.size(); ++i) {
        std::uint16_t half = 0;
        std::memcpy(&half, bytes.data() + i * sizeof half, sizeof half);
        out[i] = float_from_float16(half);
      }
      break;
    case VectorDatatype::kUint8:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(static_cast<std::uint8_t>(bytes[i]));
      break;
  }
}

std::string stored_bytes(const SparseVector& vector) {
  std::string out;
  out.reserve(sizeof(std::uint32_t) + vector.indices.size() * (sizeof(std::uint32_t) + sizeof(float)));
  append_value(out, static_cast<std::uint32_t>(vector.indices.size()));
  out.append(reinterpret_cast<const char*>(vector.indices.data()), vector.indices.size() * sizeof(std::uint32_t));
  out.append(reinterpret_cast<const char*>(vector.values.data()), vector.values.size() * sizeof(float));
  return out;
}

Result<std::string> stored_bytes(VectorDatatype datatype, const MultiVector& vector) {
  std::string out;
  out.reserve(vector.values.size() * number_bytes(datatype));
  ORTHANT_TRY(append_numbers(datatype, vector.values, out));
  return out;
}

Result<SparseVector> sparse_of(std::string_view bytes) {
  std::uint32_t count = 0;
  if (bytes.size() < sizeof count) return bad_length("sparse vector", bytes.size());
  std::memcpy(&count, bytes.data(), sizeof count);
  if (bytes.size() != sizeof count + std::size_t{count} * (sizeof(std::uint32_t) + sizeof(float))) {
    return bad_length("sparse vector", bytes.size());
  }
  SparseVector vector;
  vector.indices.resize(count);
  vector.values.resize(count);
  std::memcpy(vector.indices.data(), bytes.data() + sizeof count, count * sizeof(std::uint32_t));
  std::memcpy(vector.values.data(), bytes.data() + sizeof count + count * sizeof(std::uint32_t), count * sizeof(float));
  return vector;
}

Result<MultiVector> multi_of(const VectorConfig& config, std::string_view bytes) {
  const std::size_t row_bytes = stored_row_bytes(config);
  if (bytes.empty() || bytes.size() % row_bytes != 0) return bad_length("multivector", bytes.size());
  MultiVector vector{.values = std::vector<float>(bytes.size() / row_bytes * config.index.dim), .dim = config.index.dim};
  read_numbers(config.datatype, bytes, vector.values);
  return vector;
}

Result<VectorValue> value_of(const VectorConfig& config, std::string_view bytes) {
  if (config.kind == VectorKind::kSparse) return ORTHANT_TRY(sparse_of(bytes));
  if (config.kind == VectorKind::kMulti) return ORTHANT_TRY(multi_of(config, bytes));
  if (bytes.size() != stored_row_bytes(config)) return bad_length("vector", bytes.size());
  if (config.index.form != VectorForm::kFloat32) return floats_of(config.index, bytes);
  std::vector<float> floats(config.index.dim);
  read_numbers(config.datatype, bytes, floats);
  return floats;
}

void read_indexed_row(const VectorConfig& config, std::string_view bytes, std::span<float> out) {
  read_numbers(config.datatype, bytes, out);
  if (config.datatype == VectorDatatype::kUint8 && config.index.metric == Metric::kCosine) scale_to_unit_length(out);
}

}  // namespace orthant
