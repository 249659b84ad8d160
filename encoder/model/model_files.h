#pragma once
// ModelFiles: what the configuration files of a Sentence Transformers folder say, checked and in one form for the layouts of
// Sentence Transformers 2 to 6. Reads no weights. Plain values.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"
#include "encoder/kernels/float_kernels.h"
#include "encoder/model/modules_file.h"
#include "encoder/model/transformer_config.h"

namespace orthant {

enum class PoolingMode { kCls, kMax, kMean, kMeanSqrtLength, kWeightedMean, kLastToken };

std::string_view pooling_mode_name(PoolingMode mode);

struct NormalizeStage {};

struct DenseStage {
  std::filesystem::path weights;  // its model.safetensors
  std::size_t input_size = 0;
  std::size_t output_size = 0;
  bool bias = true;
  Activation activation = Activation::kTanh;
};

// What happens to the pooled vector, in order.
using Stage = std::variant<NormalizeStage, DenseStage>;

struct ModelFiles {
  std::filesystem::path transformer_folder;  // config.json, tokenizer.json and model.safetensors
  TransformerConfig transformer;
  std::vector<PoolingMode> pooling;  // several are concatenated
  std::vector<Stage> stages;
  std::size_t max_seq_length = 0;  // of sentence_bert_config.json, 0 if it says nothing
  Prompts prompts;

  // Size of the embeddings given out.
  std::size_t embedding_size() const;
};

// not_found when the folder holds no model; invalid_argument names what is not supported and what is; data_corruption names file
// and field.
Result<ModelFiles> read_model_files(const std::filesystem::path& folder);

}  // namespace orthant
