#include "encoder/model/static_embedding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "encoder/model/config_file.h"

namespace orthant {
namespace {

// What model2vec takes where config.json says nothing.
constexpr std::size_t kDefaultMaxLength = 512;

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

struct StaticModules {
  std::filesystem::path folder;
  bool normalize = false;
};

// The modules of Sentence Transformers where the first is a StaticEmbedding.
Result<std::optional<StaticModules>> read_static_modules(const std::filesystem::path& folder) {
  const std::optional<ConfigFile> file = ORTHANT_TRY(ConfigFile::open_if_there(folder / "modules.json"));
  if (!file) return std::nullopt;
  simdjson::dom::array entries;
  if (file->root().get_array().get(entries) != simdjson::SUCCESS) return std::nullopt;  // read_model_files complains
  std::optional<StaticModules> modules;
  for (simdjson::dom::element entry : entries) {
    std::string_view type;
    if (entry["type"].get_string().get(type) != simdjson::SUCCESS) return std::nullopt;
    type = type.substr(type.rfind('.') + 1);
    if (!modules) {
      std::string_view path;
      if (type != "StaticEmbedding" || entry["path"].get_string().get(path) != simdjson::SUCCESS) return std::nullopt;
      const std::filesystem::path relative(path);
      if (relative.is_absolute() || std::find(relative.begin(), relative.end(), "..") != relative.end()) {
        return data_corruption(fmt::format("{}: path \"{}\" leads out of the model's folder", file->path().string(), path));
      }
      modules = StaticModules{folder / relative, false};
    } else if (type == "Normalize") {
      modules->normalize = true;
    } else {
      return invalid_argument(
          fmt::format("{}: module \"{}\" after StaticEmbedding is not supported, expected Normalize", file->path().string(), type));
    }
  }
  return modules;
}

// A length of null means none.
Result<std::size_t> read_max_length(const ConfigFile& config) {
  if (const auto length = ORTHANT_TRY(config.size("max_length"))) return *length;
  simdjson::dom::element given;
  const bool is_null = config.root()["max_length"].get(given) == simdjson::SUCCESS;
  return is_null ? 0 : kDefaultMaxLength;
}

}  // namespace

Result<std::optional<StaticModelFiles>> read_static_model_files(const std::filesystem::path& folder) {
  const std::optional<ConfigFile> config = ORTHANT_TRY(ConfigFile::open_if_there(folder / "config.json"));
  if (config && ORTHANT_TRY(config->text("model_type")).value_or("") == "model2vec") {
    return StaticModelFiles{.folder = folder,
                            .normalize = ORTHANT_TRY(config->boolean_or("normalize", false)),
                            .drop_unknown = true,
                            .max_length = ORTHANT_TRY(read_max_length(*config))};
  }
  const auto modules = ORTHANT_TRY(read_static_modules(folder));
  if (!modules) return std::nullopt;
  return StaticModelFiles{.folder = modules->folder, .normalize = modules->normalize};
}

// ---- the tokenizer's vocabulary ----

namespace {

class VocabularyReader {
 public:
  explicit VocabularyReader(const std::filesystem::path& file) : file_(file) {}

  Result<TokenStatistics> read() {
    simdjson::dom::element root;
    if (parser_.load(file_.string()).get(root) != simdjson::SUCCESS) return complaint("not valid JSON");
    simdjson::dom::element model;
    if (root["model"].get(model) != simdjson::SUCCESS) return complaint("model: absent");
    std::string_view unknown;
    const bool has_unknown = model["unk_token"].get_string().get(unknown) == simdjson::SUCCESS;
    TokenStatistics statistics;
    simdjson::dom::object words;
    simdjson::dom::array pieces;
    if (model["vocab"].get_object().get(words) == simdjson::SUCCESS) {
      for (const auto& [token, id] : words) {
        add(token);
        if (has_unknown && token == unknown) statistics.unknown_id = id_of(id);
      }
    } else if (model["vocab"].get_array().get(pieces) == simdjson::SUCCESS) {
      for (simdjson::dom::element piece : pieces) {
        std::string_view token;
        if (piece.get_array().at(0).get_string().get(token) != simdjson::SUCCESS)
          return complaint("model.vocab: expected [token, score] pairs");
        add(token);
      }
      statistics.unknown_id = id_in(model, "unk_id");
    } else {
      return complaint("model.vocab: expected an object or a list");
    }
    read_added(root, has_unknown ? unknown : std::string_view(), statistics);
    statistics.median_length = median();
    return statistics;
  }

 private:
  static std::optional<std::uint32_t> id_of(simdjson::dom::element value) {
    std::uint64_t id = 0;
    if (value.get_uint64().get(id) != simdjson::SUCCESS) return std::nullopt;
    return static_cast<std::uint32_t>(id);
  }
  static std::optional<std::uint32_t> id_in(simdjson::dom::element object, std::string_view name) {
    simdjson::dom::element value;
    if (object[name].get(value) != simdjson::SUCCESS) return std::nullopt;
    return id_of(value);
  }

  std::unexpected<Error> complaint(std::string_view what) const {
    return data_corruption(fmt::format("{}: {}", file_.string(), what));
  }

  void add(std::string_view token) {
    known_.emplace_back(token);
    lengths_.push_back(code_points(token));
  }

  // Tokens beside the model's own; most repeat some of it.
  void read_added(simdjson::dom::element root, std::string_view unknown, TokenStatistics& statistics) {
    simdjson::dom::array added;
    if (root["added_tokens"].get_array().get(added) != simdjson::SUCCESS) return;
    std::ranges::sort(known_);
    for (simdjson::dom::element token : added) {
      std::string_view content;
      if (token["content"].get_string().get(content) != simdjson::SUCCESS) continue;
      if (!std::ranges::binary_search(known_, content)) lengths_.push_back(code_points(content));
      if (!unknown.empty() && content == unknown) statistics.unknown_id = id_in(token, "id");
    }
  }

