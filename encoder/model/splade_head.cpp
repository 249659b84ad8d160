#include "encoder/model/splade_head.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "encoder/model/activation_names.h"
#include "encoder/model/config_file.h"

namespace orthant {
namespace {

constexpr float kDistilBertEpsilon = 1e-12F;

struct Layout {
  std::string_view architecture;
  std::string_view dense;
  std::string_view norm;
  std::string_view projection;
  std::string_view bias;  // where the projection has none of its own
};
constexpr Layout kLayouts[] = {
    {"BertForMaskedLM", "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.decoder",
     "cls.predictions.bias"},
    {"DistilBertForMaskedLM", "vocab_transform", "vocab_layer_norm", "vocab_projector", ""},
    {"RobertaForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"},
    {"XLMRobertaForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"},
    {"CamembertForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"},
    {"MPNetForMaskedLM", "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head.bias"},
    {"ModernBertForMaskedLM", "head.dense", "head.norm", "decoder", ""},
};

Result<const Layout*> find_layout(const ConfigFile& config, std::string_view architecture) {
  const auto* layout = std::ranges::find(kLayouts, architecture, &Layout::architecture);
  if (layout != std::end(kLayouts)) return layout;
  std::string known;
  for (const Layout& other : kLayouts) known += fmt::format("{}{}", known.empty() ? "" : ", ", other.architecture);
  return invalid_argument(
      fmt::format("{}: architectures: found {}, supported sparse encoders are {}", config.path().string(), architecture, known));
}

// RoBERTa's head has its own; BERT and DistilBERT take that of the blocks.
Result<Activation> find_head_activation(const ConfigFile& config, const Layout& layout, const TransformerConfig& transformer) {
  if (layout.dense == "lm_head.dense") return Activation::kGeluErf;
  if (layout.dense != "head.dense") return transformer.activation;
  const std::string name = ORTHANT_TRY(config.text("classifier_activation")).value_or("gelu");
  return find_activation(hidden_activations(), name, config, "classifier_activation");
}

}  // namespace

Result<SpladeHead> SpladeHead::load(const std::filesystem::path& folder, const Transformer& transformer, SpladePooling pooling) {
  const ConfigFile config = ORTHANT_TRY(ConfigFile::open(folder / "config.json"));
  const TransformerConfig& shape = transformer.config();
  const Layout& layout = *ORTHANT_TRY(find_layout(config, shape.architecture));
  const bool is_distilbert = layout.dense == "vocab_transform";
  const HiddenHeadSpec spec{.dense = std::string(layout.dense),
                            .activation = ORTHANT_TRY(find_head_activation(config, layout, shape)),
                            .norm = std::string(layout.norm),
                            .norm_epsilon = is_distilbert ? kDistilBertEpsilon : shape.norm_epsilon};
  const SafeTensors& file = transformer.weights();
  SpladeHead head(ORTHANT_TRY(HiddenHead::load(file, spec, shape.hidden_size, transformer.level())));
  head.pooling_ = pooling;
  head.hidden_size_ = shape.hidden_size;
  ORTHANT_TRY(head.load_projection(transformer, std::string(layout.projection)));
  const std::array words = {shape.vocabulary_size};
  head.bias_.resize(shape.vocabulary_size);
  for (const std::string& name : {std::string(layout.projection) + ".bias", std::string(layout.bias)}) {
    if (file.find(name) == nullptr) continue;
    head.bias_ = ORTHANT_TRY(file.read_floats(name, words));
    break;
  }
  return head;
}

// The projection's own weights, or the word embeddings where the file ties them.
Status SpladeHead::load_projection(const Transformer& transformer, const std::string& name) {
  const std::size_t words = transformer.config().vocabulary_size;
  const SafeTensors& file = transformer.weights();
  const EmbeddingTable* table = &transformer.word_embeddings();
  EmbeddingTable own;
  tied_ = file.find(name + ".weight") == nullptr && file.find(name + ".codes") == nullptr;
  if (!tied_) {
    own = ORTHANT_TRY(EmbeddingTable::open(file, name, words, hidden_size_));
    table = &own;
  }
  arena_ = std::make_unique<WeightArena>();
  for (std::size_t first = 0; first < words; first += kBlockWords) {
    LinearWeights weights;
    weights.outputs = std::min(kBlockWords, words - first);
    weights.inputs = hidden_size_;
    FloatWeights block;
    block.values.resize(weights.outputs * hidden_size_);
    for (std::size_t i = 0; i < weights.outputs; ++i) table->copy_row(first + i, block.values.data() + i * hidden_size_);
    weights.data = std::move(block);
    blocks_.push_back(Linear::make(weights, {}, Activation::kNone, transformer.level(), *arena_));
  }
  return {};
}

namespace {

float squash(float logit, bool log_twice) {
  const float once = std::log1p(std::max(logit, 0.0F));
  return log_twice ? std::log1p(once) : once;
}

void keep_largest(const float* __restrict logits, std::size_t words, float* __restrict pooled) {
  for (std::size_t i = 0; i < words; ++i) pooled[i] = logits[i] > pooled[i] ? logits[i] : pooled[i];
}

}  // namespace

void SpladeHead::fold(const float* logits, std::size_t first_word, std::size_t words, float* pooled) const {
  if (!pooling_.sum) return keep_largest(logits, words, pooled);
  const float* bias = bias_.data() + first_word;
  for (std::size_t i = 0; i < words; ++i) {
    const float logit = logits[i] + bias[i];
    if (logit > 0) pooled[i] += squash(logit, pooling_.log_twice);
  }
}

SparseEmbedding SpladeHead::finish(std::span<const float> pooled) const {
  SparseEmbedding embedding;
  for (std::size_t word = 0; word < pooled.size(); ++word) {
    const float value = pooling_.sum ? pooled[word] : squash(pooled[word] + bias_[word], pooling_.log_twice);
    if (!(value > 0)) continue;
    embedding.indices.push_back(static_cast<std::uint32_t>(word));
    embedding.values.push_back(value);
  }
  return embedding;
}

std::vector<SparseEmbedding> SpladeHead::pool(std::span<const float> hidden, std::span<const std::size_t> lengths,
                                              LinearScratch& scratch) const {
  const std::size_t tokens = hidden.size() / hidden_size_;
  const std::size_t words = vocabulary_size();
  std::vector<float> transformed(hidden.size());
  hidden_.apply(tokens, hidden.data(), transformed.data(), scratch);
  std::vector<std::size_t> text_of_token;
  for (std::size_t text = 0; text < lengths.size(); ++text) text_of_token.insert(text_of_token.end(), lengths[text], text);
  std::vector<float> pooled(lengths.size() * words, pooling_.sum ? 0.0F : -std::numeric_limits<float>::infinity());
  std::vector<float> logits(kBlockTokens * kBlockWords);
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    const Linear& linear = *blocks_[block];
    const std::size_t first_word = block * kBlockWords;
    for (std::size_t first = 0; first < tokens; first += kBlockTokens) {
      const std::size_t rows = std::min(kBlockTokens, tokens - first);
      linear.apply(rows, transformed.data() + first * hidden_size_, logits.data(), scratch);
      for (std::size_t row = 0; row < rows; ++row) {
        fold(logits.data() + row * linear.outputs(), first_word, linear.outputs(),
             pooled.data() + text_of_token[first + row] * words + first_word);
      }
    }
  }
  std::vector<SparseEmbedding> embeddings;
  for (std::size_t text = 0; text < lengths.size(); ++text) {
    embeddings.push_back(finish(std::span(pooled).subspan(text * words, words)));
  }
  return embeddings;
}

std::size_t SpladeHead::memory_bytes() const {
  std::size_t bytes = hidden_.memory_bytes() + bias_.size() * sizeof(float);
  for (const auto& block : blocks_) bytes += block->memory_bytes();
  return bytes;
}

}  // namespace orthant
