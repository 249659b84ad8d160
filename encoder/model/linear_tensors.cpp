#include "encoder/model/linear_tensors.h"

#include <array>
#include <cstring>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/quantized_tensors.h"

namespace orthant {
namespace {

Result<LinearWeights> read_part(const SafeTensors& file, const LinearTensors::Part& part, std::size_t inputs) {
  const std::array shape = {part.outputs, inputs};
  const TensorView& tensor = *ORTHANT_TRY(file.float_tensor(part.name + ".weight", shape));
  LinearWeights weights;
  weights.outputs = part.outputs;
  weights.inputs = inputs;
  if (tensor.type == TensorType::kFloat32) {
    std::vector<float> values(tensor.element_count());
    widen_to_floats(tensor.type, tensor.bytes, values.data());
    weights.data = FloatWeights{std::move(values)};
  } else {
    HalfWeights half{tensor.type == TensorType::kBfloat16, std::vector<std::uint16_t>(tensor.element_count())};
    std::memcpy(half.values.data(), tensor.bytes.data(), tensor.bytes.size());
    weights.data = std::move(half);
  }
  return weights;
}

}  // namespace

std::size_t LinearTensors::outputs() const {
  return std::accumulate(parts.begin(), parts.end(), std::size_t{0},
                         [](std::size_t sum, const Part& part) { return sum + part.outputs; });
}

Result<LinearWeights> read_linear_weights(const SafeTensors& file, const LinearTensors& tensors) {
  if (tensors.quantized) return read_layer_tensors(file, tensors.name, tensors.outputs(), tensors.inputs, *tensors.quantized);
  LinearWeights whole = ORTHANT_TRY(read_part(file, tensors.parts.at(0), tensors.inputs));
  for (std::size_t i = 1; i < tensors.parts.size(); ++i) {
    LinearWeights part = ORTHANT_TRY(read_part(file, tensors.parts[i], tensors.inputs));
    if (part.precision() != whole.precision()) {
      return data_corruption(fmt::format("{}: tensors \"{}\" and \"{}\" have different types", file.file().string(),
                                         tensors.parts[0].name, tensors.parts[i].name));
    }
    whole = stack_outputs(std::move(whole), part);
  }
  return whole;
}

Result<std::vector<float>> read_linear_bias(const SafeTensors& file, const LinearTensors& tensors) {
  std::vector<float> bias;
  if (!tensors.bias) return bias;
  if (tensors.quantized) {
    const std::array shape = {tensors.outputs()};
    return file.read_floats(tensors.name + ".bias", shape);
  }
  for (const LinearTensors::Part& part : tensors.parts) {
    const std::array shape = {part.outputs};
    const std::vector<float> values = ORTHANT_TRY(file.read_floats(part.name + ".bias", shape));
    bias.insert(bias.end(), values.begin(), values.end());
  }
  return bias;
}

}  // namespace orthant
