#pragma once
// TextEmbedder: turns the texts of a batch into embeddings with gradients, a bounded number of tokens at a time. Either the whole
// model is trained, or its head alone on embeddings that Encoder makes once for each text. One thread at a time.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"
#include "encoder/training/batch_source.h"
#include "encoder/training/embedding_file.h"
#include "encoder/training/torch_api.h"
#include "encoder/training/trainable_encoder.h"

namespace orthant {

// Embeddings of a model that does not change, each text encoded once and kept.
class FrozenEmbeddings {
 public:
  // `file`: what is kept from one run to the next; nothing: this run alone.
  explicit FrozenEmbeddings(std::unique_ptr<Encoder> encoder, std::optional<EmbeddingFile> file = {})
      : encoder_(std::move(encoder)), file_(std::move(file)) {}

  // texts x dim, without gradients.
  Result<at::Tensor> rows(std::span<const PurposedText> texts);
  const Encoder& encoder() const { return *encoder_; }
  std::size_t tokens_encoded() const { return tokens_; }

 private:
  bool take_from_file(const PurposedText& text);
  Status encode(std::span<const std::string_view> texts, Purpose purpose);

  std::unique_ptr<Encoder> encoder_;
  std::optional<EmbeddingFile> file_;
  std::unordered_map<std::string, at::Tensor> kept_[2];  // by purpose and text
  std::size_t tokens_ = 0;
};

class TextEmbedder {
 public:
  // `frozen` null: `model` is trained whole. Both must outlive it.
  TextEmbedder(const TrainableEncoder& model, FrozenEmbeddings* frozen, const ForwardOptions& forward, std::size_t chunk_tokens)
      : model_(model), frozen_(frozen), forward_(forward), chunk_tokens_(chunk_tokens) {}

  // Without gradients and dropout.
  Result<at::Tensor> embed(std::span<const PurposedText> texts) const;

  // Embeds, asks `loss` for the loss of the embeddings, and adds its gradients to the parameters'. Gives the loss. More texts than
  // a chunk holds are embedded twice: without gradients for the loss, then chunk by chunk for its gradients (GradCache, Gao et al.
  // 2021), with the same random numbers.
  using Loss = std::function<at::Tensor(const at::Tensor& embeddings)>;
  Result<double> accumulate_gradients(std::span<const PurposedText> texts, const Loss& loss, std::size_t& tokens) const;

 private:
  struct Chunk {
    std::vector<std::size_t> places;
    std::vector<TokenizedText> texts;
  };
  std::vector<Chunk> cut(std::span<const PurposedText> texts) const;
  Result<double> head_gradients(std::span<const PurposedText> texts, const Loss& loss) const;

  const TrainableEncoder& model_;
  FrozenEmbeddings* frozen_;
  ForwardOptions forward_;
  std::size_t chunk_tokens_;
};

}  // namespace orthant
