#include "encoder/training/embedding_file.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/digest.h"

namespace orthant {
namespace {

// Raised when embeddings of the same model become others.
constexpr int kFormat = 1;
constexpr std::size_t kKeyBytes = 32;  // half of a SHA-256 in hex

std::string key_of(std::string_view text, Purpose purpose) {
  return sha256_hex(fmt::format("{} {}", purpose == Purpose::kQuery ? "query" : "document", text)).substr(0, kKeyBytes);
}

std::string name_of(const EncoderInfo& model) {
  std::string identity = fmt::format("{} {} {} {} {} {}", kFormat, model.model_sha256, model.weight_precision, model.pooling,
                                     model.max_seq_length, model.normalized);
  for (const auto& [name, prompt] : model.prompts) identity += fmt::format(" {}={}", name, prompt);
  return fmt::format("{}.rows", sha256_hex(identity));
}

}  // namespace

Result<EmbeddingFile> EmbeddingFile::open(const std::filesystem::path& folder, const EncoderInfo& model) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return io_error(fmt::format("{}: cannot be made: {}", folder.string(), error.message()));
  EmbeddingFile file;
  file.path_ = folder / name_of(model);
  file.dim_ = model.dim;
  file.file_.reset(std::fopen(file.path_.c_str(), "a+b"));
  if (!file.file_) return io_error(fmt::format("{}: {}", file.path_.string(), std::strerror(errno)));
  ORTHANT_TRY(file.read());
  return file;
}

Status EmbeddingFile::read() {
  std::rewind(file_.get());
  std::string key(kKeyBytes, '\0');
  std::vector<float> row(dim_);
  std::size_t whole = 0;
  while (std::fread(key.data(), 1, kKeyBytes, file_.get()) == kKeyBytes &&
         std::fread(row.data(), sizeof(float), dim_, file_.get()) == dim_) {
    places_.try_emplace(key, whole++);
    rows_.insert(rows_.end(), row.begin(), row.end());
  }
  std::error_code error;
  std::filesystem::resize_file(path_, whole * (kKeyBytes + dim_ * sizeof(float)), error);
  if (error) return io_error(fmt::format("{}: {}", path_.string(), error.message()));
  return {};
}

std::span<const float> EmbeddingFile::find(std::string_view text, Purpose purpose) const {
  const auto place = places_.find(key_of(text, purpose));
  if (place == places_.end()) return {};
  return std::span(rows_).subspan(place->second * dim_, dim_);
}

Status EmbeddingFile::add(std::string_view text, Purpose purpose, std::span<const float> row) {
  const std::string key = key_of(text, purpose);
  const bool written = std::fwrite(key.data(), 1, kKeyBytes, file_.get()) == kKeyBytes &&
                       std::fwrite(row.data(), sizeof(float), dim_, file_.get()) == dim_;
  if (!written) return io_error(fmt::format("{}: {}", path_.string(), std::strerror(errno)));
  places_.try_emplace(key, rows_.size() / dim_);
  rows_.insert(rows_.end(), row.begin(), row.end());
  return {};
}

Status EmbeddingFile::flush() {
  if (std::fflush(file_.get()) == 0) return {};
  return io_error(fmt::format("{}: {}", path_.string(), std::strerror(errno)));
}

}  // namespace orthant
