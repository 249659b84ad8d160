#include "api/qdrant/issues.h"

#include <array>

#include <fmt/format.h>

#include "api/http/client.h"
#include "api/json/json_reader.h"
#include "base/date_text.h"

namespace orthant::qdrant {
namespace {

constexpr std::size_t kMostBodyBytes = std::size_t{64} << 10;
constexpr std::size_t kMostIssues = 1024;
constexpr int kMostDepth = 32;
constexpr std::array<std::string_view, 6> kBelow = {"must", "should", "must_not", "min_should", "conditions", "filter"};
constexpr std::array<std::string_view, 2> kRequests = {"prefetch", "searches"};

// The index that would answer the condition; empty: none would.
std::string_view schema_for(JsonValue condition) {
  if (const auto match = condition.find("match")) {
    if (match->find("text") || match->find("text_any") || match->find("phrase")) return "text";
    auto value = match->find("value");
    for (const std::string_view list : {"any", "except"}) {
      const auto values = match->find(list);
      if (!values || !values->is_array()) continue;
      if (values->size() == 0) return "";
      value = *values->items().begin();
    }
    if (!value || value->is_string()) return "keyword";
    return value->is_number() ? "integer" : "bool";
  }
  if (const auto range = condition.find("range")) {
    for (const JsonValue bound : range->items()) {
      if (bound.is_string()) return "datetime";
    }
    return "float";
  }
  for (const std::string_view geo : {"geo_radius", "geo_bounding_box", "geo_polygon"}) {
    if (condition.find(geo)) return "geo";
  }
  return "keyword";
}

// visit(field, schema) for each condition on a field, at any depth of a filter.
template <typename Visit>
void visit_fields(JsonValue value, const std::string& prefix, const Visit& visit, int depth = 0) {
  if (depth > kMostDepth) return;
  if (value.is_array()) {
    for (const JsonValue each : value.items()) visit_fields(each, prefix, visit, depth + 1);
    return;
  }
  if (!value.is_object()) return;
  for (const std::string_view name : kBelow) {
    if (const auto below = value.find(name)) visit_fields(*below, prefix, visit, depth + 1);
  }
  if (const auto nested = value.find("nested")) {
    const auto key = nested->find("key");
    std::string path = key ? key->as_string().value_or("") : "";
    if (!path.ends_with("[]")) path += "[]";
    if (const auto filter = nested->find("filter")) visit_fields(*filter, prefix + path + ".", visit, depth + 1);
    return;
  }
  const auto key = value.find("key");
  if (!key || !key->is_string()) return;
  const std::string_view schema = schema_for(value);
  if (!schema.empty()) visit(prefix + key->as_string().value_or(""), schema);
}

// The same for the filters of a request, of its prefetches and of a batch.
template <typename Visit>
void visit_request(JsonValue value, const Visit& visit, int depth = 0) {
  if (depth > kMostDepth) return;
  if (value.is_array()) {
    for (const JsonValue each : value.items()) visit_request(each, visit, depth + 1);
    return;
  }
  if (!value.is_object()) return;
  if (const auto filter = value.find("filter")) visit_fields(*filter, "", visit);
  for (const std::string_view name : kRequests) {
    if (const auto below = value.find(name)) visit_request(*below, visit, depth + 1);
  }
}

}  // namespace

void Issues::look_at(const Engine& engine, const Request& request) {
  if (request.content.size() > kMostBodyBytes || !request.content.contains("\"filter\"")) return;
  const auto collection = engine.resolve_name(request.path_value("collection"));
  if (!collection) return;
  const auto document = JsonDocument::parse(request.content);
  if (!document) return;
  const auto indexes = indexes_of(engine, *collection);
  if (!indexes) return;
  visit_request(document->root(), [&](const std::string& field, std::string_view schema) {
    if (!indexes->contains(field)) add({*collection, field}, schema);
  });
}

std::shared_ptr<const FieldSchemas> Issues::indexes_of(const Engine& engine, const std::string& collection) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = indexes_.find(collection);
    if (found != indexes_.end()) return found->second;
  }
  Result<CollectionInfo> info = engine.collection_info(collection);
  if (!info) return nullptr;
  auto indexes = std::make_shared<const FieldSchemas>(std::move(info->config.field_indexes));
  const std::lock_guard lock(mutex_);
  indexes_.insert_or_assign(collection, indexes);
  return indexes;
}

void Issues::forget_indexes() {
  const std::lock_guard lock(mutex_);
  indexes_.clear();
}

void Issues::add(Key key, std::string_view schema) {
  const std::lock_guard lock(mutex_);
  if (issues_.size() >= kMostIssues) return;
  issues_.try_emplace(std::move(key), Issue{std::string(schema), std::chrono::system_clock::now()});
}

void Issues::clear() {
  const std::lock_guard lock(mutex_);
  issues_.clear();
}

void Issues::write(JsonWriter& json, const Engine& engine, const Grants* grants) {
  const std::lock_guard lock(mutex_);
  std::erase_if(issues_, [&](const auto& entry) {
    const Result<CollectionInfo> info = engine.collection_info(entry.first.first);
    return !info || info->config.field_indexes.contains(entry.first.second);
  });
  for (const auto& [key, issue] : issues_) {
    const auto& [collection, field] = key;
    if (!may_read(grants, collection)) continue;
    json.begin_object().key("code").string(fmt::format("{}.UNINDEXED_FIELD.{}", collection, field));
    json.key("description");
    json.string(fmt::format("Unindexed field '{}' might be slowing queries down in collection '{}'", field, collection));
    json.key("solution").begin_object().key("immediate").begin_object().key("message");
    json.string(fmt::format("Create an index on field '{}' of schema \"{}\" in collection '{}'", field, issue.schema, collection));
    json.key("action").begin_object().key("method").string("PUT");
    json.key("uri").string(fmt::format("/collections/{}/index", percent_encode(collection)));
    json.key("headers").begin_object().key("content-type").string("application/json").end_object();
    json.key("body").begin_object().key("field_name").string(field).key("field_schema").string(issue.schema).end_object();
    json.end_object().end_object().end_object();
    json.key("timestamp").string(timestamp_text(std::chrono::system_clock::to_time_t(issue.first_seen), 1, true));
    json.key("related_collection").string(collection).end_object();
  }
}

}  // namespace orthant::qdrant
