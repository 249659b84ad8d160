// Snapshots of the Qdrant dialect: of a collection, of its one shard, and of the whole daemon. Files come and go as streams.

#include <cstring>
#include <fstream>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "api/http/file_response.h"
#include "api/http/multipart.h"
#include "api/qdrant/handlers.h"
#include "api/qdrant/snapshot_location.h"
#include "base/log.h"

namespace orthant::qdrant {
namespace {

constexpr std::size_t kUploadPiece = std::size_t{1} << 20;
constexpr std::size_t kSha256Digits = 64;

void write_snapshot(JsonWriter& json, const SnapshotInfo& info) {
  json.begin_object().key("name").string(info.name);
  json.key("creation_time").string(fmt::format("{:%Y-%m-%dT%H:%M:%S}", info.created)).key("size").number(info.bytes);
  json.key("checksum");
  if (info.sha256.empty()) {
    json.null();
  } else {
    json.string(info.sha256);
  }
  json.end_object();
}

Response accepted(const Request& request) {
  Response response;
  response.status = 202;
  const std::chrono::duration<double> taken = Clock::now() - request.received;
  JsonWriter json(response.body);
  json.begin_object().key("result").null().key("status").string("accepted").key("time").number(taken.count()).end_object();
  return response;
}

// Snapshots wait unless told not to.
Result<bool> parse_wait(const Request& request) {
  const auto wait = request.query.find("wait");
  if (!wait || *wait == "true") return true;
  if (*wait == "false") return false;
  return invalid_argument(fmt::format("Format error in query parameters: wait: found '{}', expected true or false", *wait));
}

// What a path speaks of: "" for /snapshots, else a collection that exists, under its own name.
Result<SnapshotScope> scope_of(const Engine& engine, const Request& request) {
  SnapshotScope scope;
  const std::string_view given = request.path_value("collection");
  if (request.segments.front() == "snapshots") return scope;
  const auto name = engine.resolve_name(given);
  if (!name) return no_such_collection(given);
  scope.collection = *name;
  const std::string_view shard = request.path_value("shard_id");
  if (shard.empty()) return scope;
  if (shard != "0") return not_found(fmt::format("Shard {} of collection `{}` doesn't exist", shard, given));
  scope.shard = 0;
  return scope;
}

// Runs start(done) and renders its result, or says 202 at once and logs a failure.
template <typename T, typename Start, typename Render>
Awaitable<Response> run_or_accept(const Request& request, bool wait, Start start, Render render) {
  if (wait) co_return co_await respond_with<T>(std::move(start), std::move(render), error_response);
  start(Done<T>([path = request.path](Result<T> result) {
    if (!result) log_warning(fmt::format("{}: {}", path, result.error().message));
  }));
  co_return accepted(request);
}

struct RecoverRequest {
  std::string location;
  std::optional<std::string> checksum;
  std::string api_key;
};

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// One node has nobody to synchronise with: the three mean the same.
bool is_priority(std::string_view text) {
  return text == "no_sync" || text == "snapshot" || text == "replica";
}

Result<RecoverRequest> parse_recover(JsonValue body) {
  ORTHANT_TRY(body.expect_object());
  RecoverRequest recover;
  recover.location = ORTHANT_TRY(ORTHANT_TRY(body.require("location")).as_string());
  if (const auto checksum = body.find("checksum")) {
    recover.checksum = ORTHANT_TRY(checksum->as_string());
    if (!is_sha256(*recover.checksum)) return checksum->validation_error("expected 64 hexadecimal digits of SHA-256");
  }
  if (const auto priority = body.find("priority"); priority && !is_priority(ORTHANT_TRY(priority->as_string()))) {
    return priority->format_error("unknown variant, expected one of `no_sync`, `snapshot`, `replica`");
  }
  recover.api_key = ORTHANT_TRY(body.find_string("api_key")).value_or("");
  return recover;
}

Result<RecoverRequest> parse_upload_parameters(const Request& request) {
  RecoverRequest recover;
  if (const auto checksum = request.query.find("checksum")) {
    if (!is_sha256(*checksum)) {
      return invalid_argument("Validation error in query parameters: [checksum: expected 64 hexadecimal digits of SHA-256]");
    }
    recover.checksum = *checksum;
  }
  if (const auto priority = request.query.find("priority"); priority && !is_priority(*priority)) {
    return invalid_argument("Format error in query parameters: priority: expected one of `no_sync`, `snapshot`, `replica`");
  }
  return recover;
}

// Where a restore goes: the collection need not exist, a shard's must.
Result<SnapshotScope> target_of(const Engine& engine, const Request& request) {
  if (request.segments.front() == "snapshots") return SnapshotScope{};
  const bool shard = !request.path_value("shard_id").empty();
  if (shard) return scope_of(engine, request);
  return SnapshotScope{.collection = std::string(request.path_value("collection")), .shard = {}};
}

// Fetches on the snapshot pool where it must, then restores.
void start_recover(Engine& engine, const SnapshotScope& scope, const SnapshotLocation& location, const RecoverRequest& recover,
                   Done<void> done) {
  if (const auto* file = std::get_if<std::filesystem::path>(&location)) {
    return engine.restore_snapshot({.scope = scope, .file = *file, .sha256 = recover.checksum}, std::move(done));
  }
  auto shared = std::make_shared<Done<void>>(std::move(done));
  auto fetch = [&engine, scope, from = std::get<HttpLocation>(location), recover, shared] {
    const std::filesystem::path file = engine.snapshots().temporary();
    if (Status fetched = fetch_snapshot(from, recover.api_key, file); !fetched) {
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
      return (*shared)(std::move(fetched));
    }
    engine.restore_snapshot({.scope = scope, .file = file, .sha256 = recover.checksum, .remove_file = true}, std::move(*shared));
  };
  if (Status queued = engine.snapshot_pool().submit(std::move(fetch)); !queued) (*shared)(std::move(queued));
}

// A file that grows by pieces, written off the io thread. Removed unless it was handed on.
class UploadFile {
 public:
  explicit UploadFile(std::filesystem::path path) : path_(std::move(path)), out_(path_, std::ios::binary) {}
  ~UploadFile() {
    std::error_code ignored;
    if (!handed_on_) std::filesystem::remove(path_, ignored);
  }
  UploadFile(const UploadFile&) = delete;
  UploadFile& operator=(const UploadFile&) = delete;

