#pragma once
// ParquetVectors: the vectors and texts of a Parquet file's rows, whichever columns hold them. Beside it VectorFile reads ids and
// payload of the same rows. Owns its open file; one thread at a time.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/bulk/column_choice.h"
#include "api/exchange/parquet_column.h"

namespace orthant::bulk {

class ParquetVectors {
 public:
  static Result<std::unique_ptr<ParquetVectors>> open(const std::filesystem::path& path);

  std::vector<ColumnFacts> columns() const;
  std::uint64_t rows() const { return format_.rows; }
  // What read() gives. Before the first of it.
  void choose(const ChosenColumns& chosen);

  // Of one row. A vector that is null is not there; what makes no vector is the row's error.
  struct Row {
    std::vector<std::pair<std::string, VectorInput>> vectors;
    std::string text;   // title, a space, text, as far as they are there
    std::string error;  // empty: none
  };
  // The next rows: so many there must be. invalid_argument or data_corruption: the file is damaged.
  Result<std::vector<Row>> read(std::size_t rows);

 private:
  explicit ParquetVectors(InputFile file) : file_(std::move(file)) {}
  Status read_vector(std::size_t place, std::vector<Row>& rows);
  Status read_sparse(std::size_t place, std::vector<Row>& rows);
  Status read_text(ParquetColumnReader& reader, std::vector<Row>& rows) const;
  Result<ColumnRows> read_column(ParquetColumnReader& reader, std::size_t rows) const;

  InputFile file_;
  ParquetFormat format_;
  std::vector<ChosenVector> vectors_;
  std::vector<std::vector<ParquetColumnReader>> readers_;  // of each: one, of a sparse vector those of indices and values
  std::vector<ParquetColumnReader> texts_;                 // title and text, or one of them, or none
};

}  // namespace orthant::bulk
