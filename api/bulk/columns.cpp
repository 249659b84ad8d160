#include "api/bulk/columns.h"

namespace orthant::bulk {
namespace {

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (comma != 0) parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return parts;
}

}  // namespace

Result<ColumnMapping> column_mapping(const Request& request, const LineTarget& target, const CollectionConfig& config) {
  ColumnMapping mapping;
  mapping.target_vector = target.text_vector;
  mapping.model = target.model;
  mapping.id = request.query.find("id_column").value_or("");
  mapping.text = request.query.find("text_column").value_or("");
  for (const std::string& part : split(request.query.find("vector_columns").value_or(""))) {
    const std::size_t colon = part.find(':');
    const std::string vector = colon == std::string::npos ? target.text_vector : part.substr(colon + 1);
    if (!mapping.vectors.emplace(part.substr(0, colon), vector).second) {
      return invalid_argument("vector_columns: column `" + part.substr(0, colon) + "` is named twice");
    }
  }
  if (const auto payload = request.query.find("payload_columns")) {
    const std::vector<std::string> names = split(*payload);
    mapping.payload.emplace(names.begin(), names.end());
  }
  for (const auto& [name, vector] : config.vectors) mapping.targets[name] = {vector.kind, vector.index.form};
  return mapping;
}

}  // namespace orthant::bulk
