#include "encoder/model/quantized_tensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "encoder/kernels/int4_kernels.h"

namespace orthant {
namespace {

constexpr std::size_t kMaxRotationBlock = 128;
constexpr std::uint8_t kMaxZeroPoint = 15;

std::size_t rounded_up(std::size_t count, std::size_t step) {
  return (count + step - 1) / step;
}

// Blocks and groups of NF4 run over the flattened matrix.
struct Nf4Shape {
  std::size_t blocks;
  std::size_t groups;

  Nf4Shape(std::size_t outputs, std::size_t inputs)
      : blocks(rounded_up(outputs * inputs, Nf4Weights::kBlock)), groups(rounded_up(blocks, Nf4Weights::kAbsmaxGroup)) {}
};

class Reader {
 public:
  Reader(const SafeTensors& file, const std::string& name, std::size_t outputs, std::size_t inputs, const StoredLayer& layer)
      : file_(file), name_(name), outputs_(outputs), inputs_(inputs), layer_(layer) {}

  Result<LinearWeights> read() const {
    LinearWeights weights{.outputs = outputs_, .inputs = inputs_, .data = {}, .input = {}, .activation_step = 0};
    switch (layer_.precision) {
      case WeightPrecision::kInt8: weights.data = ORTHANT_TRY(int8()); break;
      case WeightPrecision::kInt4: weights.data = ORTHANT_TRY(int4()); break;
      case WeightPrecision::kNf4: weights.data = ORTHANT_TRY(nf4()); break;
      case WeightPrecision::kFloat32:
        weights.data = FloatWeights{ORTHANT_TRY(values<float>(".weight", "F32", {outputs_, inputs_}))};
        break;
      default: weights.data = ORTHANT_TRY(half()); break;
    }
    ORTHANT_TRY(read_input(weights));
    return weights;
  }

 private:
  Result<HalfWeights> half() const {
    const bool brain = layer_.precision == WeightPrecision::kBfloat16;
    return HalfWeights{brain, ORTHANT_TRY(values<std::uint16_t>(".weight", brain ? "BF16" : "F16", {outputs_, inputs_}))};
  }

  Result<Int8Weights> int8() const {
    Int8Weights weights;
    weights.codes = ORTHANT_TRY(values<std::int8_t>(".codes", "I8", {outputs_, inputs_}));
    if (std::ranges::find(weights.codes, std::int8_t{-128}) != weights.codes.end())
      return wrong(".codes", "codes from -127 to 127");
    weights.scales = ORTHANT_TRY(scales(".scales", {outputs_}));
    return weights;
  }

  Result<Int4Weights> int4() const {
    const std::size_t group = layer_.group_size;
    if (group == 0 || group % kInt4GroupStep != 0 || inputs_ % group != 0) {
      return data_corruption(fmt::format("{}: layer \"{}\": groups of {} inputs, expected a multiple of {} that divides {}",
                                         file_.file().string(), name_, group, kInt4GroupStep, inputs_));
    }
    Int4Weights weights;
    weights.group_size = group;
    weights.codes = ORTHANT_TRY(values<std::uint8_t>(".codes", "U8", {outputs_, inputs_ / 2}));
    weights.scales = ORTHANT_TRY(scales(".scales", {outputs_, inputs_ / group}));
    weights.zero_points = ORTHANT_TRY(values<std::uint8_t>(".zero_points", "U8", {outputs_, inputs_ / group}));
    const bool in_range = std::ranges::all_of(weights.zero_points, [](std::uint8_t zero) { return zero <= kMaxZeroPoint; });
    if (!in_range) return wrong(".zero_points", "values from 0 to 15");
    return weights;
  }

  Result<Nf4Weights> nf4() const {
    if (inputs_ % 2 != 0) return wrong(".codes", "an even number of inputs");
    const Nf4Shape shape(outputs_, inputs_);
    Nf4Weights weights;
    weights.codes = ORTHANT_TRY(values<std::uint8_t>(".codes", "U8", {outputs_, inputs_ / 2}));
    weights.absmax_codes = ORTHANT_TRY(values<std::int8_t>(".absmax_codes", "I8", {shape.blocks}));
    weights.absmax_scales = ORTHANT_TRY(scales(".absmax_scales", {shape.groups}));
    weights.absmax_mean = ORTHANT_TRY(scales(".absmax_mean", {1}))[0];
    return weights;
  }

