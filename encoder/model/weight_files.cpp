#include "encoder/model/weight_files.h"

#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/digest.h"
#include "encoder/model/config_file.h"

namespace orthant {
namespace {

Result<std::vector<std::filesystem::path>> read_index(const ConfigFile& index) {
  const auto map = index.element("weight_map");
  simdjson::dom::object entries;
  if (!map || map->get_object().get(entries) != simdjson::SUCCESS || entries.size() == 0) {
    return data_corruption(fmt::format("{}: weight_map: expected an object of file names", index.path().string()));
  }
  std::set<std::string> names;
  for (const auto& [tensor, value] : entries) {
    std::string_view name;
    if (value.get_string().get(name) != simdjson::SUCCESS || name.empty() || std::filesystem::path(name).filename() != name ||
        name == "..") {
      return data_corruption(
          fmt::format("{}: weight_map: \"{}\": expected the name of a file of the folder", index.path().string(), tensor));
    }
    names.emplace(name);
  }
  std::vector<std::filesystem::path> parts;
  for (const std::string& name : names) parts.push_back(index.path().parent_path() / name);
  return parts;
}

}  // namespace

Result<WeightFiles> find_weight_files(const std::filesystem::path& folder) {
  const std::filesystem::path single = folder / "model.safetensors";
  std::error_code ignored;
  if (std::filesystem::exists(single, ignored)) return WeightFiles{single, {single}};
  const auto index = ORTHANT_TRY(ConfigFile::open_if_there(folder / "model.safetensors.index.json"));
  if (!index && std::filesystem::exists(folder / "adapter_config.json", ignored)) {
    return not_found(
        fmt::format("{}: no such file, there are adapters alone: put them beside the weights and config.json of their "
                    "base model",
                    single.string()));
  }
  if (!index) {
    return not_found(fmt::format("{}: no such file, nor model.safetensors.index.json (weights are read from safetensors only)",
                                 single.string()));
  }
  std::vector<std::filesystem::path> parts = ORTHANT_TRY(read_index(*index));
  return WeightFiles{index->path(), std::move(parts)};
}

Result<SafeTensors> open_weights(const WeightFiles& files) {
  SafeTensors whole = ORTHANT_TRY(SafeTensors::open(files.parts.front()));
  for (std::size_t i = 1; i < files.parts.size(); ++i) {
    ORTHANT_TRY(whole.join(ORTHANT_TRY(SafeTensors::open(files.parts[i])), files.whole));
  }
  return whole;
}

Result<std::string> weights_sha256(const WeightFiles& files) {
  if (files.parts.size() == 1) return sha256_hex_of_file(files.parts.front());
  std::string digests;
  for (const std::filesystem::path& part : files.parts) digests += ORTHANT_TRY(sha256_hex_of_file(part));
  return sha256_hex(digests);
}

}  // namespace orthant
