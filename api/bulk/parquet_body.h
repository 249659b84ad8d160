#pragma once
// ParquetBody: a body of Parquet -> batches of points. What the columns are stands at a Parquet file's end, so the body is kept in
// a nameless file until it is whole; then its rows are read in bounded memory: as many at once as fill a batch. Rows are counted
// from 1, as lines are.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/bulk/column_choice.h"
#include "api/bulk/parquet_vectors.h"
#include "api/bulk/point_reader.h"
#include "api/http/content_coding.h"

namespace orthant {
class VectorFile;
}

namespace orthant::bulk {

inline constexpr std::string_view kParquetType = "application/vnd.apache.parquet";

class ParquetBody final : public PointReader {
 public:
  // The file is made in `directory`.
  ParquetBody(ContentCoding coding, ColumnMapping mapping, std::filesystem::path directory);
  ~ParquetBody() override;

  void feed(std::string_view bytes) override;
  Result<Progress> read(DocumentBatch& batch) override;
  // Gives rows until the batch is full: to be called again then.
  Status finish(DocumentBatch& batch) override;
  std::optional<std::uint64_t> total_rows() const override;

 private:
  Status keep(std::string_view bytes);
  Status open();
  std::size_t rows_to_read(const DocumentBatch& batch) const;
  Status add_rows(DocumentBatch& batch);
  void add_row(const PointId& id, std::string payload, ParquetVectors::Row row, DocumentBatch& batch);

  Decompressor decompressor_;
  const ColumnMapping mapping_;
  const std::filesystem::path directory_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
  std::unique_ptr<VectorFile> file_;  // ids and payload
  std::unique_ptr<ParquetVectors> vectors_;
  bool has_texts_ = false;
  std::uint64_t rows_ = 0;       // given out
  std::uint64_t row_bytes_ = 0;  // of those, about
};

}  // namespace orthant::bulk
