// Vectors of a collection that come and go after it was made.

#include "api/qdrant/collection_settings.h"
#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"

namespace orthant::qdrant {
namespace {

Awaitable<Response> change_vectors(Engine& engine, Request& request, std::move_only_function<Status(CollectionConfig&)> change) {
  const Result<WriteOptions> options = parse_write_options(request);
  if (!options) co_return error_response(options.error());
  const std::string name(request.path_value("collection"));
  if (!engine.has_collection(name)) co_return error_response(no_such_collection(name).error());
  const Status changed = co_await await_done<Status>(
      [&](Done<void> done) { engine.update_collection(name, std::move(change), std::move(done), false); });
  if (!changed) co_return error_response(changed.error());
  co_return ok_response(request.received, [&](JsonWriter& json) {
    const std::string_view status = options->wait ? "completed" : "acknowledged";
    json.begin_object().key("operation_id").number(0U).key("status").string(status).end_object();
  });
}

}  // namespace

Awaitable<Response> create_vector(Engine& engine, Request& request) {
  Result<NamedVector> vector = co_await parse_content(engine, request, parse_named_vector);
  if (!vector) co_return error_response(vector.error());
  auto add = [name = std::string(request.path_value("vector_name")), given = std::move(*vector)](CollectionConfig& config) {
    return add_named_vector(name, given, config);
  };
  co_return co_await change_vectors(engine, request, std::move(add));
}

Awaitable<Response> delete_vector(Engine& engine, Request& request) {
  auto remove = [name = std::string(request.path_value("vector_name"))](CollectionConfig& config) {
    return remove_named_vector(name, config);
  };
  co_return co_await change_vectors(engine, request, std::move(remove));
}

}  // namespace orthant::qdrant
