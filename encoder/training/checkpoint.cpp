#include "encoder/training/checkpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/whole_file.h"
#include "encoder/model/config_file.h"
#include "encoder/model/folder_copy.h"
#include "encoder/model/json_quote.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/safetensors_writer.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kVersion = 1;
constexpr std::size_t kKept = 2;
constexpr std::string_view kFolderPrefix = "step-";
constexpr std::string_view kRandomName = "random.state";

fs::path folder_of(const fs::path& output, std::uint64_t step) {
  return output / "checkpoints" / fmt::format("{}{:08}", kFolderPrefix, step);
}

std::span<const std::uint8_t> bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()};
}

std::vector<std::size_t> shape_of(const at::Tensor& tensor) {
  return {tensor.sizes().begin(), tensor.sizes().end()};
}

void add_weights(SafeTensorsWriter& writer, const ParameterSet& parameters) {
  for (const Parameter& parameter : parameters.all()) {
    writer.add(parameter.name, "F32", shape_of(parameter.tensor), bytes_of(values_of(parameter.tensor)));
  }
}

Status copy_into(const SafeTensors& file, const std::string& name, std::span<const std::size_t> shape, float* out) {
  const std::vector<float> values = ORTHANT_TRY(file.read_floats(name, shape));
  std::memcpy(out, values.data(), values.size() * sizeof(float));
  return {};
}

Status copy_bytes(const SafeTensors& file, const std::string& name, std::string_view type, std::span<std::uint8_t> out) {
  const TensorView* tensor = file.find(name);
  if (tensor == nullptr || tensor->type_name != type || tensor->bytes.size() != out.size()) {
    return data_corruption(fmt::format("{}: tensor \"{}\": expected {} bytes of {}", file.file().string(), name, out.size(), type));
  }
  std::ranges::copy(tensor->bytes, out.begin());
  return {};
}

Status restore_weights(const SafeTensors& file, const ParameterSet& parameters) {
  for (const Parameter& parameter : parameters.all()) {
    ORTHANT_TRY(copy_into(file, parameter.name, shape_of(parameter.tensor), parameter.tensor.data_ptr<float>()));
  }
  return {};
}

std::string evaluation_json(const std::optional<EvaluationReport>& report) {
  if (!report) return "null";
  const DevScores& scores = report->scores;
  return fmt::format(R"({{"step": {}, "float": {}, "int8": {}, "binary": {}}})", report->step, scores.float_search,
                     scores.int8_search, scores.binary_search);
}

std::string state_json(const RunState& state) {
  return fmt::format(
      "{{\"version\": {}, \"step\": {}, \"fingerprint\": {}, \"start\": {}, \"best\": {}, \"evaluations_without_better\": {}}}\n",
      kVersion, state.step, quoted_json(state.fingerprint), evaluation_json(state.start), evaluation_json(state.best),
      state.evaluations_without_better);
}

Result<std::optional<EvaluationReport>> read_evaluation(const ConfigFile& file, std::string_view field) {
  const auto element = file.element(field);
  if (!element) return std::optional<EvaluationReport>();
  EvaluationReport report;
  simdjson::dom::element value = *element;
  const bool read = value["step"].get_uint64().get(report.step) == simdjson::SUCCESS &&
                    value["float"].get_double().get(report.scores.float_search) == simdjson::SUCCESS &&
                    value["int8"].get_double().get(report.scores.int8_search) == simdjson::SUCCESS &&
                    value["binary"].get_double().get(report.scores.binary_search) == simdjson::SUCCESS;
  if (!read) return file.mismatch(field, "step, float, int8 and binary");
  return std::optional(report);
}

Result<RunState> read_state(const fs::path& folder) {
  const ConfigFile file = ORTHANT_TRY(ConfigFile::open(folder / "state.json"));
  if (ORTHANT_TRY(file.required_size("version")) != kVersion) return file.mismatch("version", fmt::format("{}", kVersion));
  RunState state;
  state.step = ORTHANT_TRY(file.required_size("step"));
  state.fingerprint = ORTHANT_TRY(file.text("fingerprint")).value_or("");
  state.start = ORTHANT_TRY(read_evaluation(file, "start"));
  state.best = ORTHANT_TRY(read_evaluation(file, "best"));
  state.evaluations_without_better = ORTHANT_TRY(file.required_size("evaluations_without_better"));
  return state;
}

