#pragma once
// Writes a model with quantized linear layers as a folder that loads like any other (Encoder::load): model.safetensors with the
// layers in their own precisions and all else as it was, config.json with a quantization_config, and copies of the other files.
// The format is in docs/storage_format.md, "Quantized model folders".

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.h"
#include "encoder/kernels/linear_weights.h"
#include "encoder/model/transformer.h"

namespace orthant {

// How the word embeddings are written: a half of a small model's bytes.
enum class EmbeddingForm : std::uint8_t {
  kAsStored,
  kFloat16,
  kInt8,  // one scale a row
};

// "stored", "float16" or "int8".
Result<EmbeddingForm> parse_embedding_form(std::string_view name);

// `source` is the folder that `model` was loaded from, `layers` one entry an element of model.linears(), of its shape (asserted).
// `target` appears whole or not at all (written beside it, synced, then renamed). already_exists when there is something that is no
// empty folder; failed_precondition when `source` is quantized already; io_error when it cannot be written.
Status write_quantized_folder(const Transformer& model, const std::filesystem::path& source, std::span<const LinearWeights> layers,
                              EmbeddingForm embeddings, const std::filesystem::path& target);

}  // namespace orthant
