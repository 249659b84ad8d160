#include "encoder/training/folder_writer.h"

#include <regex>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/whole_file.h"
#include "encoder/model/config_file.h"
#include "encoder/model/folder_copy.h"
#include "encoder/model/json_quote.h"
#include "encoder/model/weight_files.h"
#include "encoder/training/adapter_writer.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

std::span<const std::uint8_t> bytes_of(const at::Tensor& tensor) {
  const std::span<const float> values = values_of(tensor);
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

std::vector<std::size_t> shape_of(const at::Tensor& tensor) {
  return {tensor.sizes().begin(), tensor.sizes().end()};
}

void add_tensor(SafeTensorsWriter& writer, const std::string& name, const at::Tensor& tensor) {
  writer.add(name, "F32", shape_of(tensor), bytes_of(tensor));
}

// What was trained in float32 must not be rounded at load to what the file was before.
std::string with_float32(const std::string& config) {
  static const std::regex stated(R"re("(torch_dtype|dtype)"\s*:\s*"(bfloat16|float16)")re");
  return std::regex_replace(config, stated, R"("$1": "float32")");
}

// Class names that every version of Sentence Transformers from 2 on finds.
constexpr std::string_view kDenseClass = "sentence_transformers.models.Dense";
constexpr std::string_view kNormalizeClass = "sentence_transformers.models.Normalize";
constexpr std::string_view kPoolingClass = "sentence_transformers.models.Pooling";
constexpr std::string_view kTransformerClass = "sentence_transformers.models.Transformer";

struct Module {
  std::string name;
  std::string path;
  std::string type;
};

Result<std::vector<Module>> original_modules(const fs::path& folder) {
  const auto file = ORTHANT_TRY(ConfigFile::open_if_there(folder / "modules.json"));
  if (!file) return std::vector<Module>{{"0", "", std::string(kTransformerClass)}, {"1", "1_Pooling", std::string(kPoolingClass)}};
  std::vector<Module> modules;
  simdjson::dom::array entries;
  if (file->root().get_array().get(entries) != simdjson::SUCCESS) return file->mismatch("modules", "a list");
  for (const simdjson::dom::element entry : entries) {
    std::string_view path;
    std::string_view type;
    if (entry["path"].get_string().get(path) != simdjson::SUCCESS || entry["type"].get_string().get(type) != simdjson::SUCCESS) {
      return file->mismatch("path", "path and type in each entry");
    }
    modules.push_back({std::to_string(modules.size()), std::string(path), std::string(type)});
  }
  return modules;
}

std::string to_json(const std::vector<Module>& modules) {
  std::string text = "[";
  for (std::size_t i = 0; i < modules.size(); ++i) {
    text += fmt::format("{}\n  {{\"idx\": {}, \"name\": {}, \"path\": {}, \"type\": {}}}", i == 0 ? "" : ",", i,
                        quoted_json(modules[i].name), quoted_json(modules[i].path), quoted_json(modules[i].type));
  }
  return text + "\n]\n";
}

}  // namespace

Status FolderWriter::write(const fs::path& target) const {
  try {
    const fs::path whole = ORTHANT_TRY(prepare_target_folder(target));
    const FolderBeside beside(whole);
    ORTHANT_TRY(write_into(beside.path()));
    fs::rename(beside.path(), whole);
    return {};
  } catch (const fs::filesystem_error& error) {
    return io_error(error.what());
  }
}

Status FolderWriter::write_into(const fs::path& folder) const {
  const SafeTensors original = ORTHANT_TRY(open_weights(ORTHANT_TRY(find_weight_files(model_.files_.transformer_folder))));
  fs::create_directories(folder);
  copy_model_files(model_.folder_, folder, original);
  const fs::path inner = folder / fs::relative(model_.files_.transformer_folder, model_.folder_);
  if (model_.lora_ && !model_.lora_->options().merge) {
    ORTHANT_TRY(keep_transformer(original, inner));
    return write_stages(folder);
  }
  fs::remove(inner / "model.safetensors.index.json");
  const std::string config = ORTHANT_TRY(read_whole_file(inner / "config.json"));
  ORTHANT_TRY(write_whole_file(inner / "config.json", with_float32(config)));
  ORTHANT_TRY(write_transformer(original, inner));
  return write_stages(folder);
}