// Newest first.
std::vector<fs::path> checkpoint_folders(const fs::path& output) {
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(output / "checkpoints", ignored)) {
    if (entry.path().filename().string().starts_with(kFolderPrefix)) folders.push_back(entry.path());
  }
  std::sort(folders.rbegin(), folders.rend());
  return folders;
}

}  // namespace

Status write_checkpoint(const fs::path& output, const RunState& state, const ParameterSet& parameters, const AdamW& optimizer) {
  try {
    const fs::path target = folder_of(output, state.step);
    fs::create_directories(target.parent_path());
    const FolderBeside beside(target);
    fs::create_directories(beside.path());
    SafeTensorsWriter writer;
    add_weights(writer, parameters);
    for (std::size_t i = 0; i < parameters.all().size(); ++i) {
      const Parameter& parameter = parameters.all()[i];
      for (const AdamW::Array& array : optimizer.arrays(i)) {
        writer.add(fmt::format("{}.{}", array.name, parameter.name), array.type, {array.count}, array.bytes);
      }
    }
    const at::Tensor random = at::detail::getDefaultCPUGenerator().get_state();
    writer.add(std::string(kRandomName), "U8", shape_of(random),
               {random.data_ptr<std::uint8_t>(), static_cast<std::size_t>(random.numel())});
    ORTHANT_TRY(writer.write(beside.path() / "state.safetensors", [&] { optimizer.forget_pages(); }));
    ORTHANT_TRY(write_whole_file(beside.path() / "state.json", state_json(state)));
    fs::remove_all(target);
    fs::rename(beside.path(), target);
    const std::vector<fs::path> folders = checkpoint_folders(output);
    for (std::size_t i = kKept; i < folders.size(); ++i) fs::remove_all(folders[i]);
    return {};
  } catch (const fs::filesystem_error& error) {
    return io_error(error.what());
  }
}

Result<std::optional<RunState>> read_newest_state(const fs::path& output) {
  const std::vector<fs::path> folders = checkpoint_folders(output);
  if (folders.empty()) return std::optional<RunState>();
  return std::optional(ORTHANT_TRY(read_state(folders.front())));
}

Status restore_checkpoint(const fs::path& output, const RunState& state, const ParameterSet& parameters, AdamW& optimizer) {
  const SafeTensors file = ORTHANT_TRY(SafeTensors::open(folder_of(output, state.step) / "state.safetensors"));
  ORTHANT_TRY(restore_weights(file, parameters));
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    for (const AdamW::Array& array : optimizer.arrays(i)) {
      ORTHANT_TRY(copy_bytes(file, fmt::format("{}.{}", array.name, parameters.all()[i].name), array.type, array.bytes));
    }
    optimizer.forget_pages();
    file.release_pages();
  }
  optimizer.set_steps(state.step);
  const TensorView* random = file.find(kRandomName);
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  at::Tensor now = generator.get_state();
  if (random == nullptr || random->bytes.size() != static_cast<std::size_t>(now.numel())) {
    return data_corruption(fmt::format("{}: {}: expected {} bytes", file.file().string(), kRandomName, now.numel()));
  }
  std::memcpy(now.data_ptr<std::uint8_t>(), random->bytes.data(), random->bytes.size());
  generator.set_state(now);
  return {};
}

Status write_best(const fs::path& output, const ParameterSet& parameters) {
  SafeTensorsWriter writer;
  add_weights(writer, parameters);
  const fs::path beside = output / ".best.safetensors";
  ORTHANT_TRY(writer.write(beside));
  std::error_code error;
  fs::rename(beside, output / "best.safetensors", error);
  if (error) return io_error(fmt::format("{}: {}", (output / "best.safetensors").string(), error.message()));
  return {};
}

Status restore_best(const fs::path& output, const ParameterSet& parameters) {
  return restore_weights(ORTHANT_TRY(SafeTensors::open(output / "best.safetensors")), parameters);
}

}  // namespace orthant
