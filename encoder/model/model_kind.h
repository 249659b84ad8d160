#pragma once
// ModelKind: what a model's folder is good for, told by its files. Free functions, any thread.

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "encoder/encoder.h"

namespace orthant {

// not_found when the folder holds no model. A folder of Sentence Transformers is told by its modules (SpladePooling: a sparse
// encoder), a bare transformer by its class: ForSequenceClassification is a reranker, ForMaskedLM a sparse encoder, as
// CrossEncoder and SparseEncoder would load them.
Result<ModelKind> read_model_kind(const std::filesystem::path& folder);

}  // namespace orthant
