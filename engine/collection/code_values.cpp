#include "engine/collection/code_values.h"

#include <cstdint>
#include <cstring>

namespace orthant {

std::vector<float> floats_of(const IndexConfig& config, std::string_view bytes) {
  std::vector<float> floats(config.dim);
  switch (config.form) {
    case VectorForm::kFloat32: std::memcpy(floats.data(), bytes.data(), config.dim * sizeof(float)); break;
    case VectorForm::kInt8:
      for (std::size_t i = 0; i < config.dim; ++i) floats[i] = static_cast<std::int8_t>(bytes[i]);
      break;
    case VectorForm::kUbinary:
      for (std::size_t i = 0; i < config.dim; ++i) {
        const bool bit = (static_cast<std::uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1) != 0;
        floats[i] = bit ? 1.0F : -1.0F;
      }
      break;
  }
  return floats;
}

}  // namespace orthant
