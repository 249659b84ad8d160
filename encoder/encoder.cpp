#include "encoder/encoder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/cpu.h"
#include "base/digest.h"
#include "encoder/backbone.h"
#include "encoder/calibration_store.h"
#include "encoder/model/embedding_head.h"
#include "encoder/model/model_files.h"
#include "encoder/model/model_kind.h"
#include "encoder/static_encoder.h"

namespace orthant {
namespace {

std::string pooling_text(const std::vector<PoolingMode>& modes) {
  std::string text;
  for (const PoolingMode mode : modes) text += fmt::format("{}{}", text.empty() ? "" : "+", pooling_mode_name(mode));
  return text;
}

class BertEncoder final : public Encoder {
 public:
  BertEncoder(ModelFiles files, Backbone backbone, EmbeddingHead head, EncoderInfo info)
      : files_(std::move(files)), backbone_(std::move(backbone)), head_(std::move(head)), info_(std::move(info)) {}

  const EncoderInfo& info() const override { return info_; }
  TokenizedText tokenize(std::string_view text, Purpose purpose) const override;
  Result<EncodeResult> encode(std::span<const std::string_view> texts, const EncodeOptions& options) const override;
  Result<EncodeResult> encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const override;
  Result<EmbeddingMatrix> calibration_ranges(std::size_t dimensions) const override;

 private:
  Status encode_pass(std::span<const TokenizedText> texts, std::span<const std::size_t> order, EmbeddingMatrix& embeddings,
                     StageTimes* stages) const;

  const ModelFiles files_;
  const Backbone backbone_;
  const EmbeddingHead head_;
  const EncoderInfo info_;
  mutable CalibrationStore calibration_;
};

TokenizedText BertEncoder::tokenize(std::string_view text, Purpose purpose) const {
  const std::string_view prompt = files_.prompts.text_for(purpose);
  if (prompt.empty()) return backbone_.tokenizer->tokenize(text, info_.max_seq_length);
  return backbone_.tokenizer->tokenize(fmt::format("{}{}", prompt, text), info_.max_seq_length);
}

Result<EncodeResult> BertEncoder::encode(std::span<const std::string_view> texts, const EncodeOptions& options) const {
  std::vector<TokenizedText> tokenized;
  tokenized.reserve(texts.size());
  StageClock clock(options.stage_times);
  for (const std::string_view text : texts) tokenized.push_back(tokenize(text, options.purpose));
  clock.mark(EncodeStage::kTokenization);
  return encode_tokens(tokenized, options);
}

// The first `dimensions` of each row, of length one again where the whole rows are.
EmbeddingMatrix truncated_rows(const EmbeddingMatrix& whole, std::size_t dimensions, bool normalized) {
  EmbeddingMatrix cut{whole.rows, dimensions, std::vector<float>(whole.rows * dimensions)};
  for (std::size_t i = 0; i < whole.rows; ++i) {
    std::copy_n(whole.row(i).begin(), dimensions, cut.row(i).begin());
    if (normalized) normalize_embedding(cut.row(i));
  }
  return cut;
}

Result<EncodeResult> BertEncoder::encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const {
  if (options.dimensions > info_.dim) {
    return invalid_argument(
        fmt::format("dimensions: found {}, the model \"{}\" gives {}", options.dimensions, info_.name, info_.dim));
  }
  EncodeResult result;
  result.embeddings = {texts.size(), info_.dim, std::vector<float>(texts.size() * info_.dim)};
  for (const TokenizedText& text : texts) {
    result.token_counts.push_back(static_cast<std::uint32_t>(text.ids.size()));
    result.truncated.push_back(text.truncated);
  }
  for (const std::vector<std::size_t>& pass : cut_into_passes(texts)) {
    ORTHANT_TRY(encode_pass(texts, pass, result.embeddings, options.stage_times));
  }
  if (options.dimensions != 0 && options.dimensions != info_.dim) {
    result.embeddings = truncated_rows(result.embeddings, options.dimensions, info_.normalized);
  }
  return result;
}

Status BertEncoder::encode_pass(std::span<const TokenizedText> texts, std::span<const std::size_t> order,
                                EmbeddingMatrix& embeddings, StageTimes* stages) const {
  thread_local Workspace workspace;
  thread_local std::vector<TokenSequence> sequences;
  sequences.clear();
  for (const std::size_t position : order) sequences.push_back({texts[position].ids, texts[position].type_ids});
  workspace.scratch().stages = stages;
  const std::span<const float> hidden = ORTHANT_TRY(backbone_.transformer.forward(sequences, workspace));
  StageClock clock(stages);
  std::size_t start = 0;
  for (const std::size_t position : order) {
    const std::size_t count = texts[position].ids.size() * backbone_.transformer.config().hidden_size;
    head_.apply(hidden.subspan(start, count), embeddings.row(position));
    start += count;
  }
  clock.mark(EncodeStage::kPooling);
  return {};
}

Result<EmbeddingMatrix> BertEncoder::calibration_ranges(std::size_t dimensions) const {
  return calibration_.ranges(*this, dimensions);
}

// Dense modules count as the transformer's weights do: another one gives other embeddings.
Result<std::string> identity_with_modules(std::string sha256, const ModelFiles& files) {
  for (const Stage& stage : files.stages) {
    const auto* dense = std::get_if<DenseStage>(&stage);
    if (dense != nullptr) sha256 = sha256_hex(fmt::format("{} {}", sha256, ORTHANT_TRY(sha256_hex_of_file(dense->weights))));
  }
  return sha256;
}

}  // namespace

std::string_view model_kind_name(ModelKind kind) {
  switch (kind) {
    case ModelKind::kEncoder: return "encoder";
    case ModelKind::kReranker: return "reranker";
    case ModelKind::kSparseEncoder: return "sparse_encoder";
  }
  return "encoder";
}

Result<std::unique_ptr<Encoder>> Encoder::load(const std::filesystem::path& folder, const EncoderOptions& options) {
  if (auto files = ORTHANT_TRY(read_static_model_files(folder))) return load_static_encoder(folder, std::move(*files), options);
  if (ORTHANT_TRY(read_model_kind(folder)) == ModelKind::kReranker) {
    return invalid_argument(fmt::format("{}: a reranker (sequence classification), which gives no embeddings", folder.string()));
  }
  ModelFiles files = ORTHANT_TRY(read_model_files(folder));
  Backbone backbone = ORTHANT_TRY(load_backbone(files.transformer_folder, files.transformer, files.max_seq_length, options));
  EmbeddingHead head = ORTHANT_TRY(EmbeddingHead::load(files, cpu_level()));
  EncoderInfo info = describe_backbone(folder, options, backbone);
  info.model_sha256 = ORTHANT_TRY(identity_with_modules(std::move(info.model_sha256), files));
  info.pooling = pooling_text(files.pooling);
  info.dim = files.embedding_size();
  info.prompts = files.prompts.texts;
  info.query_prompt = files.prompts.text_for(Purpose::kQuery);
  info.document_prompt = files.prompts.text_for(Purpose::kDocument);
  info.normalized = head.normalizes();
  info.parameter_count += head.parameter_count();
  info.memory_bytes += head.parameter_count() * sizeof(float);
  return std::make_unique<BertEncoder>(std::move(files), std::move(backbone), std::move(head), std::move(info));
}

}  // namespace orthant
