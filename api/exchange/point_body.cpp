#include "api/exchange/point_body.h"

#include "api/bulk/vector_reader.h"
#include "api/json/json_writer.h"
#include "base/bytes.h"

namespace orthant {

void append_body_header(std::string& body, VectorForm form, std::size_t dim) {
  body += bulk::kVectorsMagic;
  append_value(body, bulk::kVectorsVersion);
  append_value(body, static_cast<std::uint8_t>(form));
  append_value(body, std::uint8_t{0});
  append_value(body, static_cast<std::uint32_t>(dim));
  append_value(body, std::uint32_t{0});
}

void append_body_point(std::string& body, const VectorFileInfo& info, const VectorRows& rows, std::size_t row, const PointId& id) {
  std::string_view payload = rows.payloads.empty() ? std::string_view() : rows.payloads[row];
  if (payload == "{}") payload = {};
  append_value(body, static_cast<std::uint32_t>(id.is_uuid() ? 1 : 0));
  append_value(body, static_cast<std::uint32_t>(payload.size()));
  if (id.is_uuid()) {
    append_value(body, id.bytes());
  } else {
    append_value(body, id.as_number());
    append_value(body, std::uint64_t{0});
  }
  const std::size_t bytes = vector_bytes(info.form, info.dim);
  const char* const vectors = info.form == VectorForm::kFloat32 ? reinterpret_cast<const char*>(rows.floats.data())
                                                                : reinterpret_cast<const char*>(rows.codes.data());
  body.append(vectors + row * bytes, bytes);
  body += payload;
}

std::string payload_with_text(std::string_view payload, std::string_view text) {
  std::string out(payload.substr(0, payload.rfind('}')));
  if (payload != "{}") out += ',';
  out += "\"text\":";
  append_json_string(out, text);
  out += '}';
  return out;
}

}  // namespace orthant
