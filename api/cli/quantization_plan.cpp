#include "api/cli/quantization_plan.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "api/cli/document_reader.h"
#include "api/json/json_reader.h"

namespace orthant {
namespace {

constexpr std::string_view kFormat = "orthant-quantization-plan";
constexpr std::uint64_t kVersion = 1;

bool has_integer_codes(WeightPrecision precision) {
  return precision == WeightPrecision::kInt8 || precision == WeightPrecision::kInt4;
}

Status expect_known_fields(JsonValue object, std::span<const std::string_view> known) {
  ORTHANT_TRY(object.expect_object());
  for (const JsonValue member : object.items()) {
    if (std::ranges::find(known, member.key()) != known.end()) continue;
    return member.format_error(fmt::format("unknown field, expected {}", fmt::join(known, ", ")));
  }
  return {};
}

Status read_parameters(JsonValue object, LayerScheme& scheme) {
  static constexpr std::array<std::string_view, 6> kKnown = {"rotate", "gptq", "smooth", "activations", "group_size", "grid"};
  ORTHANT_TRY(expect_known_fields(object, kKnown));
  scheme.rotate = ORTHANT_TRY(object.find_bool("rotate")).value_or(scheme.rotate);
  scheme.gptq = ORTHANT_TRY(object.find_bool("gptq")).value_or(scheme.gptq);
  scheme.balance = ORTHANT_TRY(object.find_double("smooth")).value_or(scheme.balance);
  if (!(scheme.balance >= 0 && scheme.balance <= 1)) return object.format_error("smooth: expected 0 to 1");
  if (const auto name = ORTHANT_TRY(object.find_string("activations"))) {
    scheme.activations = ORTHANT_TRY(parse_activation_scale(*name));
  }
  if (const auto name = ORTHANT_TRY(object.find_string("grid"))) scheme.int4_scheme = ORTHANT_TRY(parse_int4_scheme(*name));
  if (const auto size = ORTHANT_TRY(object.find_uint("group_size"))) {
    if (*size != 32 && *size != 64 && *size != 128) return object.format_error("group_size: expected 32, 64 or 128");
    scheme.group_size = *size;
  }
  return {};
}

Result<std::pair<std::string, LayerScheme>> read_layer(JsonValue entry) {
  const std::string name = ORTHANT_TRY(ORTHANT_TRY(entry.require("layer")).as_string());
  const std::string precision = ORTHANT_TRY(ORTHANT_TRY(entry.require("precision")).as_string());
  LayerScheme scheme;
  scheme.precision = ORTHANT_TRY(parse_weight_precision(precision));
  if (scheme.precision == WeightPrecision::kAuto || scheme.precision == WeightPrecision::kMixed) {
    return entry.format_error(fmt::format("precision: \"{}\" is not a precision of one layer", precision));
  }
  if (const auto parameters = entry.find("parameters")) ORTHANT_TRY(read_parameters(*parameters, scheme));
  return std::pair(name, scheme);
}

Result<QuantizationPlan> parse_plan(std::string text) {
  const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::move(text)));
  const JsonValue root = document.root();
  const std::string format = ORTHANT_TRY(ORTHANT_TRY(root.require("format")).as_string());
  const std::uint64_t version = ORTHANT_TRY(ORTHANT_TRY(root.require("version")).as_uint());
  if (format != kFormat || version != kVersion) {
    return invalid_argument(fmt::format("format {} {}: expected {} {}", format, version, kFormat, kVersion));
  }
  const JsonValue layers = ORTHANT_TRY(root.require("layers"));
  ORTHANT_TRY(layers.expect_array());
  QuantizationPlan plan;
  std::set<std::string> names;
  for (const JsonValue entry : layers.items()) {
    plan.push_back(ORTHANT_TRY(read_layer(entry)));
    if (!names.insert(plan.back().first).second) return entry.format_error(fmt::format("\"{}\" is named twice", plan.back().first));
  }
  return plan;
}

}  // namespace

void append_parameters(JsonWriter& json, const LayerScheme& scheme) {
  json.begin_object();
  if (has_integer_codes(scheme.precision)) {
    json.key("rotate").boolean(scheme.rotate);
    json.key("smooth").number(scheme.balance);
    json.key("gptq").boolean(scheme.gptq);
    json.key("activations").string(activation_scale_name(scheme.activations));
  }
  if (scheme.precision == WeightPrecision::kInt4) {
    json.key("group_size").number(scheme.group_size);
    json.key("grid").string(int4_scheme_name(scheme.int4_scheme));
  }
  json.end_object();
}

std::string describe_scheme(const LayerScheme& scheme) {
  std::string text(weight_precision_name(scheme.precision));
  if (scheme.precision == WeightPrecision::kInt4) {
    text += fmt::format(", {} groups of {}", int4_scheme_name(scheme.int4_scheme), scheme.group_size);
  }
  if (!has_integer_codes(scheme.precision)) return text;
  text += scheme.gptq ? ", GPTQ" : ", to the nearest";
  if (scheme.balance > 0) text += fmt::format(", smoothed {:g}", scheme.balance);
  if (scheme.rotate) text += ", rotated";
  return text + fmt::format(", {} activations", scheme.activations == ActivationScale::kDynamic
                                                    ? "dynamic"
                                                    : fmt::format("static ({})", activation_scale_name(scheme.activations)));
}

std::string plan_json(std::string_view model, std::span<const LayerReport> layers) {
  // A line a layer: people edit it.
  std::string text = fmt::format("{{\"format\": \"{}\", \"version\": {}, \"model\": ", kFormat, kVersion);
  append_json_string(text, model);
  text += ", \"layers\": [\n";
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::string line;
    JsonWriter json(line);
    json.begin_object();
    json.key("layer").string(layers[i].name);
    json.key("precision").string(weight_precision_name(layers[i].scheme.precision));
    json.key("parameters");
    append_parameters(json, layers[i].scheme);
    json.key("sensitivity").number(layers[i].sensitivity);
    json.key("bytes").number(layers[i].memory_bytes);
    json.end_object();
    text += "  " + line + (i + 1 < layers.size() ? ",\n" : "\n");
  }
  return text + "]}\n";
}

Result<QuantizationPlan> read_plan(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return not_found(file.string() + ": no such file");
  auto plan = parse_plan(std::string(std::istreambuf_iterator<char>(in), {}));
  if (!plan) return with_context(file.string(), line_error(plan.error()).error());
  return plan;
}

}  // namespace orthant
