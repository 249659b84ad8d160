#include "encoder/model/modules_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "encoder/model/config_file.h"

namespace orthant {

// Sentence Transformers moved its classes between packages; the class name is what stays.
Result<std::vector<ModuleEntry>> read_modules(const std::filesystem::path& folder) {
  const std::optional<ConfigFile> file = ORTHANT_TRY(ConfigFile::open_if_there(folder / "modules.json"));
  if (!file) return std::vector<ModuleEntry>{{"Transformer", folder}};
  simdjson::dom::array entries;
  if (file->root().get_array().get(entries) != simdjson::SUCCESS) {
    return data_corruption(fmt::format("{}: expected a list of modules", file->path().string()));
  }
  std::vector<ModuleEntry> modules;
  for (simdjson::dom::element entry : entries) {
    std::string_view type;
    std::string_view path;
    if (!entry.is_object() || entry["type"].get_string().get(type) != simdjson::SUCCESS ||
        entry["path"].get_string().get(path) != simdjson::SUCCESS) {
      return data_corruption(fmt::format("{}: entry {}: expected type and path", file->path().string(), modules.size()));
    }
    const std::filesystem::path relative(path);
    const bool leaves = relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end();
    if (leaves) return data_corruption(fmt::format("{}: path \"{}\" leads out of the model's folder", file->path().string(), path));
    modules.push_back({std::string(type.substr(type.rfind('.') + 1)), folder / relative});
  }
  return modules;
}

Result<Prompts> read_prompts(const std::filesystem::path& folder) {
  Prompts prompts;
  const std::optional<ConfigFile> file = ORTHANT_TRY(ConfigFile::open_if_there(folder / "config_sentence_transformers.json"));
  if (!file) return prompts;
  if (const auto given = file->element("prompts")) {
    simdjson::dom::object object;
    if (given->get_object().get(object) != simdjson::SUCCESS) return file->mismatch("prompts", "an object of names and texts");
    for (const auto& [name, value] : object) {
      std::string_view text;
      if (value.get_string().get(text) != simdjson::SUCCESS) return file->mismatch("prompts", "an object of names and texts");
      prompts.texts.insert_or_assign(std::string(name), std::string(text));
    }
  }
  prompts.default_name = ORTHANT_TRY(file->text("default_prompt_name")).value_or("");
  if (!prompts.default_name.empty() && !prompts.texts.contains(prompts.default_name)) {
    return file->mismatch("default_prompt_name", "the name of one of the prompts");
  }
  return prompts;
}

Result<std::size_t> read_max_seq_length(const std::filesystem::path& transformer_folder) {
  const std::optional<ConfigFile> file = ORTHANT_TRY(ConfigFile::open_if_there(transformer_folder / "sentence_bert_config.json"));
  if (!file) return std::size_t{0};
  return ORTHANT_TRY(file->size("max_seq_length")).value_or(0);
}

std::string_view Prompts::text_for(Purpose purpose) const {
  static constexpr std::array<std::string_view, 1> kQueryNames = {"query"};
  static constexpr std::array<std::string_view, 3> kDocumentNames = {"document", "passage", "corpus"};
  const std::span<const std::string_view> names = purpose == Purpose::kQuery ? std::span<const std::string_view>(kQueryNames)
                                                                             : std::span<const std::string_view>(kDocumentNames);
  for (const std::string_view name : names) {
    const auto found = texts.find(std::string(name));
    if (found != texts.end()) return found->second;
  }
  const auto found = texts.find(default_name);
  return found == texts.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace orthant