  Result<bool> append(std::string_view piece) {
    if (out_) out_.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (out_) out_.flush();
    if (out_) return true;
    return io_error(fmt::format("{}: {}", path_.string(), std::strerror(errno)));
  }
  const std::filesystem::path& hand_on() {
    handed_on_ = true;
    out_.close();
    return path_;
  }

 private:
  const std::filesystem::path path_;
  std::ofstream out_;
  bool handed_on_ = false;
};

// The rest of the present part into `file`.
Awaitable<Status> save_part(Engine& engine, MultipartReader& reader, UploadFile& file) {
  std::string piece(kUploadPiece, '\0');
  while (true) {
    std::size_t filled = 0;
    while (filled < piece.size()) {
      const Result<std::size_t> count = co_await reader.read_some(std::span(piece).subspan(filled));
      if (!count) co_return std::unexpected(count.error());
      if (*count == 0) break;
      filled += *count;
    }
    if (filled == 0) co_return Status();
    const auto write = [&file, text = std::string_view(piece).substr(0, filled)] { return file.append(text); };
    const Result<bool> written = co_await run_on<bool>(engine.request_pool(), write);
    if (!written) co_return std::unexpected(written.error());
  }
}

// The part named `snapshot`.
Awaitable<Status> receive_upload(Engine& engine, Request& request, UploadFile& file) {
  const Result<std::string> boundary = multipart_boundary(request.headers.find("content-type"));
  if (!boundary) co_return bad_request(boundary.error().message);
  MultipartReader reader(*request.body, *boundary);
  bool found = false;
  while (true) {
    const Result<std::optional<MultipartReader::Part>> part = co_await reader.next_part();
    if (!part) co_return std::unexpected(part.error());
    if (!*part) break;
    if ((*part)->name != "snapshot" || found) continue;
    found = true;
    const Status saved = co_await save_part(engine, reader, file);
    if (!saved) co_return saved;
  }
  if (!found) co_return bad_request("the form has no field `snapshot`");
  co_return Status();
}

}  // namespace

Awaitable<Response> list_snapshots(Engine& engine, Request& request) {
  const Result<SnapshotScope> scope = scope_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  const auto list = [&engine, &scope] { return engine.snapshots().list(*scope); };
  const Result<std::vector<SnapshotInfo>> found = co_await run_on<std::vector<SnapshotInfo>>(engine.request_pool(), list);
  if (!found) co_return error_response(found.error());
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_array();
    for (const SnapshotInfo& info : *found) write_snapshot(json, info);
    json.end_array();
  });
}

