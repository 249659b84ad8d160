#pragma once
// Backbone: what every model on a transformer has, whatever its head: tokenizer, transformer, the longest sequence, the hash of the
// weights. Private to encoder.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"
#include "encoder/model/transformer.h"
#include "encoder/tokenizer/tokenizer.h"

namespace orthant {

struct Backbone {
  std::unique_ptr<Tokenizer> tokenizer;
  Transformer transformer;
  std::size_t max_seq_length = 0;
  std::string model_sha256;
};

// `transformer_folder` holds config.json, tokenizer.json and model.safetensors; `max_seq_length` is what the model's own files say,
// 0 for nothing.
Result<Backbone> load_backbone(const std::filesystem::path& transformer_folder, const TransformerConfig& config,
                               std::size_t max_seq_length, const EncoderOptions& options);

// All but dim, pooling and normalized; counts and bytes are those of the transformer alone.
EncoderInfo describe_backbone(const std::filesystem::path& folder, const EncoderOptions& options, const Backbone& backbone);

// The places of texts that go through the layers together, the longest texts first: enough tokens for the weights to be read once
// for much work, few enough for the activations (about 9 hidden_size floats a token) to stay in L2 and its neighbourhood. There is
// no padding to save, but passes fill evenly.
std::vector<std::vector<std::size_t>> cut_into_passes(std::span<const TokenizedText> texts);

}  // namespace orthant
