#pragma once
// QuantizationConfig: what config.json of a quantized folder says about its linear layers (docs/storage_format.md, "Quantized
// model folders"). Plain values.

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "encoder/weight_precision.h"

namespace orthant {

class ConfigFile;

struct StoredLayer {
  WeightPrecision precision = WeightPrecision::kFloat32;
  std::size_t group_size = 0;       // of int4
  std::size_t rotation_block = 0;   // of int8 and int4; 0: no rotation
  bool input_factors = false;       // the file has a tensor of them
  bool static_activations = false;  // the file has a tensor with the step

  bool operator==(const StoredLayer&) const = default;
};

struct QuantizationConfig {
  // By the name of the layer (LinearInfo).
  std::map<std::string, StoredLayer, std::less<>> layers;
};

// Nothing where config.json has no quantization_config. invalid_argument for another method's or a newer format, data_corruption
// for values that make no sense; both name file and field.
Result<std::optional<QuantizationConfig>> read_quantization_config(const ConfigFile& config);

// The text of a config.json with this quantization_config in it. `config` is the text of one that has none.
Result<std::string> with_quantization_config(const std::string& config, const QuantizationConfig& quantization);

}  // namespace orthant
