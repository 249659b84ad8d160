#include "encoder/model/model_kind.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "encoder/model/config_file.h"
#include "encoder/model/modules_file.h"

namespace orthant {
namespace {

// The class in config.json; empty where it says none.
Result<std::string> class_name(const std::filesystem::path& folder) {
  const std::optional<ConfigFile> file = ORTHANT_TRY(ConfigFile::open_if_there(folder / "config.json"));
  if (!file) return std::string();
  const auto names = file->element("architectures");
  simdjson::dom::array list;
  std::string_view name;
  if (!names || names->get_array().get(list) != simdjson::SUCCESS || list.size() == 0) return std::string();
  if (list.at(0).get_string().get(name) != simdjson::SUCCESS) return std::string();
  return std::string(name);
}

}  // namespace

Result<ModelKind> read_model_kind(const std::filesystem::path& folder) {
  std::error_code ignored;
  const bool has_modules = std::filesystem::exists(folder / "modules.json", ignored);
  if (!has_modules && !std::filesystem::exists(folder / "config.json", ignored)) {
    return not_found(fmt::format("{}: no model there (neither modules.json nor config.json)", folder.string()));
  }
  const std::vector<ModuleEntry> modules = ORTHANT_TRY(read_modules(folder));
  if (std::ranges::find(modules, "SpladePooling", &ModuleEntry::type) != modules.end()) return ModelKind::kSparseEncoder;
  if (modules.size() != 1) return ModelKind::kEncoder;
  const std::string name = ORTHANT_TRY(class_name(modules[0].folder));
  if (name.ends_with("ForSequenceClassification")) return ModelKind::kReranker;
  if (name.ends_with("ForMaskedLM") && !has_modules) return ModelKind::kSparseEncoder;
  return ModelKind::kEncoder;
}

}  // namespace orthant
