// GET and DELETE /issues: fields that filters of reads asked about and that have no payload index, with the request that would
// make one. An entry goes by itself when the index or the collection's end comes.

#include <fmt/format.h>

#include "api/http/client.h"
#include "api/http/grants.h"
#include "api/qdrant/collection_settings.h"
#include "api/qdrant/handlers.h"
#include "base/date_text.h"

namespace orthant::qdrant {
namespace {

void write_issue(JsonWriter& json, const std::string& collection, const std::string& field, const UnindexedField& unindexed) {
  const std::string_view schema = field_type_name(unindexed.type);
  json.begin_object().key("code").string(fmt::format("{}.UNINDEXED_FIELD.{}", collection, field));
  json.key("description");
  json.string(fmt::format("Unindexed field '{}' might be slowing queries down in collection '{}'", field, collection));
  json.key("solution").begin_object().key("immediate").begin_object().key("message");
  json.string(fmt::format("Create an index on field '{}' of schema \"{}\" in collection '{}'", field, schema, collection));
  json.key("action").begin_object().key("method").string("PUT");
  json.key("uri").string(fmt::format("/collections/{}/index", percent_encode(collection)));
  json.key("headers").begin_object().key("content-type").string("application/json").end_object();
  json.key("body").begin_object().key("field_name").string(field).key("field_schema").string(schema).end_object();
  json.end_object().end_object().end_object();
  json.key("timestamp").string(timestamp_text(std::chrono::system_clock::to_time_t(unindexed.first_seen), 1, true));
  json.key("related_collection").string(collection).end_object();
}

}  // namespace

Awaitable<Response> list_issues(Engine& engine, Request& request) {
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("issues").begin_array();
    for (const auto& [collection, fields] : engine.unindexed_fields()) {
      if (!may_read(request.grants.get(), collection)) continue;
      for (const auto& [field, unindexed] : fields) write_issue(json, collection, field, unindexed);
    }
    json.end_array().end_object();
  });
}

Awaitable<Response> clear_issues(Engine& engine, Request& request) {
  engine.forget_unindexed_fields();
  co_return ok_true(request.received);
}

}  // namespace orthant::qdrant
