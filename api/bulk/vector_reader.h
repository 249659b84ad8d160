#pragma once
// VectorReader: a body of ready vectors in their own bytes -> batches of points, several times faster than numbers in JSON.
// All integers little-endian:
//
//   body    = header point*
//   header  = "ORPT"  u16 version (1)  u8 form (0 float32, 1 int8, 2 ubinary)  u8 0  u32 dim  u32 0            16 bytes
//   point   = u8 id kind (0 number, 1 UUID)  u8[3] 0  u32 payload bytes  id (16 bytes)  vector  payload
//   id      = u64 number, 8 bytes of 0; or the UUID's bytes
//   vector  = dim f32, dim i8, or ceil(dim / 8) bytes
//   payload = a JSON object; no bytes stand for {}
//
// In answers and errors points are counted as lines are: from 1. Memory is bounded by one point and one batch.

#include <string>
#include <string_view>

#include "api/bulk/point_reader.h"
#include "api/http/content_coding.h"
#include "index/index_config.h"

namespace orthant::bulk {

inline constexpr std::string_view kVectorsContentType = "application/x-orthant-points";
inline constexpr std::string_view kVectorsMagic = "ORPT";
inline constexpr std::uint16_t kVectorsVersion = 1;
inline constexpr std::size_t kVectorsHeaderBytes = 16;
inline constexpr std::size_t kPointHeadBytes = 24;

class VectorReader final : public PointReader {
 public:
  // Vectors go to the one that is named so; the header must agree with `config`.
  VectorReader(ContentCoding coding, std::string vector_name, const IndexConfig& config, std::size_t max_payload_bytes);

  void feed(std::string_view bytes) override;
  Result<Progress> read(DocumentBatch& batch) override;
  Status finish(DocumentBatch& batch) override;

 private:
  Status read_header();
  // Takes points off the front of pending_; false: there is no whole one.
  Result<bool> take_point(DocumentBatch& batch);
  Result<PointInput> parse_point(std::string_view head, std::string_view vector, std::string_view payload) const;
  VectorInput parse_vector(std::string_view bytes) const;
  std::string_view rest() const { return std::string_view(pending_).substr(used_); }

  Decompressor decompressor_;
  const std::string vector_name_;
  const IndexConfig config_;
  const std::size_t vector_bytes_;
  const std::size_t max_payload_bytes_;
  std::string pending_;  // decompressed
  std::size_t used_ = 0;
  bool header_read_ = false;
  std::uint64_t points_ = 0;
};

}  // namespace orthant::bulk
