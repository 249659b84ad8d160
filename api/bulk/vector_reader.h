#pragma once
// VectorReader: a body of ready vectors in their own bytes -> batches of points, several times faster than numbers in JSON.
// The layout is in api/qdrant/point_bytes.h.
//
// In answers and errors points are counted as lines are: from 1. Memory is bounded by one point and one batch.

#include <string>
#include <string_view>

#include "api/bulk/point_reader.h"
#include "api/bulk/unpacked_bytes.h"
#include "index/index_config.h"

namespace orthant::bulk {

class VectorReader final : public PointReader {
 public:
  // Vectors go to the one that is named so; the header must agree with `config`.
  VectorReader(ContentCoding coding, std::string vector_name, const IndexConfig& config, std::size_t max_payload_bytes);

  void feed(std::string_view bytes) override;
  Result<Progress> read(DocumentBatch& batch) override;
  Status finish(DocumentBatch& batch) override;

 private:
  Status read_header();
  // Takes points off the front of bytes_; false: there is no whole one.
  Result<bool> take_point(DocumentBatch& batch);
  Result<PointInput> parse_point(std::string_view head, std::string_view vector, std::string_view payload) const;
  VectorInput parse_vector(std::string_view bytes) const;

  UnpackedBytes bytes_;
  const std::string vector_name_;
  const IndexConfig config_;
  const std::size_t vector_bytes_;
  const std::size_t max_payload_bytes_;
  bool header_read_ = false;
  std::uint64_t points_ = 0;
};

}  // namespace orthant::bulk
