#include "encoder/quantize/quantized_folder.h"

#include <array>
#include <cassert>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/whole_file.h"
#include "encoder/model/embedding_table.h"
#include "encoder/model/folder_copy.h"
#include "encoder/model/model_files.h"
#include "encoder/model/quantized_tensors.h"
#include "encoder/model/safetensors_writer.h"
#include "encoder/quantize/half_floats.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kFormNames = {"stored", "float16", "int8"};

// What the tensors of the new file refer to, kept until they are written.
class ModelTensors {
 public:
  ModelTensors(const Transformer& model, std::span<const LinearWeights> layers) : model_(model) {
    assert(layers.size() == model.linears().size());
    for (std::size_t i = 0; i < layers.size(); ++i) add_layer(i, layers[i]);
  }

  // After the layers; what they hold is left out.
  Status add_others(EmbeddingForm form) {
    for (const auto& [name, tensor] : model_.weights().tensors()) {
      if (in_layers_.contains(name)) continue;
      if (form != EmbeddingForm::kAsStored && is_word_embeddings(name, tensor)) {
        ORTHANT_TRY(add_embeddings(name, tensor, form));
      } else {
        writer_.add(name, tensor.type_name, tensor.shape, tensor.bytes);
      }
    }
    return {};
  }

  const SafeTensorsWriter& writer() const { return writer_; }
  const QuantizationConfig& config() const { return config_; }

 private:
  void add_layer(std::size_t i, const LinearWeights& weights) {
    const LinearTensors& tensors = model_.linear_tensors(i);
    assert(weights.outputs == tensors.outputs() && weights.inputs == tensors.inputs);
    for (const LinearTensors::Part& part : tensors.parts) {
      in_layers_.insert(part.name + ".weight");
      if (tensors.bias) in_layers_.insert(part.name + ".bias");
    }
    config_.layers[tensors.name] = add_layer_tensors(writer_, tensors.name, weights);
    const std::span<const float> bias = model_.linear_bias(i);
    if (bias.empty()) return;
    writer_.add(tensors.name + ".bias", "F32", {bias.size()},
                {reinterpret_cast<const std::uint8_t*>(bias.data()), bias.size_bytes()});
  }

  // The table stays in the mapped file, which tells it.
  bool is_word_embeddings(const std::string& name, const TensorView& tensor) const {
    return name.ends_with(".weight") && model_.word_embeddings().is_view_of(tensor.bytes);
  }

  Status add_embeddings(const std::string& name, const TensorView& tensor, EmbeddingForm form) {
    const std::vector<float> values = ORTHANT_TRY(model_.weights().read_floats(name, tensor.shape));
    if (form == EmbeddingForm::kFloat16) {
      for (const float value : values) half_embeddings_.push_back(float16_from_float(value));
      writer_.add(name, "F16", tensor.shape, half_embeddings_);
      return {};
    }
    embeddings_ = quantize_embedding_rows(values, tensor.shape[1]);
    const std::string base = name.substr(0, name.size() - std::string_view(".weight").size());
    writer_.add(base + ".codes", "I8", tensor.shape, embeddings_.codes);
    writer_.add(base + ".scales", "F32", {tensor.shape[0]}, embeddings_.scales);
    return {};
  }

  const Transformer& model_;
  std::set<std::string, std::less<>> in_layers_;
  std::vector<std::uint16_t> half_embeddings_;
  QuantizedRows embeddings_;
  SafeTensorsWriter writer_;
  QuantizationConfig config_;
};

Result<std::string> read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in) return io_error(fmt::format("{}: cannot be read", file.string()));
  return text;
}

Status write_folder(const Transformer& model, const fs::path& source, std::span<const LinearWeights> layers,
                    EmbeddingForm embeddings, const fs::path& target) {
  const fs::path weights = model.weights().file();
  const fs::path inner = fs::relative(weights.parent_path(), source);
  const std::string config = ORTHANT_TRY(read_text(weights.parent_path() / "config.json"));
  ModelTensors tensors(model, layers);
  ORTHANT_TRY(tensors.add_others(embeddings));
  Result<std::string> quantized_config = with_quantization_config(config, tensors.config());
  if (!quantized_config) return with_context(source.string(), std::move(quantized_config).error());
  const FolderBeside beside(target);
  fs::create_directories(beside.path() / inner);
  copy_model_files(source, beside.path(), model.weights());
  ORTHANT_TRY(write_whole_file(beside.path() / inner / "config.json", *quantized_config));
  ORTHANT_TRY(tensors.writer().write(beside.path() / inner / "model.safetensors"));
  fs::rename(beside.path(), target);
  return {};
}

}  // namespace

Result<EmbeddingForm> parse_embedding_form(std::string_view name) {
  for (std::size_t i = 0; i < kFormNames.size(); ++i) {
    if (kFormNames[i] == name) return static_cast<EmbeddingForm>(i);
  }
  return invalid_argument(fmt::format("form of embeddings: found \"{}\", expected {}", name, fmt::join(kFormNames, ", ")));
}

Status write_quantized_folder(const Transformer& model, const fs::path& source, std::span<const LinearWeights> layers,
                              EmbeddingForm embeddings, const fs::path& target) {
  if (model.config().quantization) {
    return fail(ErrorCode::kFailedPrecondition, fmt::format("{}: the model is quantized already", source.string()));
  }
  try {
    const fs::path whole = ORTHANT_TRY(prepare_target_folder(target));
    return write_folder(model, source, layers, embeddings, whole);
  } catch (const fs::filesystem_error& error) {
    return io_error(error.what());
  }
}

}  // namespace orthant
