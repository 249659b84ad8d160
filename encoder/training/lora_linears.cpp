#include "encoder/training/lora_linears.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "encoder/model/lora_adapters.h"
#include "encoder/quantize/convert_weights.h"

namespace orthant {
namespace {

std::int64_t size(std::size_t value) {
  return static_cast<std::int64_t>(value);
}

bool is_target(const LoraOptions& options, std::string_view module) {
  if (options.targets.empty()) return true;
  return std::ranges::any_of(options.targets,
                             [module](const std::string& target) { return module == target || module.ends_with("." + target); });
}

void decode_nf4(const Nf4Weights& weights, std::size_t count, float* to) {
  const std::span<const float, 16> values = nf4_values();
  for (std::size_t start = 0; start < count; start += Nf4Weights::kBlock) {
    const float absmax = nf4_absmax(weights, start / Nf4Weights::kBlock);
    const std::uint8_t* codes = weights.codes.data() + start / 2;
    const std::size_t end = std::min(count, start + Nf4Weights::kBlock);
    for (std::size_t i = start; i < end; i += 2, ++codes) {
      to[i] = values[*codes & 15] * absmax;
      to[i + 1] = values[*codes >> 4] * absmax;
    }
  }
}

// Rows of length one: the few tokens of massive activations would make up nearly all of the moments (as unit_rows() for GPTQ).
at::Tensor unit_moments(const at::Tensor& input) {
  const at::Tensor rows = input / input.norm(2, 1, true).clamp_min(std::numeric_limits<float>::min());
  return at::matmul(rows.t(), rows);
}

at::Tensor product(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias, bool bfloat16) {
  if (!bfloat16) return at::linear(input, weight, bias);
  at::Tensor rows = at::linear(input.to(at::kBFloat16), weight.to(at::kBFloat16)).to(at::kFloat);
  return bias.defined() ? rows.add_(bias) : rows;
}

}  // namespace

// input W^T + bias, with gradients to the input alone: W is decoded again for them instead of kept.
class LoraLinears::FrozenProduct : public torch::autograd::Function<LoraLinears::FrozenProduct> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& input, const Layer* layer, bool bfloat16) {
    context->saved_data["layer"] = reinterpret_cast<std::int64_t>(layer);
    context->saved_data["bfloat16"] = bfloat16;
    return product(input, decoded(*layer), layer->bias, bfloat16);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context, torch::autograd::tensor_list gradients) {
    const auto* layer = reinterpret_cast<const Layer*>(context->saved_data["layer"].toInt());
    const bool bfloat16 = context->saved_data["bfloat16"].toBool();
    return {product(gradients[0], decoded(*layer).t(), at::Tensor(), bfloat16), at::Tensor(), at::Tensor()};
  }
};

Result<LoraLinears> LoraLinears::make(const Transformer& model, const LoraOptions& options, std::uint64_t seed) {
  LoraLinears linears(options);
  at::Generator generator = at::detail::createCPUGenerator(seed);
  std::vector<std::string> modules;
  std::size_t adapted = 0;
  for (std::size_t i = 0; i < model.linears().size(); ++i) {
    const LinearTensors& tensors = model.linear_tensors(i);
    Layer layer{convert_weights(ORTHANT_TRY(model.linear_weights(i)), options.base), {}, {}};
    if (!model.linear_bias(i).empty()) layer.bias = tensor_from(model.linear_bias(i), {size(layer.weights.outputs)});
    std::int64_t first = 0;
    for (const LinearTensors::Part& part : tensors.parts) {
      const std::string module = part.name.substr(part.name.starts_with(model.prefix()) ? model.prefix().size() : 0);
      modules.push_back(module);
      if (is_target(options, module)) {
        const double bound = 1.0 / std::sqrt(static_cast<double>(tensors.inputs));
        const at::Tensor down =
            at::empty({size(options.rank), size(tensors.inputs)}, at::kFloat).uniform_(-bound, bound, generator);
        layer.adapters.push_back({module, first, size(part.outputs), down, at::zeros({size(part.outputs), size(options.rank)})});
        ++adapted;
      }
      first += size(part.outputs);
    }
    linears.layers_.push_back(std::move(layer));
    model.weights().release_pages();
  }
  if (adapted != 0) return linears;
  return invalid_argument(fmt::format("lora.targets: found {}, of which no linear layer has one: there are {}, ...",
                                      fmt::join(options.targets, ", "),
                                      fmt::join(std::span(modules).first(std::min<std::size_t>(6, modules.size())), ", ")));
}

at::Tensor LoraLinears::decoded(const Layer& layer) {
  const LinearWeights& weights = layer.weights;
  const std::array<std::int64_t, 2> shape = {size(weights.outputs), size(weights.inputs)};
  if (const auto* nf4 = std::get_if<Nf4Weights>(&weights.data)) {
    at::Tensor values = at::empty(shape, at::kFloat);
    decode_nf4(*nf4, weights.outputs * weights.inputs, values.data_ptr<float>());
    return values;
  }
  if (const auto* floats = std::get_if<FloatWeights>(&weights.data)) {
    return at::from_blob(const_cast<float*>(floats->values.data()), shape, at::kFloat);  // read, as at::Tensor cannot say
  }
  return tensor_from(untransformed_weights(weights), shape);
}