  Status read_input(LinearWeights& weights) const {
    const bool integer = layer_.precision == WeightPrecision::kInt8 || layer_.precision == WeightPrecision::kInt4;
    if (!integer && (layer_.rotation_block != 0 || layer_.input_factors || layer_.static_activations)) {
      return data_corruption(fmt::format("{}: layer \"{}\": inputs of {} weights are not transformed", file_.file().string(), name_,
                                         weight_precision_name(layer_.precision)));
    }
    const std::size_t block = layer_.rotation_block;
    if (block != 0 && (!std::has_single_bit(block) || block > kMaxRotationBlock || inputs_ % block != 0)) {
      return data_corruption(
          fmt::format("{}: layer \"{}\": a rotation of {} inputs, expected a power of two up to {} that divides {}",
                      file_.file().string(), name_, block, kMaxRotationBlock, inputs_));
    }
    weights.input.rotation_block = block;
    if (layer_.input_factors) {
      weights.input.factors = ORTHANT_TRY(values<float>(".input_factors", "F32", {inputs_}));
      const bool usable = std::ranges::all_of(weights.input.factors, [](float f) { return std::isnormal(f); });
      if (!usable) return wrong(".input_factors", "numbers other than 0");
    }
    if (layer_.static_activations) {
      weights.activation_step = ORTHANT_TRY(values<float>(".activation_step", "F32", {1}))[0];
      if (!std::isnormal(weights.activation_step) || weights.activation_step < 0)
        return wrong(".activation_step", "a number above 0");
    }
    return {};
  }

  Result<std::vector<float>> scales(std::string_view suffix, const std::vector<std::size_t>& shape) const {
    std::vector<float> read = ORTHANT_TRY(values<float>(suffix, "F32", shape));
    const bool usable = std::ranges::all_of(read, [](float scale) { return std::isfinite(scale) && scale >= 0; });
    if (!usable) return wrong(suffix, "finite numbers from 0");
    return read;
  }

  template <typename T>
  Result<std::vector<T>> values(std::string_view suffix, std::string_view type_name, const std::vector<std::size_t>& shape) const {
    const std::string whole = name_ + std::string(suffix);
    const TensorView* tensor = file_.find(whole);
    if (tensor == nullptr) return data_corruption(fmt::format("{}: tensor \"{}\" is missing", file_.file().string(), whole));
    if (tensor->type_name != type_name || tensor->shape != shape) {
      return data_corruption(fmt::format("{}: tensor \"{}\" is {} of shape {}, expected {} of shape {}", file_.file().string(),
                                         whole, tensor->type_name, tensor->shape, type_name, shape));
    }
    std::vector<T> read(tensor->element_count());
    if (!read.empty()) std::memcpy(read.data(), tensor->bytes.data(), tensor->bytes.size());
    return read;
  }

  std::unexpected<Error> wrong(std::string_view suffix, std::string_view expected) const {
    return data_corruption(fmt::format("{}: tensor \"{}{}\": expected {}", file_.file().string(), name_, suffix, expected));
  }

  const SafeTensors& file_;
  const std::string& name_;
  std::size_t outputs_;
  std::size_t inputs_;
  const StoredLayer& layer_;
};

struct AddData {
  SafeTensorsWriter& writer;
  const std::string& name;
  std::size_t outputs;
  std::size_t inputs;
  StoredLayer& stored;

  void operator()(const FloatWeights& weights) const { writer.add(name + ".weight", "F32", {outputs, inputs}, weights.values); }
  void operator()(const HalfWeights& weights) const {
    writer.add(name + ".weight", weights.brain ? "BF16" : "F16", {outputs, inputs}, weights.values);
  }
  void operator()(const Int8Weights& weights) const {
    writer.add(name + ".codes", "I8", {outputs, inputs}, weights.codes);
    writer.add(name + ".scales", "F32", {outputs}, weights.scales);
  }
  void operator()(const Int4Weights& weights) const {
    stored.group_size = weights.group_size;
    writer.add(name + ".codes", "U8", {outputs, inputs / 2}, weights.codes);
    writer.add(name + ".scales", "F32", {outputs, inputs / weights.group_size}, weights.scales);
    writer.add(name + ".zero_points", "U8", {outputs, inputs / weights.group_size}, weights.zero_points);
  }
  void operator()(const Nf4Weights& weights) const {
    writer.add(name + ".codes", "U8", {outputs, inputs / 2}, weights.codes);
    writer.add(name + ".absmax_codes", "I8", {weights.absmax_codes.size()}, weights.absmax_codes);
    writer.add(name + ".absmax_scales", "F32", {weights.absmax_scales.size()}, weights.absmax_scales);
    writer.add(name + ".absmax_mean", "F32", {1}, bytes_of(weights.absmax_mean));
  }

  static std::span<const std::uint8_t> bytes_of(const float& value) {
    return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
  }
};

}  // namespace

Result<LinearWeights> read_layer_tensors(const SafeTensors& file, const std::string& name, std::size_t outputs, std::size_t inputs,
                                         const StoredLayer& layer) {
  return Reader(file, name, outputs, inputs, layer).read();
}

StoredLayer add_layer_tensors(SafeTensorsWriter& writer, const std::string& name, const LinearWeights& weights) {
  StoredLayer stored;
  stored.precision = weights.precision();
  std::visit(AddData{writer, name, weights.outputs, weights.inputs, stored}, weights.data);
  stored.rotation_block = weights.input.rotation_block;
  stored.input_factors = !weights.input.factors.empty();
  if (stored.input_factors) writer.add(name + ".input_factors", "F32", {weights.inputs}, weights.input.factors);
  stored.static_activations = weights.activation_step != 0;
  if (stored.static_activations) writer.add(name + ".activation_step", "F32", {1}, AddData::bytes_of(weights.activation_step));
  return stored;
}

}  // namespace orthant
