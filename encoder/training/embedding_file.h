#pragma once
// EmbeddingFile: embeddings of single texts by one frozen model, kept in a file from one run to the next, so that heads which are
// trained again with other settings need not wait for the encoder. Records are added at the end: a digest of purpose and text, the
// row. A record that was cut off by a crash is left out, and written over. One thread, and one process, at a time.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"

namespace orthant {

class EmbeddingFile {
 public:
  // In `folder`, which is made where it is absent, under a name that depends on the model and how it is used.
  static Result<EmbeddingFile> open(const std::filesystem::path& folder, const EncoderInfo& model);

  // dim values, valid until the next add(); empty where the text is not kept.
  std::span<const float> find(std::string_view text, Purpose purpose) const;
  // Of a text that find() does not know.
  Status add(std::string_view text, Purpose purpose, std::span<const float> row);
  // Adds reach the file.
  Status flush();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  EmbeddingFile() = default;
  Status read();

  std::filesystem::path path_;
  std::size_t dim_ = 0;
  std::unique_ptr<std::FILE, Closer> file_;
  std::unordered_map<std::string, std::size_t> places_;  // digest -> row
  std::vector<float> rows_;
};

}  // namespace orthant