// The weights stay as they were: files are copied, whatever they hold.
Status FolderWriter::keep_transformer(const SafeTensors& original, const fs::path& folder) const {
  for (const fs::path& part : original.parts()) fs::copy_file(part, folder / part.filename());
  return write_adapters(*model_.lora_, model_.files_.transformer_folder, folder);
}

// The tensors of the original file under their names: those that are trained with their new values, all others (a pooler, a head)
// as they were.
Status FolderWriter::write_transformer(const SafeTensors& original, const fs::path& folder) const {
  SafeTensorsWriter writer;
  std::set<std::string, std::less<>> written;
  const TrainableTransformer& transformer = *model_.transformer_;
  for (const auto& [name, tensor] : transformer.others()) {
    add_tensor(writer, name, tensor);
    written.insert(name);
  }
  std::vector<at::Tensor> parts;  // views of the fused weights, until they are written
  for (std::size_t i = 0; i < transformer.linears().size(); ++i) {
    const TrainableTransformer::Linear& linear = transformer.linears()[i];
    const at::Tensor weight = model_.lora_ ? model_.lora_->merged(i) : linear.weight.detach();
    std::int64_t first = 0;
    for (const LinearTensors::Part& part : linear.tensors.parts) {
      const auto outputs = static_cast<std::int64_t>(part.outputs);
      parts.push_back(weight.narrow(0, first, outputs));
      add_tensor(writer, part.name + ".weight", parts.back());
      written.insert(part.name + ".weight");
      if (linear.bias.defined()) {
        parts.push_back(linear.bias.detach().narrow(0, first, outputs));
        add_tensor(writer, part.name + ".bias", parts.back());
        written.insert(part.name + ".bias");
      }
      first += outputs;
    }
  }
  for (const auto& [name, tensor] : original.tensors()) {
    if (!written.contains(name)) writer.add(name, tensor.type_name, tensor.shape, tensor.bytes);
  }
  return writer.write(folder / "model.safetensors");
}

Status FolderWriter::write_stages(const fs::path& folder) const {
  std::vector<Module> modules = ORTHANT_TRY(original_modules(model_.folder_));
  const bool has_file = fs::exists(model_.folder_ / "modules.json");
  if (!has_file) {
    fs::create_directories(folder / "1_Pooling");
    ORTHANT_TRY(write_whole_file(folder / "1_Pooling" / "config.json",
                                 fmt::format("{{\"word_embedding_dimension\": {}, \"pooling_mode_mean_tokens\": true}}\n",
                                             model_.files_.transformer.hidden_size)));
  }
  std::size_t place = 0;  // among the modules with a file: Dropout does nothing and is no stage
  for (const TrainableEncoder::Stage& stage : model_.stages_) {
    if (stage.appended) {
      const std::size_t number = modules.size();
      const std::string path = fmt::format("{}_{}", number, stage.dense ? "Dense" : "Normalize");
      modules.push_back({std::to_string(number), path, std::string(stage.dense ? kDenseClass : kNormalizeClass)});
      fs::create_directories(folder / path);
      if (stage.dense) ORTHANT_TRY(write_dense(*stage.dense, folder / path, true));
    } else if (stage.dense) {
      const auto& original = std::get<DenseStage>(model_.files_.stages[place]);
      const fs::path inner = fs::relative(original.weights.parent_path(), model_.folder_);
      ORTHANT_TRY(write_dense(*stage.dense, folder / inner, false));
    }
    ++place;
  }
  const bool appended = !model_.stages_.empty() && model_.stages_.back().appended;
  if (!appended) return {};
  return write_whole_file(folder / "modules.json", to_json(modules));
}

Status FolderWriter::write_dense(const TrainableEncoder::Dense& dense, const fs::path& folder, bool with_config) const {
  SafeTensorsWriter writer;
  add_tensor(writer, "linear.weight", dense.weight);
  if (dense.bias.defined()) add_tensor(writer, "linear.bias", dense.bias);
  ORTHANT_TRY(writer.write(folder / "model.safetensors"));
  if (!with_config) return {};
  return write_whole_file(folder / "config.json",
                          fmt::format("{{\"in_features\": {}, \"out_features\": {}, \"bias\": {}, \"activation_function\": "
                                      "\"torch.nn.modules.linear.Identity\"}}\n",
                                      dense.weight.size(1), dense.weight.size(0), dense.bias.defined()));
}

}  // namespace orthant
