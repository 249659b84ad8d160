#include "api/bulk/vector_reader.h"

#include <cstring>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/qdrant/point_bytes.h"

namespace orthant::bulk {
namespace {

// Nothing has to be encoded, so a batch may be larger than one of texts; each is synced on its own.
constexpr std::size_t kBatchPoints = 2048;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
// Decompressed bytes of one read(): what a bomb can make a thread do in one go.
constexpr std::size_t kBytesPerCall = std::size_t{8} << 20;

// Also of a head that is bad otherwise, so that the next point is found.
std::size_t payload_bytes_of(std::string_view head) {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, head.data() + 4, sizeof bytes);
  return bytes;
}

}  // namespace

VectorReader::VectorReader(ContentCoding coding, std::string vector_name, const IndexConfig& config, std::size_t max_payload_bytes)
    : bytes_(coding),
      vector_name_(std::move(vector_name)),
      config_(config),
      vector_bytes_(orthant::vector_bytes(config.form, config.dim)),
      max_payload_bytes_(max_payload_bytes) {}

void VectorReader::feed(std::string_view bytes) {
  bytes_.feed(bytes);
}

Result<PointReader::Progress> VectorReader::read(DocumentBatch& batch) {
  batch.max_points = kBatchPoints;
  batch.max_bytes = kBatchBytes;
  for (std::size_t done = 0; done < kBytesPerCall;) {
    while (!batch.full() && ORTHANT_TRY(take_point(batch))) {
    }
    if (batch.full()) break;
    const std::size_t count = ORTHANT_TRY(bytes_.unpack());
    if (count == 0) return Progress::kNeedsInput;
    done += count;
  }
  return Progress::kPaused;
}

Status VectorReader::finish(DocumentBatch& /*batch*/) {
  if (!bytes_.at_end()) return invalid_argument("the compressed data ends too early");
  if (!header_read_) return invalid_argument("the body ends inside its header");
  if (!bytes_.rest().empty()) return invalid_argument(fmt::format("the body ends inside point {}", points_ + 1));
  return {};
}

Status VectorReader::read_header() {
  const qdrant::PointsHeader header = ORTHANT_TRY(qdrant::parse_points_header(bytes_.rest()));
  if (header.form != config_.form) {
    return invalid_argument(fmt::format("form {}, the collection's vector `{}` has form {}", static_cast<int>(header.form),
                                        vector_name_, static_cast<int>(config_.form)));
  }
  if (header.dim != config_.dim) {
    return invalid_argument(
        fmt::format("{} dimensions, the collection's vector `{}` has {}", header.dim, vector_name_, config_.dim));
  }
  bytes_.take(qdrant::kPointsHeaderBytes);
  header_read_ = true;
  return {};
}

Result<bool> VectorReader::take_point(DocumentBatch& batch) {
  if (!header_read_) {
    if (bytes_.rest().size() < qdrant::kPointsHeaderBytes) return false;
    ORTHANT_TRY(read_header());
  }
  const std::string_view bytes = bytes_.rest();
  if (bytes.size() < qdrant::kPointHeadBytes) return false;
  const std::size_t payload_bytes = payload_bytes_of(bytes);
  if (payload_bytes > max_payload_bytes_) {
    return invalid_argument(
        fmt::format("point {}: a payload of {} bytes, at most {} are taken", points_ + 1, payload_bytes, max_payload_bytes_));
  }
  const std::size_t point_bytes = qdrant::kPointHeadBytes + vector_bytes_ + payload_bytes;
  if (bytes.size() < point_bytes) return false;
  bytes_.take(point_bytes);
  ++points_;
  batch.last_line = points_;
  auto point = parse_point(bytes.substr(0, qdrant::kPointHeadBytes), bytes.substr(qdrant::kPointHeadBytes, vector_bytes_),
                           bytes.substr(qdrant::kPointHeadBytes + vector_bytes_, payload_bytes));
  if (!point) {
    batch.errors.push_back({points_, point.error().message});
    return true;
  }
  batch.points.push_back(std::move(*point));
  batch.lines.push_back(points_);
  batch.bytes += point_bytes;
  return true;
}

VectorInput VectorReader::parse_vector(std::string_view bytes) const {
  if (config_.form != VectorForm::kFloat32) return CodeInput{{bytes.begin(), bytes.end()}};
  std::vector<float> floats(config_.dim);
  std::memcpy(floats.data(), bytes.data(), bytes.size());
  return floats;
}

Result<PointInput> VectorReader::parse_point(std::string_view head, std::string_view vector, std::string_view payload) const {
  PointInput point;
  point.id = ORTHANT_TRY(qdrant::parse_point_head(head)).id;
  point.vectors.emplace_back(vector_name_, parse_vector(vector));
  if (!payload.empty()) {
    const JsonDocument document = ORTHANT_TRY(JsonDocument::parse(std::string(payload)));
    point.payload = ORTHANT_TRY(payload_text(document.root()));
  }
  return point;
}

}  // namespace orthant::bulk
