#pragma once
// Snapshots of an index as one file: header, then the columns of CodeTables chunk by chunk, each with its checksum.
// docs/code_formats.md gives the grammar. Floats are not in it. Free functions; save_snapshot() by the writer.

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
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
};

// Written beside, synced, then renamed over `file`.
Status save_snapshot(const std::filesystem::path& file, const SnapshotHeader& header, const CodeTables& tables);

// A snapshot opened for reading: first its header, so that the caller can make tables that fit.
class SnapshotReader {
 public:
  // not_found, io_error, or data_corruption.
  static Result<SnapshotReader> open(const std::filesystem::path& file);

  const SnapshotHeader& header() const { return header_; }

  // Fills empty tables of the header's configuration with all its rows, without floats. data_corruption when the bytes are damaged
  // or do not fit; the tables are then of no use.
  Status read_into(CodeTables& tables);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string name_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::size_t file_bytes_ = 0;
  std::size_t header_bytes_ = 0;
  SnapshotHeader header_;
};

}  // namespace orthant
