#include "api/http/grants.h"
#include "api/qdrant/collection_settings.h"
#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"

namespace orthant::qdrant {
namespace {

std::string collection_of(const Request& request) {
  return std::string(request.path_value("collection"));
}

// Points that have each indexed field of the collection. Indexes know it; those that are still being built, or were recorded by a
// version that built none, do not.
Awaitable<Result<FieldCounts>> count_indexed_fields(Engine& engine, const std::string& collection, const CollectionInfo& info,
                                                    const CollectionSettings& settings, const RequestContext& context) {
  FieldCounts counts;
  for (const auto& [field, schema] : settings.payload_schema) {
    if (const auto built = info.field_indexes.find(field); built != info.field_indexes.end()) {
      counts[field] = built->second.points;
      continue;
    }
    Filter filter;
    filter.must_not.push_back(FieldCondition{field, IsEmpty{}});
    Result<std::uint64_t> count = co_await await_done<Result<std::uint64_t>>(
        [&](Done<std::uint64_t> done) { engine.count(collection, filter, context, std::move(done)); });
    if (!count) co_return std::unexpected(count.error());
    counts[field] = *count;
  }
  co_return counts;
}

Error bad_name(const std::string& fault) {
  return {ErrorCode::kInvalidArgument, "Validation error in path parameters: [collection_name: " + fault + "]"};
}

Response index_answer(const Request& request, bool wait) {
  return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("operation_id").number(0U).key("status").string(wait ? "completed" : "acknowledged").end_object();
  });
}

Awaitable<Status> change_collection(Engine& engine, const std::string& name,
                                    std::move_only_function<Status(CollectionConfig&)>& change, bool wait_for_fields = true) {
  if (!engine.has_collection(name)) co_return no_such_collection(name);
  const auto update = [&](Done<void> done) { engine.update_collection(name, std::move(change), std::move(done), wait_for_fields); };
  co_return co_await await_done<Status>(update);
}

}  // namespace

Awaitable<Response> list_collections(Engine& engine, Request& request) {
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("collections").begin_array();
    for (const std::string& name : engine.collection_names()) {
      if (may_read(request.grants.get(), name)) json.begin_object().key("name").string(name).end_object();
    }
    json.end_array().end_object();
  });
}

Awaitable<Response> get_collection(Engine& engine, Request& request) {
  const std::string name = collection_of(request);
  if (!engine.has_collection(name)) co_return error_response(no_such_collection(name).error());
  const Result<CollectionInfo> info = engine.collection_info(name);
  if (!info) co_return error_response(info.error());
  const Result<CollectionSettings> settings = CollectionSettings::from_json(info->config.dialect_json);
  if (!settings) co_return error_response({ErrorCode::kDataCorruption, settings.error().message});
  const RequestContext context = request_context(engine, request);
  const Result<FieldCounts> counts = co_await count_indexed_fields(engine, name, *info, *settings, context);
  if (!counts) co_return error_response(counts.error());
  co_return ok_response(request.received, [&](JsonWriter& json) { write_collection_info(json, *info, *settings, *counts); });
}

Awaitable<Response> create_collection(Engine& engine, Request& request) {
  const std::string name = collection_of(request);
  if (const auto fault = name_fault(name)) co_return error_response(bad_name(*fault));
  if (const auto timeout = parse_timeout(request); !timeout) co_return error_response(timeout.error());
  Result<CollectionConfig> config = co_await parse_content(engine, request, parse_create_collection);
  if (!config) co_return error_response(config.error());
  if (engine.resolve_name(name) == name) {
    co_return error_response({ErrorCode::kAlreadyExists, "Collection `" + name + "` already exists!"});
  }
  const Status created =
      co_await await_done<Status>([&](Done<void> done) { engine.create_collection(name, std::move(*config), std::move(done)); });
  if (!created) co_return error_response(created.error());
  co_return ok_true(request.received);
}

Awaitable<Response> update_collection(Engine& engine, Request& request) {
  Result<CollectionChange> change = co_await parse_content(engine, request, parse_update_collection);
  if (!change) co_return error_response(change.error());
  std::move_only_function<Status(CollectionConfig&)> apply = [given = std::move(*change)](CollectionConfig& config) {
    return apply_change(given, config);
  };
  const std::string name = collection_of(request);
  const Status changed = co_await change_collection(engine, name, apply);
  if (!changed) co_return error_response(changed.error());
  co_return ok_true(request.received);
}

Awaitable<Response> delete_collection(Engine& engine, Request& request) {
  const Result<bool> existed = co_await await_done<Result<bool>>(
      [&](Done<bool> done) { engine.delete_collection(collection_of(request), std::move(done)); });
  if (!existed) co_return error_response(existed.error());
  co_return ok_response(request.received, [&](JsonWriter& json) { json.boolean(*existed); });
}

Awaitable<Response> collection_exists(Engine& engine, Request& request) {
  if (const auto fault = name_fault(collection_of(request))) co_return error_response(bad_name(*fault));
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("exists").boolean(engine.has_collection(request.path_value("collection"))).end_object();
  });
}

// One node holds the one shard of every collection.
Awaitable<Response> collection_cluster(Engine& engine, Request& request) {
  const std::string name = collection_of(request);
  if (!engine.has_collection(name)) co_return error_response(no_such_collection(name).error());
  const Result<CollectionInfo> info = engine.collection_info(name);
  if (!info) co_return error_response(info.error());
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("peer_id").number(1U).key("shard_count").number(1U).key("local_shards").begin_array();
    json.begin_object().key("shard_id").number(0U).key("points_count").number(info->points_count);
    json.key("state").string(info->fault ? "Dead" : "Active").end_object().end_array();
    json.key("remote_shards").begin_array().end_array().key("shard_transfers").begin_array().end_array().end_object();
  });
}

// Filters work on every field as it is; an index makes them fast. Without wait the answer comes once the definition is on disk.
Awaitable<Response> create_field_index(Engine& engine, Request& request) {
  const Result<WriteOptions> options = parse_write_options(request);
  if (!options) co_return error_response(options.error());
  Result<FieldIndex> index = co_await parse_content(engine, request, parse_field_index);
  if (!index) co_return error_response(index.error());
  std::move_only_function<Status(CollectionConfig&)> add = [given = std::move(*index)](CollectionConfig& config) {
    return add_field_index(given, config);
  };
  const std::string name = collection_of(request);
  const Status changed = co_await change_collection(engine, name, add, options->wait);
  if (!changed) co_return error_response(changed.error());
  co_return index_answer(request, options->wait);
}

Awaitable<Response> delete_field_index(Engine& engine, Request& request) {
  const Result<WriteOptions> options = parse_write_options(request);
  if (!options) co_return error_response(options.error());
  std::move_only_function<Status(CollectionConfig&)> remove = [&request](CollectionConfig& config) {
    return remove_field_index(request.path_value("field_name"), config);
  };
  const std::string name = collection_of(request);
  const Status changed = co_await change_collection(engine, name, remove, options->wait);
  if (!changed) co_return error_response(changed.error());
  co_return index_answer(request, options->wait);
}

}  // namespace orthant::qdrant
