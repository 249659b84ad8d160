#include "encoder/model/quantization_config.h"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/config_file.h"
#include "encoder/model/json_quote.h"

namespace orthant {
namespace {

constexpr std::string_view kField = "quantization_config";
constexpr std::string_view kMethod = "orthant";
constexpr std::uint64_t kFormatVersion = 1;

constexpr std::string_view kStatic = "static";
constexpr std::string_view kDynamic = "dynamic";

using Object = simdjson::dom::object;

std::optional<std::string_view> text_of(const Object& object, std::string_view key) {
  std::string_view text;
  if (object[key].get_string().get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

// Absent: 0. Nothing: it is no such number.
std::optional<std::size_t> size_of(const Object& object, std::string_view key) {
  simdjson::dom::element value;
  if (object[key].get(value) != simdjson::SUCCESS) return std::size_t{0};
  std::uint64_t number = 0;
  if (value.get_uint64().get(number) != simdjson::SUCCESS) return std::nullopt;
  return static_cast<std::size_t>(number);
}

class Reader {
 public:
  explicit Reader(const ConfigFile& config) : config_(config) {}

  Result<QuantizationConfig> read(const Object& object) const {
    const auto method = text_of(object, "quant_method");
    if (method != kMethod) {
      return invalid_argument(
          fmt::format("{}: {}.quant_method: found \"{}\", expected \"{}\": folders that other tools quantized are "
                      "not supported",
                      config_.path().string(), kField, method.value_or("nothing"), kMethod));
    }
    const auto version = size_of(object, "format_version");
    if (!version || *version == 0) return wrong("format_version", "a whole number from 1");
    if (*version > kFormatVersion) {
      return invalid_argument(fmt::format("{}: {}.format_version: found {}, this version of Orthant knows up to {}",
                                          config_.path().string(), kField, *version, kFormatVersion));
    }
    Object layers;
    if (object["layers"].get_object().get(layers) != simdjson::SUCCESS) return wrong("layers", "an object with a member a layer");
    QuantizationConfig quantization;
    for (const auto& [name, value] : layers) {
      Object fields;
      if (value.get_object().get(fields) != simdjson::SUCCESS) return wrong_in(name, "", "an object");
      quantization.layers.insert_or_assign(std::string(name), ORTHANT_TRY(read_layer(name, fields)));
    }
    return quantization;
  }

 private:
  Result<StoredLayer> read_layer(std::string_view name, const Object& fields) const {
    StoredLayer layer;
    const auto precision = parse_weight_precision(text_of(fields, "precision").value_or(""));
    if (!precision || *precision == WeightPrecision::kAuto || *precision == WeightPrecision::kMixed) {
      return wrong_in(name, ".precision", "float32, bfloat16, float16, int8, int4 or nf4");
    }
    layer.precision = *precision;
    const auto group_size = size_of(fields, "group_size");
    const auto rotation_block = size_of(fields, "rotation_block");
    if (!group_size) return wrong_in(name, ".group_size", "a whole number");
    if (!rotation_block) return wrong_in(name, ".rotation_block", "a whole number");
    layer.group_size = *group_size;
    layer.rotation_block = *rotation_block;
    simdjson::dom::element factors;
    if (fields["input_factors"].get(factors) == simdjson::SUCCESS &&
        factors.get_bool().get(layer.input_factors) != simdjson::SUCCESS) {
      return wrong_in(name, ".input_factors", "true or false");
    }
    const std::string_view activations = text_of(fields, "activations").value_or(kDynamic);
    if (activations != kStatic && activations != kDynamic) return wrong_in(name, ".activations", "\"dynamic\" or \"static\"");
    layer.static_activations = activations == kStatic;
    return layer;
  }

  std::unexpected<Error> wrong(std::string_view field, std::string_view expected) const {
    return data_corruption(fmt::format("{}: {}.{}: expected {}", config_.path().string(), kField, field, expected));
  }
  std::unexpected<Error> wrong_in(std::string_view layer, std::string_view field, std::string_view expected) const {
    return data_corruption(
        fmt::format("{}: {}.layers[\"{}\"]{}: expected {}", config_.path().string(), kField, layer, field, expected));
  }

  const ConfigFile& config_;
};

std::string layer_text(const StoredLayer& layer) {
  std::string text = fmt::format(R"({{"precision": "{}")", weight_precision_name(layer.precision));
  if (layer.group_size != 0) text += fmt::format(R"(, "group_size": {})", layer.group_size);
  if (layer.rotation_block != 0) text += fmt::format(R"(, "rotation_block": {})", layer.rotation_block);
  if (layer.input_factors) text += R"(, "input_factors": true)";
  if (layer.static_activations) text += fmt::format(R"(, "activations": "{}")", kStatic);
  return text + "}";
}

}  // namespace

Result<std::optional<QuantizationConfig>> read_quantization_config(const ConfigFile& config) {
  const auto value = config.element(kField);
  if (!value) return std::nullopt;
  Object object;
  if (value->get_object().get(object) != simdjson::SUCCESS) return config.mismatch(kField, "an object");
  return ORTHANT_TRY(Reader(config).read(object));
}

Result<std::string> with_quantization_config(const std::string& config, const QuantizationConfig& quantization) {
  simdjson::dom::parser parser;
  Object object;
  if (parser.parse(config).get_object().get(object) != simdjson::SUCCESS) return data_corruption("config.json is no JSON object");
  if (object[kField].error() == simdjson::SUCCESS) {
    return fail(ErrorCode::kFailedPrecondition, "config.json has a quantization_config already: the model is quantized");
  }
  std::string text = config.substr(0, config.find_last_of('}'));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (object.size() != 0) text += ',';
  text += fmt::format("\n  \"{}\": {{\n    \"quant_method\": \"{}\",\n    \"format_version\": {},\n    \"layers\": {{", kField,
                      kMethod, kFormatVersion);
  bool first = true;
  for (const auto& [name, layer] : quantization.layers) {
    text += fmt::format("{}\n      {}: {}", first ? "" : ",", quoted_json(name), layer_text(layer));
    first = false;
  }
  return text + "\n    }\n  }\n}\n";
}

}  // namespace orthant
