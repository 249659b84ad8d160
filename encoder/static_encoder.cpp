#include "encoder/static_encoder.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/digest.h"
#include "encoder/calibration_store.h"
#include "encoder/model/embedding_head.h"

namespace orthant {
namespace {

// Shown as the limit of models that have none.
constexpr std::size_t kNoLimit = 1'000'000;

// The first `count` code points.
std::string_view first_code_points(std::string_view text, std::size_t count) {
  if (text.size() <= count) return text;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) == 0x80) continue;
    if (seen++ == count) return text.substr(0, i);
  }
  return text;
}

class StaticEncoder final : public Encoder {
 public:
  StaticEncoder(StaticModelFiles files, TokenStatistics statistics, std::unique_ptr<Tokenizer> tokenizer, StaticEmbedding table,
                EncoderInfo info)
      : files_(std::move(files)),
        statistics_(statistics),
        tokenizer_(std::move(tokenizer)),
        table_(std::move(table)),
        info_(std::move(info)) {}

  const EncoderInfo& info() const override { return info_; }
  TokenizedText tokenize(std::string_view text, Purpose purpose) const override;
  Result<EncodeResult> encode(std::span<const std::string_view> texts, const EncodeOptions& options) const override;
  Result<EncodeResult> encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const override;
  Result<EmbeddingMatrix> calibration_ranges(std::size_t dimensions) const override {
    return calibration_.ranges(*this, dimensions);
  }

 private:
  const StaticModelFiles files_;
  const TokenStatistics statistics_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const StaticEmbedding table_;
  const EncoderInfo info_;
  mutable CalibrationStore calibration_;
};

// As model2vec: the text is cut before it is tokenized, to the length that so many tokens of median length have; then the tokens
// are cut; then unknown ones are dropped.
TokenizedText StaticEncoder::tokenize(std::string_view text, Purpose /*purpose*/) const {
  const std::size_t length = files_.max_length;
  const std::string_view cut = length == 0 ? text : first_code_points(text, length * statistics_.median_length);
  TokenizedText result = tokenizer_->tokenize_content(cut, length);
  result.truncated = result.truncated || cut.size() < text.size();
  if (files_.drop_unknown && statistics_.unknown_id) std::erase(result.ids, *statistics_.unknown_id);
  return result;
}

Result<EncodeResult> StaticEncoder::encode(std::span<const std::string_view> texts, const EncodeOptions& options) const {
  std::vector<TokenizedText> tokenized;
  tokenized.reserve(texts.size());
  for (const std::string_view text : texts) tokenized.push_back(tokenize(text, options.purpose));
  return encode_tokens(tokenized, options);
}

Result<EncodeResult> StaticEncoder::encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const {
  if (options.dimensions > info_.dim) {
    return invalid_argument(
        fmt::format("dimensions: found {}, the model \"{}\" gives {}", options.dimensions, info_.name, info_.dim));
  }
  const std::size_t dim = options.dimensions == 0 ? info_.dim : options.dimensions;
  EncodeResult result;
  result.embeddings = {texts.size(), dim, std::vector<float>(texts.size() * dim)};
  result.token_counts.reserve(texts.size());
  result.truncated.reserve(texts.size());
  std::vector<float> mean(info_.dim);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (const std::uint32_t id : texts[i].ids) {
      if (id >= table_.token_count()) {
        return invalid_argument(fmt::format("token id {}: the model \"{}\" has {}", id, info_.name, table_.token_count()));
      }
    }
    table_.mean(texts[i].ids, mean);
    const std::span<float> row = result.embeddings.row(i);
    std::copy_n(mean.begin(), dim, row.begin());
    if (files_.normalize) normalize_embedding(row);
    result.token_counts.push_back(static_cast<std::uint32_t>(texts[i].ids.size()));
    result.truncated.push_back(texts[i].truncated);
  }
  return result;
}

}  // namespace

Result<std::unique_ptr<Encoder>> load_static_encoder(const std::filesystem::path& folder, StaticModelFiles files,
                                                     const EncoderOptions& options) {
  const std::filesystem::path weights_file = files.folder / "model.safetensors";
  std::unique_ptr<Tokenizer> tokenizer = ORTHANT_TRY(Tokenizer::load(files.folder));
  const TokenStatistics statistics = ORTHANT_TRY(read_token_statistics(files.folder / "tokenizer.json"));
  StaticEmbedding table = ORTHANT_TRY(StaticEmbedding::load(weights_file, tokenizer->vocabulary_size()));
  if (options.max_seq_length != 0) files.max_length = options.max_seq_length;
  EncoderInfo info;
  const std::filesystem::path whole = folder.has_filename() ? folder : folder.parent_path();
  info.name = options.name.empty() ? whole.filename().string() : options.name;
  info.folder = folder;
  info.architecture = "StaticEmbedding";
  info.pooling = files.drop_unknown ? "mean of known tokens" : "mean";
  info.weight_precision = table.is_int8() ? "int8" : "float32";
  info.weight_compute = table.is_int8() ? "int8 rows, summed in float32" : "float32 rows, summed";
  info.model_sha256 = ORTHANT_TRY(sha256_hex_of_file(weights_file));
  info.dim = table.dim();
  info.max_seq_length = files.max_length == 0 ? kNoLimit : files.max_length;
  info.parameter_count = table.parameter_count();
  info.memory_bytes = table.memory_bytes();
  info.normalized = files.normalize;
  return std::make_unique<StaticEncoder>(std::move(files), statistics, std::move(tokenizer), std::move(table), std::move(info));
}

}  // namespace orthant
