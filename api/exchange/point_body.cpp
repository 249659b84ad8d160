#include "api/exchange/point_body.h"

#include <cstring>

#include <fmt/format.h>

#include "api/qdrant/point_bytes.h"

namespace orthant {

void append_body_point(std::string& body, const VectorFileInfo& info, const VectorRows& rows, std::size_t row, const PointId& id) {
  std::string_view payload = rows.payloads.empty() ? std::string_view() : rows.payloads[row];
  if (payload == "{}") payload = {};
  qdrant::append_point_head(body, id, payload.size());
  const std::size_t bytes = vector_bytes(info.form, info.dim);
  const char* const vectors = info.form == VectorForm::kFloat32 ? reinterpret_cast<const char*>(rows.floats.data())
                                                                : reinterpret_cast<const char*>(rows.codes.data());
  body.append(vectors + row * bytes, bytes);
  body += payload;
}

Result<VectorRows> parse_points(std::string_view body, std::size_t dim) {
  const qdrant::PointsHeader header = ORTHANT_TRY(qdrant::parse_points_header(body));
  VectorRows rows;
  body.remove_prefix(qdrant::kPointsHeaderBytes);
  if (!body.empty() && (header.form != VectorForm::kFloat32 || header.dim != dim)) {
    return data_corruption(fmt::format("points of {} dimensions, expected {}", header.dim, dim));
  }
  const std::size_t row_bytes = dim * sizeof(float);
  while (!body.empty()) {
    if (body.size() < qdrant::kPointHeadBytes + row_bytes) return data_corruption("the answer ends inside a point");
    const qdrant::PointHead head = ORTHANT_TRY(qdrant::parse_point_head(body));
    body.remove_prefix(qdrant::kPointHeadBytes);
    if (head.payload_bytes > body.size() - row_bytes) return data_corruption("the answer ends inside a payload");
    rows.floats.resize(rows.floats.size() + dim);
    std::memcpy(rows.floats.data() + rows.floats.size() - dim, body.data(), row_bytes);
    rows.payloads.emplace_back(head.payload_bytes == 0 ? "{}" : body.substr(row_bytes, head.payload_bytes));
    rows.ids.push_back(head.id);
    body.remove_prefix(row_bytes + head.payload_bytes);
    ++rows.rows;
  }
  return rows;
}

}  // namespace orthant
