#include "api/cli/vectors_cache.h"

#include <fmt/format.h>

#include "api/cli/version.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/npy.h"

namespace orthant {

std::filesystem::path VectorsCache::file_for(const EncoderInfo& model, const EncodeOptions& options,
                                             std::span<const std::string> texts) const {
  std::string key = fmt::format("{} {} {} {} {} {} {}", kVersion, model.model_sha256, model.weight_precision, model.pooling,
                                model.max_seq_length, static_cast<int>(options.purpose), options.dimensions);
  for (const auto& [name, prompt] : model.prompts) key += fmt::format(" {}={}", name, prompt);
  for (const std::string& text : texts) {
    append_value(key, checksum64(text));
    append_value(key, static_cast<std::uint64_t>(text.size()));
  }
  return folder_ / (sha256_hex(key) + ".npy");
}

std::optional<EmbeddingMatrix> VectorsCache::find(const EncoderInfo& model, const EncodeOptions& options,
                                                  std::span<const std::string> texts) const {
  if (folder_.empty()) return std::nullopt;
  const auto file = file_for(model, options, texts);
  if (!std::filesystem::exists(file)) return std::nullopt;
  auto kept = read_npy_floats(file);
  const std::size_t dim = options.dimensions == 0 ? model.dim : options.dimensions;
  if (!kept || kept->rows != texts.size() || kept->columns != dim) return std::nullopt;
  return EmbeddingMatrix{kept->rows, kept->columns, std::move(kept->values)};
}

Status VectorsCache::keep(const EncoderInfo& model, const EncodeOptions& options, std::span<const std::string> texts,
                          const EmbeddingMatrix& embeddings) const {
  if (folder_.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) return io_error(fmt::format("{}: cannot be made: {}", folder_.string(), error.message()));
  const auto bytes = std::as_bytes(std::span(embeddings.values));
  return write_npy(file_for(model, options, texts), NpyType::kFloat32, embeddings.rows, embeddings.dim,
                   {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace orthant