  std::size_t median() {
    if (lengths_.empty()) return 0;
    std::ranges::sort(lengths_);
    const std::size_t middle = lengths_.size() / 2;
    return lengths_.size() % 2 == 1 ? lengths_[middle] : (lengths_[middle - 1] + lengths_[middle]) / 2;
  }

  const std::filesystem::path& file_;
  simdjson::dom::parser parser_;
  std::vector<std::string_view> known_;  // into the parser's document
  std::vector<std::size_t> lengths_;
};

}  // namespace

Result<TokenStatistics> read_token_statistics(const std::filesystem::path& tokenizer_json) {
  return VocabularyReader(tokenizer_json).read();
}

// ---- the table ----

namespace {

// The numbers of a tensor with one dimension, of any of the types that NumPy gives it.
template <typename To>
Result<std::vector<To>> read_vector(const SafeTensors& file, const TensorView& tensor, std::string_view name) {
  if (tensor.shape.size() != 1) {
    return data_corruption(fmt::format("{}: {}: {} dimensions, expected 1", file.file().string(), name, tensor.shape.size()));
  }
  std::vector<To> values(tensor.shape[0]);
  const auto convert = [&]<typename From>(From) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      From value;
      std::memcpy(&value, tensor.bytes.data() + i * sizeof value, sizeof value);
      values[i] = static_cast<To>(value);
    }
  };
  if (tensor.type_name == "I64") {
    convert(std::int64_t{});
  } else if (tensor.type_name == "I32") {
    convert(std::int32_t{});
  } else if (tensor.type_name == "F64") {
    convert(double{});
  } else {
    return data_corruption(
        fmt::format("{}: {}: found {}, expected I64, I32, F64 or a float", file.file().string(), name, tensor.type_name));
  }
  return values;
}

template <typename Value>
void add_row(const Value* __restrict row, float factor, std::size_t dim, float* __restrict sum) {
  for (std::size_t i = 0; i < dim; ++i) sum[i] += factor * static_cast<float>(row[i]);
}

}  // namespace

Status StaticEmbedding::load_table() {
  const std::string name = file_->find("embeddings") != nullptr ? "embeddings" : "embedding.weight";
  const TensorView* table = file_->find(name);
  if (table == nullptr || table->shape.size() != 2 || table->shape[1] == 0) {
    return data_corruption(fmt::format("{}: expected a matrix \"embeddings\" or \"embedding.weight\"", file_->file().string()));
  }
  rows_ = table->shape[0];
  dim_ = table->shape[1];
  if (table->type_name == "I8") {
    bytes_ = {reinterpret_cast<const std::int8_t*>(table->bytes.data()), table->bytes.size()};
    return {};
  }
  floats_ = ORTHANT_TRY(file_->view_floats(name, table->shape, storage_));
  return {};
}

Status StaticEmbedding::load_mapping() {
  const TensorView* mapping = file_->find("mapping");
  if (mapping == nullptr) return {};
  row_of_token_ = ORTHANT_TRY(read_vector<std::uint32_t>(*file_, *mapping, "mapping"));
  for (const std::uint32_t row : row_of_token_) {
    if (row >= rows_) {
      return data_corruption(fmt::format("{}: mapping: row {}, the table has {}", file_->file().string(), row, rows_));
    }
  }
  return {};
}

Status StaticEmbedding::load_factors() {
  const TensorView* weights = file_->find("weights");
  if (weights == nullptr) return {};
  factors_ = weights->type == TensorType::kOther ? ORTHANT_TRY(read_vector<float>(*file_, *weights, "weights"))
                                                 : ORTHANT_TRY(file_->read_floats("weights", weights->shape));
  if (factors_.size() < token_count()) {
    return data_corruption(
        fmt::format("{}: weights: {} values for {} tokens", file_->file().string(), factors_.size(), token_count()));
  }
  return {};
}

Result<StaticEmbedding> StaticEmbedding::load(const std::filesystem::path& weights_file, std::size_t vocabulary_size) {
  StaticEmbedding loaded(ORTHANT_TRY(SafeTensors::open(weights_file)));
  ORTHANT_TRY(loaded.load_table());
  ORTHANT_TRY(loaded.load_mapping());
  ORTHANT_TRY(loaded.load_factors());
  if (loaded.token_count() < vocabulary_size) {
    return data_corruption(
        fmt::format("{}: rows for {} tokens, the tokenizer has {}", weights_file.string(), loaded.token_count(), vocabulary_size));
  }
  return loaded;
}

void StaticEmbedding::mean(std::span<const std::uint32_t> ids, std::span<float> out) const {
  std::ranges::fill(out, 0.0F);
  if (ids.empty()) return;
  for (const std::uint32_t id : ids) {
    const std::size_t row = row_of_token_.empty() ? id : row_of_token_[id];
    const float factor = factors_.empty() ? 1.0F : factors_[id];
    if (bytes_.empty()) {
      add_row(floats_.data() + row * dim_, factor, dim_, out.data());
    } else {
      add_row(bytes_.data() + row * dim_, factor, dim_, out.data());
    }
  }
  const auto count = static_cast<float>(ids.size());
  for (float& value : out) value /= count;
}

std::size_t StaticEmbedding::memory_bytes() const {
  return floats_.size() * sizeof(float) + bytes_.size() + row_of_token_.size() * sizeof(std::uint32_t) +
         factors_.size() * sizeof(float);
}

}  // namespace orthant
