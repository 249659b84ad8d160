#include "encoder/quantize/quantize_layer.h"

#include <utility>

#include <fmt/format.h>

#include "encoder/quantize/convert_weights.h"

namespace orthant {
namespace {

bool has_integer_codes(WeightPrecision precision) {
  return precision == WeightPrecision::kInt8 || precision == WeightPrecision::kInt4;
}

InputTransform transform_for(const LinearWeights& layer, const std::vector<float>& values, const LayerScheme& scheme,
                             const InputSample* sample) {
  InputTransform transform;
  if (scheme.rotate) transform = random_rotation(layer.inputs);
  if (scheme.balance == 0) return transform;
  transform.factors.resize(layer.inputs, 1.0F);
  const std::vector<float> balance = balancing_factors(*sample, values, scheme.balance);
  for (std::size_t i = 0; i < layer.inputs; ++i) transform.factors[i] *= balance[i];
  return transform;
}

using Codes = decltype(LinearWeights::data);

Result<Codes> codes_of(std::vector<float> values, std::size_t inputs, const LayerScheme& scheme, InputSample seen) {
  const bool int8 = scheme.precision == WeightPrecision::kInt8;
  const std::size_t group_size = int4_group_size(inputs, scheme.group_size);
  if (!scheme.gptq) {
    if (int8) return round_to_int8(values, inputs);
    return round_to_int4(values, group_size, scheme.int4_scheme);
  }
  const std::vector<double> moments = input_moments(unit_rows(std::move(seen)));
  if (int8) return ORTHANT_TRY(gptq_int8(std::move(values), inputs, moments, scheme.gptq_options));
  return ORTHANT_TRY(gptq_int4(std::move(values), inputs, moments, scheme.gptq_options, group_size, scheme.int4_scheme));
}

}  // namespace

bool needs_sample(const LayerScheme& scheme) {
  return has_integer_codes(scheme.precision) &&
         (scheme.balance != 0 || scheme.gptq || scheme.activations != ActivationScale::kDynamic);
}

Result<LinearWeights> quantize_layer(const LinearWeights& layer, const LayerScheme& given, const InputSample* sample) {
  LayerScheme scheme = given;
  scheme.precision = storable_precision(scheme.precision, layer.inputs);
  if (!has_integer_codes(scheme.precision)) return convert_weights(layer, scheme.precision);
  if (needs_sample(scheme) && (sample == nullptr || sample->row_count() == 0)) {
    return invalid_argument("balancing, GPTQ and static activations need calibration texts; there are none");
  }
  if (sample != nullptr && sample->inputs != layer.inputs) {
    return invalid_argument(fmt::format("a sample of {} inputs for a layer of {}", sample->inputs, layer.inputs));
  }
  std::vector<float> values = untransformed_weights(layer);
  LinearWeights quantized{.outputs = layer.outputs, .inputs = layer.inputs, .data = {}, .input = {}, .activation_step = 0};
  quantized.input = transform_for(layer, values, scheme, sample);
  transform_weights(quantized.input, layer.outputs, layer.inputs, values.data());
  InputSample seen;
  if (needs_sample(scheme)) seen = transformed_sample(*sample, quantized.input);
  quantized.activation_step = activation_step(seen.rows, scheme.activations, activation_limit(scheme.precision));
  quantized.data = ORTHANT_TRY(codes_of(std::move(values), layer.inputs, scheme, std::move(seen)));
  return quantized;
}

}  // namespace orthant
