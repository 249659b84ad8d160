#pragma once
// An engine in a temporary directory, and calls that wait for their answers.

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/support/temporary_directory.h"

namespace orthant::test {

// Calls `start` with a callback and waits for what comes.
template <typename T, typename Start>
Result<T> wait_for(Start&& start) {
  std::promise<Result<T>> promise;
  start(Done<T>([&promise](Result<T> result) { promise.set_value(std::move(result)); }));
  return promise.get_future().get();
}

inline Status create(Engine& engine, const std::string& name, CollectionConfig config) {
  return wait_for<void>([&](Done<void> done) { engine.create_collection(name, std::move(config), std::move(done)); });
}
inline Result<bool> remove(Engine& engine, const std::string& name) {
  return wait_for<bool>([&](Done<bool> done) { engine.delete_collection(name, std::move(done)); });
}
inline Result<std::vector<WriteResult>> write(Engine& engine, const std::string& name, std::vector<WriteRequest> requests,
                                              WriteOptions options = {}, RequestContext context = {}) {
  return wait_for<std::vector<WriteResult>>([&](Done<std::vector<WriteResult>> done) {
    engine.write(name, std::move(requests), options, std::move(context), std::move(done));
  });
}
inline Result<WriteResult> write(Engine& engine, const std::string& name, WriteRequest request, WriteOptions options = {}) {
  std::vector<WriteRequest> requests;
  requests.push_back(std::move(request));
  return ORTHANT_TRY(write(engine, name, std::move(requests), options)).front();
}
inline Result<QueryResult> query(Engine& engine, const std::string& name, QueryRequest request, RequestContext context = {}) {
  std::vector<QueryRequest> requests;
  requests.push_back(std::move(request));
  auto results = ORTHANT_TRY(wait_for<std::vector<QueryResult>>(
      [&](Done<std::vector<QueryResult>> done) { engine.query(name, std::move(requests), std::move(context), std::move(done)); }));
  return std::move(results.front());
}
inline Result<std::vector<Record>> retrieve(Engine& engine, const std::string& name, RetrieveRequest request) {
  return wait_for<std::vector<Record>>(
      [&](Done<std::vector<Record>> done) { engine.retrieve(name, std::move(request), {}, std::move(done)); });
}
inline Result<ScrollResult> scroll(Engine& engine, const std::string& name, ScrollRequest request) {
  return wait_for<ScrollResult>([&](Done<ScrollResult> done) { engine.scroll(name, std::move(request), {}, std::move(done)); });
}
inline Result<std::uint64_t> count(Engine& engine, const std::string& name, std::optional<Filter> filter = {}) {
  return wait_for<std::uint64_t>([&](Done<std::uint64_t> done) { engine.count(name, std::move(filter), {}, std::move(done)); });
}

inline CollectionConfig one_vector(std::size_t dim, Metric metric = Metric::kCosine) {
  CollectionConfig config;
  config.vectors[""].index.dim = dim;
  config.vectors[""].index.metric = metric;
  return config;
}

inline PointInput point(std::uint64_t id, std::vector<float> vector, std::string payload = "{}") {
  return {.id = PointId::number(id), .vectors = {{"", std::move(vector)}}, .payload = std::move(payload)};
}
inline PointInput text_point(std::uint64_t id, std::string text, std::string payload = "{}") {
  return {.id = PointId::number(id), .vectors = {{"", TextInput{std::move(text), ""}}}, .payload = std::move(payload)};
}
inline UpsertRequest upsert(std::vector<PointInput> points) {
  UpsertRequest request;
  request.points = std::move(points);
  return request;
}

inline Settings settings_for(const std::filesystem::path& directory) {
  Settings settings;
  settings.data_dir = directory;
  settings.models = {"none"};
  settings.block_cache_bytes = std::size_t{8} << 20;
  settings.threads = 2;
  return settings;
}

}  // namespace orthant::test
