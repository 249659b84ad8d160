#pragma once
// IngestState: how far the ingestion of one file into one collection of one daemon came, so that a run that was cut short goes on
// where it stopped. A small JSON file in $ORTHANT_HOME/ingest, named by a digest of file, collection and address; written whole
// after each acknowledged batch, removed when the file is done. A plain value with two file operations; one process at a time.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

struct IngestState {
  // All lines up to this one have been answered for: accepted, refused or blank.
  std::uint64_t acknowledged_line = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t truncated = 0;
};

// `file_sha256` is the digest of the input as it lies on disk: another content is another ingestion.
std::filesystem::path ingest_state_file(std::string_view file_sha256, std::string_view collection, std::string_view url);

// A start from nothing where there is no such file, or none that can be read.
IngestState load_ingest_state(const std::filesystem::path& file);
Status save_ingest_state(const std::filesystem::path& file, const IngestState& state);

}  // namespace orthant