// (adapters x rank) x inputs
at::Tensor LoraLinears::all_down(const Layer& layer) {
  std::vector<at::Tensor> parts;
  for (const Adapter& adapter : layer.adapters) parts.push_back(adapter.down);
  return parts.size() == 1 ? parts[0] : at::cat(parts, 0);
}

// outputs x (adapters x rank): each adapter's rows see its own columns.
at::Tensor LoraLinears::all_up(const Layer& layer) {
  const std::int64_t outputs = size(layer.weights.outputs);
  std::vector<at::Tensor> columns;
  for (const Adapter& adapter : layer.adapters) {
    if (adapter.outputs == outputs) {
      columns.push_back(adapter.up);
    } else {
      columns.push_back(at::constant_pad_nd(adapter.up, {0, 0, adapter.first, outputs - adapter.first - adapter.outputs}));
    }
  }
  return columns.size() == 1 ? columns[0] : at::cat(columns, 1);
}

void LoraLinears::observe(std::size_t first, std::size_t count) {
  observed_ = {first, {}};
  for (std::size_t i = first; i < std::min(first + count, layers_.size()); ++i) {
    const std::int64_t inputs = size(layers_[i].weights.inputs);
    observed_.moments.push_back(at::zeros({inputs, inputs}));
  }
}

Status LoraLinears::start_from_rounding(const Transformer& model) {
  const NoGradients guard;
  const Observed observed = std::exchange(observed_, {});
  for (std::size_t i = 0; i < observed.moments.size(); ++i) {
    const std::size_t linear = observed.first + i;
    const LinearWeights weights = ORTHANT_TRY(model.linear_weights(linear));
    const at::Tensor plain = tensor_from(dequantize(weights), {size(weights.outputs), size(weights.inputs)});
    start_from_rounding(layers_[linear], plain, observed.moments[i]);
    model.weights().release_pages();
  }
  return {};
}

// Down is as large as where it starts without this, so that the same rate trains it.
void LoraLinears::start_from_rounding(Layer& layer, const at::Tensor& weight, const at::Tensor& moments) const {
  const at::Tensor error = weight - decoded(layer);
  const double length = 1.0 / std::sqrt(3.0);  // of a row of uniform values within 1 / sqrt(inputs)
  for (const Adapter& adapter : layer.adapters) {
    const at::Tensor rows = error.narrow(0, adapter.first, adapter.outputs);
    const at::Tensor outer = at::matmul(at::matmul(rows, moments), rows.t());
    const at::Tensor vectors = std::get<1>(at::linalg_eigh((outer + outer.t()) * 0.5));  // by rising eigenvalue
    const std::int64_t rank = std::min(size(options_.rank), adapter.outputs);
    const at::Tensor leading = vectors.narrow(1, adapter.outputs - rank, rank);
    const at::Tensor down = at::matmul(leading.t(), rows);
    const at::Tensor lengths = down.norm(2, 1).clamp_min(std::numeric_limits<float>::min());
    adapter.down.detach().narrow(0, 0, rank).copy_(down * (length / lengths).unsqueeze(1));
    adapter.up.detach().narrow(1, 0, rank).copy_(leading * (lengths / (length * scale())).unsqueeze(0));
  }
}

at::Tensor LoraLinears::multiply(std::size_t linear, const at::Tensor& input, double dropout, bool bfloat16) const {
  const Layer& layer = layers_[linear];
  if (linear >= observed_.first && linear - observed_.first < observed_.moments.size()) {
    observed_.moments[linear - observed_.first].add_(unit_moments(input.detach()));
  }
  const at::Tensor frozen = FrozenProduct::apply(input, &layer, bfloat16);
  if (layer.adapters.empty()) return frozen;
  const at::Tensor seen = dropout > 0 ? at::dropout(input, dropout, true) : input;
  const at::Tensor low = product(seen, all_down(layer), {}, bfloat16);
  return at::addmm(frozen, low, all_up(layer).t(), 1, scale());
}

void LoraLinears::add_parameters(ParameterSet& set) const {
  for (const Adapter& adapter : adapters()) {
    set.add(fmt::format("{}{}{}", kAdapterPrefix, adapter.module, kAdapterDown), adapter.down, true);
    set.add(fmt::format("{}{}{}", kAdapterPrefix, adapter.module, kAdapterUp), adapter.up, true);
  }
}

at::Tensor LoraLinears::merged(std::size_t linear) const {
  const NoGradients guard;
  const Layer& layer = layers_[linear];
  if (layer.adapters.empty()) return decoded(layer).clone();
  return at::addmm(decoded(layer), all_up(layer), all_down(layer), 1, scale());
}

std::vector<LoraLinears::Adapter> LoraLinears::adapters() const {
  std::vector<Adapter> all;
  for (const Layer& layer : layers_) all.insert(all.end(), layer.adapters.begin(), layer.adapters.end());
  return all;
}

std::size_t LoraLinears::base_bytes() const {
  std::size_t bytes = 0;
  for (const Layer& layer : layers_) bytes += layer.weights.stored_bytes();
  return bytes;
}

std::size_t LoraLinears::largest_layer_bytes() const {
  std::size_t largest = 0;
  for (const Layer& layer : layers_) largest = std::max(largest, layer.weights.outputs * layer.weights.inputs * sizeof(float));
  return largest;
}

}  // namespace orthant
