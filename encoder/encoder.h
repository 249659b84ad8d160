#pragma once
// Encoder: a Sentence Transformers folder, ready to turn text into embeddings. Owns tokenizer, mapped weights and pooling.
// Immutable after load: encode() may be called from any number of threads at once and uses the calling thread only.
// EncodeBatcher (encode_batcher.h) spreads the texts of many requests over threads; servers call that.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"
#include "encoder/stage_times.h"
#include "encoder/tokenizer/tokenizer.h"
#include "encoder/weight_precision.h"

namespace orthant {

struct EncoderOptions {
  // Shown to users; empty: the folder's name.
  std::string name;
  // 0: what the model's files say.
  std::size_t max_seq_length = 0;
  // Of the linear layers. kAuto: what the model's files say. kMixed: only folders that were quantized so have it.
  WeightPrecision weights = WeightPrecision::kAuto;
};

// What a model gives: embeddings, the score of a pair of texts (reranker.h), sparse vectors (sparse_encoder.h).
enum class ModelKind : std::uint8_t { kEncoder, kReranker, kSparseEncoder };
std::string_view model_kind_name(ModelKind kind);  // "encoder", "reranker", "sparse_encoder"

// What a model is, for /models, the collection's record and `orthant info`.
struct EncoderInfo {
  ModelKind kind = ModelKind::kEncoder;
  std::string name;
  std::filesystem::path folder;
  std::string architecture;        // "BertModel", ...
  std::string pooling;             // "mean", "cls", ...; of rerankers "sigmoid" or "identity"
  std::string weight_precision;    // "float32", ...; "mixed" where the layers differ
  std::string weight_compute;      // how they are multiplied: "bfloat16 stored, float32 multiplied", ...
  std::string model_sha256;        // of model.safetensors, and of adapters beside it; lower-case hex
  std::size_t dim = 0;             // of the embeddings given out, untruncated; 1 for rerankers
  std::size_t max_seq_length = 0;  // tokens, special ones included
  std::size_t parameter_count = 0;
  std::size_t memory_bytes = 0;  // weights as held, mapped or packed
  bool normalized = false;
  std::map<std::string, std::string> prompts;  // prompt name -> text put before the input
  std::string query_prompt;                    // what tokenize() puts before the input
  std::string document_prompt;
};

struct EncodeOptions {
  Purpose purpose = Purpose::kDocument;
  // Matryoshka truncation: the first `dimensions` values, normalized again if the model normalizes. 0: all.
  std::size_t dimensions = 0;
  // Where the time goes is added here; null: nobody wants to know. Must outlive the call.
  StageTimes* stage_times = nullptr;
};

struct EncodeResult {
  EmbeddingMatrix embeddings;               // one row a text, in the order of the texts
  std::vector<std::uint32_t> token_counts;  // special tokens included, after truncation
  std::vector<bool> truncated;              // the text was longer than max_seq_length
};

class Encoder {
 public:
  // Errors name the file, the field, what was found and what is supported.
  static Result<std::unique_ptr<Encoder>> load(const std::filesystem::path& folder, const EncoderOptions& options);
  virtual ~Encoder() = default;

  virtual const EncoderInfo& info() const = 0;

  // Adds the prompt of the purpose (the prompts "query" / "document" where the model has them, else its default prompt).
  virtual TokenizedText tokenize(std::string_view text, Purpose purpose) const = 0;

  // The same text gives the same vector alone and in any batch (to 1e-6). The empty text is a text.
  // invalid_argument when options.dimensions exceeds info().dim.
  virtual Result<EncodeResult> encode(std::span<const std::string_view> texts, const EncodeOptions& options) const = 0;

  // As encode() on ids from tokenize(); for callers that tokenize elsewhere (EncodeBatcher).
  virtual Result<EncodeResult> encode_tokens(std::span<const TokenizedText> texts, const EncodeOptions& options) const = 0;

  // Minima and maxima per dimension (2 x dim, row 0 minima) over the bundled calibration texts, for int8/uint8 outputs
  // without ranges of their own. Made at the first call and kept beside the model where the folder is writable.
  // `dimensions` as in EncodeOptions: cut embeddings are normalized again, and then have ranges of their own.
  // invalid_argument when it exceeds info().dim.
  virtual Result<EmbeddingMatrix> calibration_ranges(std::size_t dimensions = 0) const = 0;
};

}  // namespace orthant
