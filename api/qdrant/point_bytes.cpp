#include "api/qdrant/point_bytes.h"

#include <cstring>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "base/bytes.h"

namespace orthant::qdrant {
namespace {

template <typename T>
T value_at(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string whole_payload(const Record& record) {
  std::string payload = record.payload.value_or("{}");
  if (record.texts.empty()) return payload;
  const auto json = JsonDocument::parse(payload);
  if (!json || json->root().find_or_null("text")) return payload;
  return payload_with_text(json->root().size() == 0 ? "{}" : payload, record.texts.front().second);
}

}  // namespace

void append_points_header(std::string& out, VectorForm form, std::size_t dim) {
  out += kPointsMagic;
  append_value(out, kPointsVersion);
  append_value(out, static_cast<std::uint8_t>(form));
  append_value(out, std::uint8_t{0});
  append_value(out, static_cast<std::uint32_t>(dim));
  append_value(out, std::uint32_t{0});
}

void append_point_head(std::string& out, const PointId& id, std::size_t payload_bytes) {
  append_value(out, static_cast<std::uint32_t>(id.is_uuid() ? 1 : 0));
  append_value(out, static_cast<std::uint32_t>(payload_bytes));
  if (id.is_uuid()) {
    append_value(out, id.bytes());
  } else {
    append_value(out, id.as_number());
    append_value(out, std::uint64_t{0});
  }
}

Result<PointHead> parse_point_head(std::string_view bytes) {
  PointHead head;
  switch (bytes.front()) {
    case 0: head.id = PointId::number(value_at<std::uint64_t>(bytes, 8)); break;
    case 1: head.id = PointId::uuid(value_at<PointId::Uuid>(bytes, 8)); break;
    default: return invalid_argument(fmt::format("id kind {}, expected 0 or 1", static_cast<int>(bytes.front())));
  }
  head.payload_bytes = value_at<std::uint32_t>(bytes, 4);
  return head;
}

Result<PointsHeader> parse_points_header(std::string_view bytes) {
  if (bytes.size() < kPointsHeaderBytes || !bytes.starts_with(kPointsMagic)) {
    return invalid_argument("the body does not begin with ORPT");
  }
  const auto version = value_at<std::uint16_t>(bytes, 4);
  const auto form = value_at<std::uint8_t>(bytes, 6);
  if (version != kPointsVersion) return invalid_argument(fmt::format("version {}, expected {}", version, kPointsVersion));
  if (form > static_cast<std::uint8_t>(VectorForm::kUbinary))
    return invalid_argument(fmt::format("form {}, expected 0 to 2", form));
  return PointsHeader{static_cast<VectorForm>(form), value_at<std::uint32_t>(bytes, 8)};
}

std::string payload_with_text(std::string_view payload, std::string_view text) {
  std::string out(payload.substr(0, payload.rfind('}')));
  if (payload != "{}") out += ',';
  out += "\"text\":";
  append_json_string(out, text);
  out += '}';
  return out;
}

Result<PointsPage> render_points(const std::vector<Record>& points) {
  PointsPage page;
  std::size_t dim = 0;
  for (const Record& record : points) {
    if (!record.vectors || record.vectors->empty()) {
      ++page.left_out;
      continue;
    }
    const auto* floats = std::get_if<std::vector<float>>(&record.vectors->front().second);
    if (record.vectors->size() > 1 || floats == nullptr || (dim != 0 && floats->size() != dim)) {
      return invalid_argument("with_vector: must name one dense vector where points are given out as bytes");
    }
    const std::vector<float>& vector = *floats;
    if (dim == 0) {
      dim = vector.size();
      append_points_header(page.body, VectorForm::kFloat32, dim);
    }
    std::string payload = whole_payload(record);
    if (payload == "{}") payload.clear();
    append_point_head(page.body, record.id, payload.size());
    page.body.append(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float));
    page.body += payload;
  }
  if (dim == 0) append_points_header(page.body, VectorForm::kFloat32, 0);
  return page;
}

}  // namespace orthant::qdrant
