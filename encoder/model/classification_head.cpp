#include "encoder/model/classification_head.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/activation_names.h"
#include "encoder/model/config_file.h"

namespace orthant {
namespace {

// The tensors of a family's head. {} stands for the prefix of the transformer's own tensors.
struct Layout {
  std::string_view architecture;
  std::string_view dense;
  Activation activation;
  std::string_view output;
};
constexpr Layout kLayouts[] = {
    {"BertForSequenceClassification", "{}pooler.dense", Activation::kTanh, "classifier"},
    {"DistilBertForSequenceClassification", "pre_classifier", Activation::kRelu, "classifier"},
    {"RobertaForSequenceClassification", "classifier.dense", Activation::kTanh, "classifier.out_proj"},
    {"XLMRobertaForSequenceClassification", "classifier.dense", Activation::kTanh, "classifier.out_proj"},
    {"CamembertForSequenceClassification", "classifier.dense", Activation::kTanh, "classifier.out_proj"},
    {"MPNetForSequenceClassification", "classifier.dense", Activation::kTanh, "classifier.out_proj"},
};
constexpr std::string_view kModernBert = "ModernBertForSequenceClassification";

// transformers writes the labels' names where there are not two of them.
Result<std::size_t> label_count(const ConfigFile& config) {
  if (const auto count = ORTHANT_TRY(config.size("num_labels"))) return *count;
  simdjson::dom::object labels;
  const auto names = config.element("id2label");
  if (!names) return 2;
  if (names->get_object().get(labels) != simdjson::SUCCESS) return config.mismatch("id2label", "an object");
  return labels.size();
}

struct Head {
  HiddenHeadSpec hidden;
  std::string output;
  bool mean_pooling = false;
};

Result<Head> modernbert_head(const ConfigFile& config, const TransformerConfig& transformer) {
  const std::string activation = ORTHANT_TRY(config.text("classifier_activation")).value_or("gelu");
  const std::string pooling = ORTHANT_TRY(config.text("classifier_pooling")).value_or("cls");
  if (pooling != "cls" && pooling != "mean") return config.mismatch("classifier_pooling", "\"cls\" or \"mean\"");
  Head head;
  head.hidden = {.dense = "head.dense",
                 .activation = ORTHANT_TRY(find_activation(hidden_activations(), activation, config, "classifier_activation")),
                 .norm = "head.norm",
                 .norm_epsilon = transformer.norm_epsilon};
  head.output = "classifier";
  head.mean_pooling = pooling == "mean";
  return head;
}

Result<Head> find_head(const ConfigFile& config, const Transformer& transformer) {
  const std::string& architecture = transformer.config().architecture;
  if (architecture == kModernBert) return modernbert_head(config, transformer.config());
  const auto* layout = std::ranges::find(kLayouts, architecture, &Layout::architecture);
  if (layout == std::end(kLayouts)) {
    std::string known(kModernBert);
    for (const Layout& other : kLayouts) known += fmt::format(", {}", other.architecture);
    return invalid_argument(
        fmt::format("{}: architectures: found {}, supported rerankers are {}", config.path().string(), architecture, known));
  }
  Head head;
  head.hidden = {.dense = fmt::format(fmt::runtime(layout->dense), transformer.prefix()),
                 .activation = layout->activation,
                 .norm = "",
                 .norm_epsilon = 0};
  head.output = layout->output;
  return head;
}

}  // namespace

Result<ClassificationHead> ClassificationHead::load(const std::filesystem::path& folder, const Transformer& transformer) {
  const ConfigFile config = ORTHANT_TRY(ConfigFile::open(folder / "config.json"));
  const std::size_t labels = ORTHANT_TRY(label_count(config));
  if (labels != 1) {
    return invalid_argument(fmt::format("{}: num_labels: found {}, a reranker gives 1", config.path().string(), labels));
  }
  const Head spec = ORTHANT_TRY(find_head(config, transformer));
  const std::size_t size = transformer.config().hidden_size;
  const SafeTensors& file = transformer.weights();
  ClassificationHead head(ORTHANT_TRY(HiddenHead::load(file, spec.hidden, size, transformer.level())));
  const std::array row = {std::size_t{1}, size};
  const std::array one = {std::size_t{1}};
  head.mean_pooling_ = spec.mean_pooling;
  head.weights_ = ORTHANT_TRY(file.read_floats(spec.output + ".weight", row));
  head.bias_ = ORTHANT_TRY(file.read_floats(spec.output + ".bias", one)).front();
  return head;
}

std::vector<float> ClassificationHead::logits(std::span<const float> hidden, std::span<const std::size_t> lengths,
                                              LinearScratch& scratch) const {
  const std::size_t size = weights_.size();
  std::vector<float> pooled(lengths.size() * size);
  std::vector<float> activated(pooled.size());
  const float* rows = hidden.data();
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    float* out = pooled.data() + i * size;
    const std::size_t used = mean_pooling_ ? lengths[i] : 1;
    for (std::size_t token = 0; token < used; ++token) {
      for (std::size_t j = 0; j < size; ++j) out[j] += rows[token * size + j];
    }
    for (std::size_t j = 0; j < size; ++j) out[j] /= static_cast<float>(used);
    rows += lengths[i] * size;
  }
  hidden_.apply(lengths.size(), pooled.data(), activated.data(), scratch);
  std::vector<float> logits(lengths.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const float* row = activated.data() + i * size;
    logits[i] = std::inner_product(weights_.begin(), weights_.end(), row, bias_);
  }
  return logits;
}

}  // namespace orthant
