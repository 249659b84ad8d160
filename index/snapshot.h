#pragma once
// Snapshots of an index as one file: header, then the columns of CodeTables and of the candidate source chunk by chunk, each with
// its checksum. docs/code_formats.md gives the grammar. Floats are not in it. save_snapshot() runs beside searches and the writer,
// while no builder changes the source.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/candidates/candidate_source.h"
#include "index/code_tables.h"
#include "index/rescore_plan.h"

namespace orthant {

struct SnapshotHeader {
  IndexConfig config;  // dim, metric and form are stored
  std::size_t code_bytes = 0;
  std::string quantizer_name;
  std::string quantizer_parameters;
  CalibratedDepths calibrated;
  std::size_t row_count = 0;
  // Of the candidate source; an empty name: there is none.
  struct Column {
    std::uint32_t number = 0;
    std::size_t rows = 0;
    std::size_t row_bytes = 0;
    bool operator==(const Column&) const = default;
  };
  std::string source_name;
  std::string source_parameters;
  std::vector<Column> source_columns;
  std::size_t trained_rows = 0;  // that the quantizer was trained on; 0: it was not, or before version 3
  std::string int8_ranges;       // DimensionRanges::parameters(); empty: int8 codes have a scale each, as before version 4
};

// Written beside, synced, then renamed over `file`. Holds the rows [0, header.row_count). `source` may be null; `before_commit` as
// VectorIndex::save() says.
Status save_snapshot(const std::filesystem::path& file, const SnapshotHeader& header, const CodeTables& tables,
                     CandidateSource* source, const std::function<Status()>& before_commit);

// A snapshot opened for reading: first its header, so that the caller can make tables that fit.
class SnapshotReader {
 public:
  // not_found, io_error, or data_corruption.
  static Result<SnapshotReader> open(const std::filesystem::path& file);

  const SnapshotHeader& header() const { return header_; }

  // Fills empty tables of the header's configuration with all its rows, without floats. data_corruption when the bytes are damaged
  // or do not fit; the tables are then of no use.
  Status read_into(CodeTables& tables);
  // Then, where the header names one: fills the columns of a source made from its parameters, and finishes it.
  Status read_into(CandidateSource& source);
  // Then: that the file ends as it should.
  Status read_end();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  Status check_length(const CodeTables& tables) const;
  Status read_record(std::uint32_t column, std::uint32_t chunk, std::span<std::uint8_t> payload);

  std::string name_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::size_t file_bytes_ = 0;
  std::size_t header_bytes_ = 0;
  SnapshotHeader header_;
};

}  // namespace orthant
