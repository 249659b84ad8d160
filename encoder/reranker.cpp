#include "encoder/reranker.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "encoder/backbone.h"
#include "encoder/model/classification_head.h"
#include "encoder/model/config_file.h"
#include "encoder/model/model_kind.h"
#include "encoder/model/modules_file.h"

namespace orthant {
namespace {

class CrossEncoder final : public Reranker {
 public:
  CrossEncoder(Backbone backbone, ClassificationHead head, bool sigmoid, EncoderInfo info)
      : backbone_(std::move(backbone)), head_(std::move(head)), sigmoid_(sigmoid), info_(std::move(info)) {}

  const EncoderInfo& info() const override { return info_; }
  Result<RerankResult> score(std::string_view query, std::span<const std::string_view> documents) const override;

 private:
  Status score_pass(std::span<const TokenizedText> pairs, std::span<const std::size_t> pass, RerankResult& result) const;

  const Backbone backbone_;
  const ClassificationHead head_;
  const bool sigmoid_;
  const EncoderInfo info_;
};

Result<RerankResult> CrossEncoder::score(std::string_view query, std::span<const std::string_view> documents) const {
  std::vector<TokenizedText> pairs;
  pairs.reserve(documents.size());
  for (const std::string_view document : documents) {
    pairs.push_back(backbone_.tokenizer->tokenize_pair(query, document, info_.max_seq_length));
  }
  RerankResult result;
  result.logits.resize(pairs.size());
  for (const std::vector<std::size_t>& pass : cut_into_passes(pairs)) ORTHANT_TRY(score_pass(pairs, pass, result));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    result.scores.push_back(sigmoid_ ? 1.0F / (1.0F + std::exp(-result.logits[i])) : result.logits[i]);
    result.token_counts.push_back(static_cast<std::uint32_t>(pairs[i].ids.size()));
    result.truncated.push_back(pairs[i].truncated);
  }
  return result;
}

Status CrossEncoder::score_pass(std::span<const TokenizedText> pairs, std::span<const std::size_t> pass,
                                RerankResult& result) const {
  thread_local Workspace workspace;
  std::vector<TokenSequence> sequences;
  std::vector<std::size_t> lengths;
  for (const std::size_t position : pass) {
    sequences.push_back({pairs[position].ids, pairs[position].type_ids});
    lengths.push_back(pairs[position].ids.size());
  }
  const std::span<const float> hidden = ORTHANT_TRY(backbone_.transformer.forward(sequences, workspace));
  const std::vector<float> logits = head_.logits(hidden, lengths, workspace.scratch());
  for (std::size_t i = 0; i < pass.size(); ++i) result.logits[pass[i]] = logits[i];
  return {};
}

// Where Sentence Transformers looks, in its order.
Result<std::optional<std::string>> named_activation(const std::filesystem::path& folder, const std::filesystem::path& transformer) {
  const auto own = ORTHANT_TRY(ConfigFile::open_if_there(folder / "config_sentence_transformers.json"));
  if (own) {
    if (auto name = ORTHANT_TRY(own->text("activation_fn"))) return name;
  }
  const ConfigFile config = ORTHANT_TRY(ConfigFile::open(transformer / "config.json"));
  if (const auto nested = config.element("sentence_transformers")) {
    std::string_view name;
    if (nested->is_object() && (*nested)["activation_fn"].get_string().get(name) == simdjson::SUCCESS) return std::string(name);
  }
  return config.text("sbert_ce_default_activation_function");
}

Result<bool> has_sigmoid(const std::filesystem::path& folder, const std::filesystem::path& transformer) {
  const auto name = ORTHANT_TRY(named_activation(folder, transformer));
  if (!name || name->ends_with(".Sigmoid")) return true;
  if (name->ends_with(".Identity")) return false;
  return invalid_argument(
      fmt::format("{}: activation_fn: \"{}\" is not supported, expected Sigmoid or Identity of torch.nn", folder.string(), *name));
}

}  // namespace

Result<std::unique_ptr<Reranker>> Reranker::load(const std::filesystem::path& folder, const EncoderOptions& options) {
  if (ORTHANT_TRY(read_model_kind(folder)) != ModelKind::kReranker) {
    return invalid_argument(fmt::format("{}: no reranker (its class is not ...ForSequenceClassification)", folder.string()));
  }
  const std::filesystem::path transformer = ORTHANT_TRY(read_modules(folder)).front().folder;
  const bool sigmoid = ORTHANT_TRY(has_sigmoid(folder, transformer));
  const TransformerConfig config = ORTHANT_TRY(read_transformer_config(transformer));
  Backbone backbone = ORTHANT_TRY(load_backbone(transformer, config, ORTHANT_TRY(read_max_seq_length(transformer)), options));
  ClassificationHead head = ORTHANT_TRY(ClassificationHead::load(transformer, backbone.transformer));
  EncoderInfo info = describe_backbone(folder, options, backbone);
  info.kind = ModelKind::kReranker;
  info.pooling = sigmoid ? "sigmoid" : "identity";
  info.dim = 1;
  info.parameter_count += head.parameter_count();
  info.memory_bytes += head.memory_bytes();
  return std::make_unique<CrossEncoder>(std::move(backbone), std::move(head), sigmoid, std::move(info));
}

}  // namespace orthant
