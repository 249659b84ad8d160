#include "encoder/encoder.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/cpu.h"
#include "base/digest.h"
#include "encoder/calibration_store.h"
#include "encoder/model/embedding_head.h"
#include "encoder/model/model_files.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/transformer.h"
#include "encoder/static_encoder.h"

namespace orthant {
namespace {

// Tokens that go through the layers together: enough for the weights to be read once for much work, few enough for the
// activations (about 9 hidden_size floats a token) to stay in L2 and its neighbourhood: 1024 are 5 % slower in int8.
constexpr std::size_t kPassTokens = 256;

std::string pooling_text(const std::vector<PoolingMode>& modes) {
  std::string text;
  for (const PoolingMode mode : modes) text += fmt::format("{}{}", text.empty() ? "" : "+", pooling_mode_name(mode));
  return text;
}

class BertEncoder final : public Encoder {
 public:
  BertEncoder(ModelFiles files, std::unique_ptr<Tokenizer> tokenizer, Transformer transformer, EmbeddingHead head, EncoderInfo info)
      : files_(std::move(files)),
        tokenizer_(std::move(tokenizer)),
        transformer_(std::move(transformer)),
        head_(std::move(head)),
        info_(std::move(info)) {}

  const EncoderInfo& info() const override { return info_; }
  TokenizedText tokenize(std::string_view text, Purpose purpose) const override;
  Result<EncodeResult> encode(std::span<const std::string_view> texts, const EncodeOptions& options) const override;
  Result<EncodeResult> encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const override;
  Result<EmbeddingMatrix> calibration_ranges(std::size_t dimensions) const override;

 private:
  Status encode_pass(std::span<const TokenizedText> texts, std::span<const std::size_t> order, EmbeddingMatrix& embeddings) const;

  const ModelFiles files_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const Transformer transformer_;
  const EmbeddingHead head_;
  const EncoderInfo info_;
  mutable CalibrationStore calibration_;
};

TokenizedText BertEncoder::tokenize(std::string_view text, Purpose purpose) const {
  const std::string_view prompt = files_.prompt_for(purpose);
  if (prompt.empty()) return tokenizer_->tokenize(text, info_.max_seq_length);
  return tokenizer_->tokenize(fmt::format("{}{}", prompt, text), info_.max_seq_length);
}

Result<EncodeResult> BertEncoder::encode(std::span<const std::string_view> texts, const EncodeOptions& options) const {
  std::vector<TokenizedText> tokenized;
  tokenized.reserve(texts.size());
  for (const std::string_view text : texts) tokenized.push_back(tokenize(text, options.purpose));
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
  // Texts of like length together: there is no padding to save, but passes fill evenly.
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return std::pair(texts[b].ids.size(), a) < std::pair(texts[a].ids.size(), b); });
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    for (std::size_t tokens = 0; last < order.size(); ++last) {
      tokens += texts[order[last]].ids.size();
      if (last > first && tokens > kPassTokens) break;
    }
    ORTHANT_TRY(encode_pass(texts, std::span(order).subspan(first, last - first), result.embeddings));
    first = last;
  }
  if (options.dimensions != 0 && options.dimensions != info_.dim) {
    result.embeddings = truncated_rows(result.embeddings, options.dimensions, info_.normalized);
  }
  return result;
}

Status BertEncoder::encode_pass(std::span<const TokenizedText> texts, std::span<const std::size_t> order,
                                EmbeddingMatrix& embeddings) const {
  thread_local Workspace workspace;
  thread_local std::vector<TokenSequence> sequences;
  sequences.clear();
  for (const std::size_t position : order) sequences.push_back({texts[position].ids, texts[position].type_ids});
  const std::span<const float> hidden = ORTHANT_TRY(transformer_.forward(sequences, workspace));
  std::size_t start = 0;
  for (const std::size_t position : order) {
    const std::size_t count = texts[position].ids.size() * transformer_.config().hidden_size;
    head_.apply(hidden.subspan(start, count), embeddings.row(position));
    start += count;
  }
  return {};
}

Result<EmbeddingMatrix> BertEncoder::calibration_ranges(std::size_t dimensions) const {
  return calibration_.ranges(*this, dimensions);
}

Result<std::size_t> sequence_limit(const EncoderOptions& options, const ModelFiles& files, const Tokenizer& tokenizer) {
  // The model's own file wins over the tokenizer's; neither can exceed the position embeddings.
  std::size_t limit = files.max_seq_length != 0 ? files.max_seq_length : tokenizer.model_max_length();
  if (limit == 0) limit = files.transformer.max_positions;
  if (options.max_seq_length != 0) limit = options.max_seq_length;
  if (options.max_seq_length > files.transformer.max_positions) {
    return invalid_argument(fmt::format("max_seq_length: found {}, {} has {} positions", options.max_seq_length,
                                        files.transformer_folder.string(), files.transformer.max_positions));
  }
  return std::min(limit, files.transformer.max_positions);
}

EncoderInfo describe(const std::filesystem::path& folder, const EncoderOptions& options, const ModelFiles& files) {
  EncoderInfo info;
  const std::filesystem::path whole = folder.has_filename() ? folder : folder.parent_path();
  info.name = options.name.empty() ? whole.filename().string() : options.name;
  info.folder = folder;
  info.architecture = files.transformer.architecture;
  info.pooling = pooling_text(files.pooling);
  info.dim = files.embedding_size();
  info.prompts = files.prompts;
  return info;
}

}  // namespace

Result<std::unique_ptr<Encoder>> Encoder::load(const std::filesystem::path& folder, const EncoderOptions& options) {
  if (auto files = ORTHANT_TRY(read_static_model_files(folder))) return load_static_encoder(folder, std::move(*files), options);
  ModelFiles files = ORTHANT_TRY(read_model_files(folder));
  EncoderInfo info = describe(folder, options, files);
  const std::filesystem::path weights_file = files.transformer_folder / "model.safetensors";
  std::error_code ignored;
  if (!std::filesystem::exists(weights_file, ignored)) {
    return not_found(fmt::format("{}: no such file (weights are read from safetensors only)", weights_file.string()));
  }
  // Hashing 91 MB takes longer than all the rest: it runs beside it.
  auto digest = std::async(std::launch::async, [&weights_file] { return sha256_hex_of_file(weights_file); });
  std::unique_ptr<Tokenizer> tokenizer = ORTHANT_TRY(Tokenizer::load(files.transformer_folder));
  if (tokenizer->vocabulary_size() > files.transformer.vocabulary_size) {
    return data_corruption(fmt::format("{}: the tokenizer has {} words, the weights have {}", files.transformer_folder.string(),
                                       tokenizer->vocabulary_size(), files.transformer.vocabulary_size));
  }
  SafeTensors weights = ORTHANT_TRY(SafeTensors::open(weights_file));
  Transformer transformer = ORTHANT_TRY(Transformer::load(std::move(weights), files.transformer, options.weights, cpu_level()));
  EmbeddingHead head = ORTHANT_TRY(EmbeddingHead::load(files, cpu_level()));
  info.max_seq_length = ORTHANT_TRY(sequence_limit(options, files, *tokenizer));
  info.normalized = head.normalizes();
  info.weight_precision = weight_precision_name(transformer.precision());
  info.parameter_count = transformer.parameter_count() + head.parameter_count();
  info.memory_bytes = transformer.memory_bytes() + head.parameter_count() * sizeof(float);
  info.model_sha256 = ORTHANT_TRY(digest.get());
  return std::make_unique<BertEncoder>(std::move(files), std::move(tokenizer), std::move(transformer), std::move(head),
                                       std::move(info));
}

}  // namespace orthant
