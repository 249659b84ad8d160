#pragma once
// Makes an Encoder of a static model's files (model/static_embedding.h). Private to encoder.

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "encoder/encoder.h"
#include "encoder/model/static_embedding.h"

namespace orthant {

// `folder` is what the user named; `files` says where in it the model lies.
Result<std::unique_ptr<Encoder>> load_static_encoder(const std::filesystem::path& folder, StaticModelFiles files,
                                                     const EncoderOptions& options);

}  // namespace orthant
