#include "api/cli/make_collection.h"

#include <optional>

#include <fmt/format.h>

#include "api/json/json_writer.h"

namespace orthant {
namespace {

std::string_view form_name(VectorForm form) {
  switch (form) {
    case VectorForm::kInt8: return "int8";
    case VectorForm::kUbinary: return "ubinary";
    default: return "float32";
  }
}

}  // namespace

Status create_text_collection(Daemon& daemon, const std::string& name) {
  const JsonDocument models = ORTHANT_TRY(daemon.call("GET", "/models"));
  std::optional<JsonValue> first;
  for (const JsonValue model : ORTHANT_TRY(ORTHANT_TRY(models.root().require("result")).require("models")).items()) {
    if (!first) first = model;
  }
  if (!first) return fail(ErrorCode::kFailedPrecondition, "the daemon has no model loaded, so it cannot embed texts");
  const std::uint64_t dim = ORTHANT_TRY(ORTHANT_TRY(first->require("dim")).as_uint());
  const std::string body = fmt::format(R"({{"vectors": {{"size": {}, "distance": "Cosine"}}}})", dim);
  ORTHANT_TRY(daemon.call("PUT", collection_target(name), body));
  fmt::print(stderr, "created collection {} ({} dimensions, {})\n", name, dim,
             ORTHANT_TRY(ORTHANT_TRY(first->require("name")).as_string()));
  return {};
}

Status create_vector_collection(Daemon& daemon, const std::string& name, const std::string& vector_name,
                                const IndexConfig& config) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("vectors").begin_object();
  if (!vector_name.empty()) json.key(vector_name).begin_object();
  json.key("size").number(config.dim).key("distance").string(metric_name(config.metric));
  if (config.form != VectorForm::kFloat32) json.key("form").string(form_name(config.form));
  if (!vector_name.empty()) json.end_object();
  json.end_object().end_object();
  ORTHANT_TRY(daemon.call("PUT", collection_target(name), body));
  fmt::print(stderr, "created collection {} ({} dimensions, {}, {})\n", name, config.dim, metric_name(config.metric),
             form_name(config.form));
  return {};
}

}  // namespace orthant
