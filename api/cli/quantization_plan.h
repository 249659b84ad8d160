#pragma once
// QuantizationPlan: which scheme each linear layer of a model gets, as a JSON file that people read and edit
// (docs/quantization_plans.md has its grammar). Plain values, free functions.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/json/json_writer.h"
#include "base/result.h"
#include "encoder/quantize/quantize.h"

namespace orthant {

using QuantizationPlan = std::vector<std::pair<std::string, LayerScheme>>;

// The precision's own parameters, as an object.
void append_parameters(JsonWriter& json, const LayerScheme& scheme);

// "int4, groups of 64, GPTQ": for people.
std::string describe_scheme(const LayerScheme& scheme);

std::string plan_json(std::string_view model, std::span<const LayerReport> layers);

// Only `layer`, `precision` and `parameters` of each entry count; parameters that are not there have their defaults. Errors name
// the file and the field.
Result<QuantizationPlan> read_plan(const std::filesystem::path& file);

}  // namespace orthant
