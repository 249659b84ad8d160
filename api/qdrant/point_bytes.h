#pragma once
// Points with ready vectors as bytes, in bodies of bulk ingestion and in answers of scrolling: several times faster than numbers in
// JSON. All integers little-endian:
//
//   body    = header point*
//   header  = "ORPT"  u16 version (1)  u8 form (0 float32, 1 int8, 2 ubinary)  u8 0  u32 dim  u32 0            16 bytes
//   point   = u8 id kind (0 number, 1 UUID)  u8[3] 0  u32 payload bytes  id (16 bytes)  vector  payload
//   id      = u64 number, 8 bytes of 0; or the UUID's bytes
//   vector  = dim f32, dim i8, or ceil(dim / 8) bytes
//   payload = a JSON object; no bytes stand for {}
//
// Pure functions, any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/point_id.h"
#include "base/result.h"
#include "engine/requests.h"

namespace orthant::qdrant {

inline constexpr std::string_view kPointsContentType = "application/x-orthant-points";
inline constexpr std::string_view kPointsMagic = "ORPT";
inline constexpr std::uint16_t kPointsVersion = 1;
inline constexpr std::size_t kPointsHeaderBytes = 16;
inline constexpr std::size_t kPointHeadBytes = 24;

// Headers of answers: the offset of the next page as JSON (absent behind the last), and how many points of the page lack the vector
// and are left out.
inline constexpr std::string_view kNextOffsetHeader = "x-orthant-next-page-offset";
inline constexpr std::string_view kLeftOutHeader = "x-orthant-left-out";

void append_points_header(std::string& out, VectorForm form, std::size_t dim);
// The vector and `payload_bytes` of payload must follow.
void append_point_head(std::string& out, const PointId& id, std::size_t payload_bytes);

// One point, without its vector and payload. Nothing for a kind that does not exist; `bytes` holds kPointHeadBytes.
struct PointHead {
  PointId id;
  std::size_t payload_bytes = 0;
};
Result<PointHead> parse_point_head(std::string_view bytes);
// data_corruption unless `bytes` begins with a header of this version.
struct PointsHeader {
  VectorForm form = VectorForm::kFloat32;
  std::size_t dim = 0;
};
Result<PointsHeader> parse_points_header(std::string_view bytes);

// `payload` with a member "text".
std::string payload_with_text(std::string_view payload, std::string_view text);

// A page of scrolling: floats of the one vector that was asked for, source texts as the payload's `text` where it has none.
// invalid_argument when points came with several vectors.
struct PointsPage {
  std::string body;
  std::size_t left_out = 0;
};
Result<PointsPage> render_points(const std::vector<Record>& points);

}  // namespace orthant::qdrant
