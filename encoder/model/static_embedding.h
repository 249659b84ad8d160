#pragma once
// StaticEmbedding: a table with one row a token; the embedding of a text is the mean of the rows of its tokens. Reads the folders
// of model2vec (its own layout, with vocabulary quantization) and those of Sentence Transformers' StaticEmbedding. Owns the mapped
// table. Immutable after load, any thread. Source: Tulkens & van Dongen, model2vec (2024).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/model/safetensors.h"

namespace orthant {

// What the files of a static model say.
struct StaticModelFiles {
  std::filesystem::path folder;  // of tokenizer.json and model.safetensors
  bool normalize = false;
  // model2vec drops unknown tokens and cuts texts; Sentence Transformers' module does neither.
  bool drop_unknown = false;
  std::size_t max_length = 0;  // tokens; 0: no limit
};

// Nothing when the folder holds another kind of model. invalid_argument names a module that is not supported.
Result<std::optional<StaticModelFiles>> read_static_model_files(const std::filesystem::path& folder);

// What model2vec asks its tokenizer's file.
struct TokenStatistics {
  std::optional<std::uint32_t> unknown_id;
  std::size_t median_length = 0;  // of the vocabulary's tokens, in code points, rounded down
};
Result<TokenStatistics> read_token_statistics(const std::filesystem::path& tokenizer_json);

class StaticEmbedding {
 public:
  // data_corruption when the table has no row for one of the `vocabulary_size` ids.
  static Result<StaticEmbedding> load(const std::filesystem::path& weights_file, std::size_t vocabulary_size);

  // Every id must be below token_count(). No ids: zeros. `out` gets dim() floats.
  void mean(std::span<const std::uint32_t> ids, std::span<float> out) const;

  std::size_t dim() const { return dim_; }
  // Ids that mean() takes.
  std::size_t token_count() const { return row_of_token_.empty() ? rows_ : row_of_token_.size(); }
  bool is_int8() const { return !bytes_.empty(); }
  std::size_t parameter_count() const { return rows_ * dim_ + factors_.size(); }
  std::size_t memory_bytes() const;

 private:
  explicit StaticEmbedding(SafeTensors file) : file_(std::make_unique<SafeTensors>(std::move(file))) {}
  Status load_table();
  Status load_mapping();
  Status load_factors();

  std::unique_ptr<SafeTensors> file_;
  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
  std::vector<float> storage_;               // only where the file does not hold float32
  std::span<const float> floats_;            // rows x dim, or
  std::span<const std::int8_t> bytes_;       // rows x dim
  std::vector<std::uint32_t> row_of_token_;  // empty: the token's own
  std::vector<float> factors_;               // one a token; empty: ones
};

}  // namespace orthant
