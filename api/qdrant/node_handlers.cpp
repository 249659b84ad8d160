// What a standalone node answers where Qdrant speaks of clusters, quotas, issues and optimizers.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "api/qdrant/handlers.h"
#include "base/machine_memory.h"

namespace orthant::qdrant {
namespace {

std::uint64_t resident_percent() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  const std::uint64_t bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes * 100 / std::max<std::uint64_t>(machine_memory_bytes(), 1);
}

std::uint64_t disk_percent(const std::filesystem::path& folder) {
  std::error_code error;
  const auto space = std::filesystem::space(folder, error);
  if (error || space.capacity == 0) return 0;
  return (space.capacity - space.available) * 100 / space.capacity;
}

}  // namespace

// Nothing is capped by quotas: strict mode caps collections.
Awaitable<Response> get_quotas(Engine& engine, Request& request) {
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("config").begin_object().key("enabled").boolean(false).end_object();
    json.key("usage").begin_object().key("resident_memory_percent").number(resident_percent());
    json.key("disk_usage_percent").number(disk_percent(engine.settings().data_dir)).end_object().end_object();
  });
}

Awaitable<Response> set_quotas(Engine& engine, Request& request) {
  const auto parse = [](JsonValue body) -> Result<bool> {
    ORTHANT_TRY(body.expect_object());
    return ORTHANT_TRY(body.find_bool("enabled")).value_or(false);
  };
  const Result<bool> enabled = co_await parse_content(engine, request, parse);
  if (!enabled) co_return error_response(enabled.error());
  if (*enabled) co_return error_response(not_implemented("quotas: limit collections by strict_mode_config instead").error());
  co_return ok_true(request.received);
}

// One collection is one segment, kept up to date in place: there is nothing to wait for.
Awaitable<Response> get_optimizations(Engine& engine, Request& request) {
  const std::string_view name = request.path_value("collection");
  if (!engine.has_collection(name)) co_return error_response(no_such_collection(name).error());
  const std::string_view with = request.query.find("with").value_or("");
  const bool completed = request.query.find("completed") == "true" || with.contains("completed");
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("summary").begin_object().key("queued_optimizations").number(0U).key("queued_segments").number(0U);
    json.key("queued_points").number(0U).key("idle_segments").number(1U).end_object();
    // `running` in 1.17 and later, `ongoing` before.
    json.key("running").begin_array().end_array().key("ongoing").begin_array().end_array();
    if (completed) json.key("completed").begin_array().end_array();
    if (with.contains("queued")) json.key("queued").begin_array().end_array();
    if (with.contains("idle_segments")) json.key("idle_segments").begin_array().end_array();
    json.end_object();
  });
}

}  // namespace orthant::qdrant