Awaitable<Response> create_snapshot(Engine& engine, Request& request) {
  const Result<bool> wait = parse_wait(request);
  if (!wait) co_return error_response(wait.error());
  const Result<SnapshotScope> scope = scope_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  const auto start = [&engine, &scope](Done<SnapshotInfo> done) { engine.create_snapshot(*scope, std::move(done)); };
  const auto render = [received = request.received](const SnapshotInfo& info) {
    return ok_response(received, [&](JsonWriter& json) { write_snapshot(json, info); });
  };
  co_return co_await run_or_accept<SnapshotInfo>(request, *wait, start, render);
}

Awaitable<Response> delete_snapshot(Engine& engine, Request& request) {
  const Result<bool> wait = parse_wait(request);
  if (!wait) co_return error_response(wait.error());
  const Result<SnapshotScope> scope = scope_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  const std::string name(request.path_value("snapshot_name"));
  if (const auto file = engine.snapshots().find(*scope, name); !file) co_return error_response(file.error());
  const auto start = [&](Done<void> done) { engine.delete_snapshot(*scope, name, std::move(done)); };
  const auto render = [received = request.received] { return ok_true(received); };
  co_return co_await run_or_accept<void>(request, *wait, start, render);
}

Awaitable<Response> download_snapshot(Engine& engine, Request& request) {
  const Result<SnapshotScope> scope = scope_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  const std::string name(request.path_value("snapshot_name"));
  const auto file = engine.snapshots().find(*scope, name);
  if (!file) co_return error_response(file.error());
  const auto info = engine.snapshots().describe(*scope, name);
  Result<Response> response = file_response(request, *file, name, info ? info->sha256 : "", engine.request_pool());
  if (!response) co_return error_response(response.error());
  co_return std::move(*response);
}

// A snapshot made for this one answer: the open file outlives its name.
Awaitable<Response> stream_shard_snapshot(Engine& engine, Request& request) {
  const Result<SnapshotScope> scope = scope_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  const auto create = [&](Done<SnapshotInfo> done) { engine.create_snapshot(*scope, std::move(done)); };
  const Result<SnapshotInfo> info = co_await await_done<Result<SnapshotInfo>>(create);
  if (!info) co_return error_response(info.error());
  const auto file = engine.snapshots().find(*scope, info->name);
  Result<Response> response = fail(ErrorCode::kNotFound, "the snapshot is gone");
  if (file) response = file_response(request, *file, info->name, info->sha256, engine.request_pool());
  ignore_error(engine.snapshots().remove(*scope, info->name), "somebody else has removed it");
  if (!response) co_return error_response(response.error());
  co_return std::move(*response);
}

Awaitable<Response> recover_snapshot(Engine& engine, Request& request) {
  const Result<bool> wait = parse_wait(request);
  if (!wait) co_return error_response(wait.error());
  const Result<RecoverRequest> recover = co_await parse_content(engine, request, parse_recover);
  if (!recover) co_return error_response(recover.error());
  const Result<SnapshotScope> scope = target_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  const Result<SnapshotLocation> location = parse_location(recover->location, engine.snapshots());
  if (!location) co_return error_response(location.error());
  const auto start = [&](Done<void> done) { start_recover(engine, *scope, *location, *recover, std::move(done)); };
  const auto render = [received = request.received] { return ok_true(received); };
  co_return co_await run_or_accept<void>(request, *wait, start, render);
}

Awaitable<Response> upload_snapshot(Engine& engine, Request& request) {
  const Result<bool> wait = parse_wait(request);
  if (!wait) co_return error_response(wait.error());
  const Result<RecoverRequest> recover = parse_upload_parameters(request);
  if (!recover) co_return error_response(recover.error());
  const Result<SnapshotScope> scope = target_of(engine, request);
  if (!scope) co_return error_response(scope.error());
  UploadFile file(engine.snapshots().temporary());
  const Status received = co_await receive_upload(engine, request, file);
  if (!received) co_return error_response(received.error());
  const auto start = [&](Done<void> done) {
    engine.restore_snapshot({.scope = *scope, .file = file.hand_on(), .sha256 = recover->checksum, .remove_file = true},
                            std::move(done));
  };
  const auto render = [at = request.received] { return ok_true(at); };
  co_return co_await run_or_accept<void>(request, *wait, start, render);
}

}  // namespace orthant::qdrant
