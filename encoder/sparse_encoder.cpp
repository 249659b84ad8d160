#include "encoder/sparse_encoder.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "encoder/backbone.h"
#include "encoder/model/config_file.h"
#include "encoder/model/model_kind.h"
#include "encoder/model/modules_file.h"
#include "encoder/model/splade_head.h"

namespace orthant {
namespace {

class SpladeEncoder final : public SparseEncoder {
 public:
  SpladeEncoder(Backbone backbone, SpladeHead head, Prompts prompts, EncoderInfo info)
      : backbone_(std::move(backbone)), head_(std::move(head)), prompts_(std::move(prompts)), info_(std::move(info)) {}

  const EncoderInfo& info() const override { return info_; }
  Result<SparseEncodeResult> encode(std::span<const std::string_view> texts, Purpose purpose) const override;

 private:
  Status encode_pass(std::span<const TokenizedText> texts, std::span<const std::size_t> pass, SparseEncodeResult& result) const;

  const Backbone backbone_;
  const SpladeHead head_;
  const Prompts prompts_;
  const EncoderInfo info_;
};

Result<SparseEncodeResult> SpladeEncoder::encode(std::span<const std::string_view> texts, Purpose purpose) const {
  const std::string_view prompt = prompts_.text_for(purpose);
  std::vector<TokenizedText> tokenized;
  tokenized.reserve(texts.size());
  SparseEncodeResult result;
  for (const std::string_view text : texts) {
    tokenized.push_back(prompt.empty() ? backbone_.tokenizer->tokenize(text, info_.max_seq_length)
                                       : backbone_.tokenizer->tokenize(fmt::format("{}{}", prompt, text), info_.max_seq_length));
    result.token_counts.push_back(static_cast<std::uint32_t>(tokenized.back().ids.size()));
    result.truncated.push_back(tokenized.back().truncated);
  }
  result.embeddings.resize(texts.size());
  for (const std::vector<std::size_t>& pass : cut_into_passes(tokenized)) ORTHANT_TRY(encode_pass(tokenized, pass, result));
  return result;
}

Status SpladeEncoder::encode_pass(std::span<const TokenizedText> texts, std::span<const std::size_t> pass,
                                  SparseEncodeResult& result) const {
  thread_local Workspace workspace;
  std::vector<TokenSequence> sequences;
  std::vector<std::size_t> lengths;
  for (const std::size_t position : pass) {
    sequences.push_back({texts[position].ids, texts[position].type_ids});
    lengths.push_back(texts[position].ids.size());
  }
  const std::span<const float> hidden = ORTHANT_TRY(backbone_.transformer.forward(sequences, workspace));
  std::vector<SparseEmbedding> embeddings = head_.pool(hidden, lengths, workspace.scratch());
  for (std::size_t i = 0; i < pass.size(); ++i) result.embeddings[pass[i]] = std::move(embeddings[i]);
  return {};
}

// A bare transformer is pooled as SparseEncoder does it: the largest value, once through the logarithm.
Result<SpladePooling> read_pooling(const std::vector<ModuleEntry>& modules) {
  SpladePooling pooling;
  if (modules.size() == 1) return pooling;
  if (modules.size() != 2 || modules[1].type != "SpladePooling") {
    return invalid_argument(
        fmt::format("{}: module \"{}\" is not supported in a sparse encoder, expected a transformer and SpladePooling",
                    modules.back().folder.string(), modules.back().type));
  }
  const ConfigFile config = ORTHANT_TRY(ConfigFile::open(modules[1].folder / "config.json"));
  const std::string strategy = ORTHANT_TRY(config.text("pooling_strategy")).value_or("max");
  const std::string activation = ORTHANT_TRY(config.text("activation_function")).value_or("relu");
  if (strategy != "max" && strategy != "sum") return config.mismatch("pooling_strategy", "\"max\" or \"sum\"");
  if (activation != "relu" && activation != "log1p_relu")
    return config.mismatch("activation_function", "\"relu\" or \"log1p_relu\"");
  pooling.sum = strategy == "sum";
  pooling.log_twice = activation == "log1p_relu";
  return pooling;
}

}  // namespace

Result<std::unique_ptr<SparseEncoder>> SparseEncoder::load(const std::filesystem::path& folder, const EncoderOptions& options) {
  if (ORTHANT_TRY(read_model_kind(folder)) != ModelKind::kSparseEncoder) {
    return invalid_argument(
        fmt::format("{}: no sparse encoder (no SpladePooling, and its class is not ...ForMaskedLM)", folder.string()));
  }
  const std::vector<ModuleEntry> modules = ORTHANT_TRY(read_modules(folder));
  const SpladePooling pooling = ORTHANT_TRY(read_pooling(modules));
  const std::filesystem::path transformer = modules.front().folder;
  const TransformerConfig config = ORTHANT_TRY(read_transformer_config(transformer));
  Backbone backbone = ORTHANT_TRY(load_backbone(transformer, config, ORTHANT_TRY(read_max_seq_length(transformer)), options));
  SpladeHead head = ORTHANT_TRY(SpladeHead::load(transformer, backbone.transformer, pooling));
  Prompts prompts = ORTHANT_TRY(read_prompts(folder));
  EncoderInfo info = describe_backbone(folder, options, backbone);
  info.kind = ModelKind::kSparseEncoder;
  info.pooling = fmt::format("splade {}{}", pooling.sum ? "sum" : "max", pooling.log_twice ? " log1p_relu" : "");
  info.dim = head.vocabulary_size();
  info.prompts = prompts.texts;
  info.query_prompt = prompts.text_for(Purpose::kQuery);
  info.document_prompt = prompts.text_for(Purpose::kDocument);
  info.parameter_count += head.parameter_count();
  info.memory_bytes += head.memory_bytes();
  return std::make_unique<SpladeEncoder>(std::move(backbone), std::move(head), std::move(prompts), std::move(info));
}

}  // namespace orthant
