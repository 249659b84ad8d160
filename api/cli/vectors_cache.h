#pragma once
// VectorsCache: embeddings kept in a folder from one run of `orthant eval` to the next. A file's name is a digest of the model, of
// how it is used, of this program's version and of the texts, so that a stale file is never read. One thread at a time.

#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "encoder/encoder.h"

namespace orthant {

class VectorsCache {
 public:
  // An empty folder name keeps nothing. The folder is made where it is absent.
  explicit VectorsCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Nothing when these texts are not kept, or the file is not what was expected.
  std::optional<EmbeddingMatrix> find(const EncoderInfo& model, const EncodeOptions& options,
                                      std::span<const std::string> texts) const;
  Status keep(const EncoderInfo& model, const EncodeOptions& options, std::span<const std::string> texts,
              const EmbeddingMatrix& embeddings) const;

 private:
  std::filesystem::path file_for(const EncoderInfo& model, const EncodeOptions& options, std::span<const std::string> texts) const;

  std::filesystem::path folder_;
};

}  // namespace orthant
