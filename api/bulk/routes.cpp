#include "api/bulk/routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/bulk/document_reader.h"
#include "api/bulk/vector_reader.h"
#include "api/bulk/write_window.h"
#include "api/qdrant/collection_settings.h"
#include "api/qdrant/envelope.h"
#include "api/qdrant/point_bytes.h"

namespace orthant::bulk {
namespace {

constexpr std::size_t kReadBytes = std::size_t{256} << 10;
constexpr std::size_t kBatchesInFlight = 4;

Awaitable<Status> create_collection(Engine& engine, const std::string& name) {
  const Encoder* encoder = engine.find_model("");
  if (encoder == nullptr) co_return fail(ErrorCode::kFailedPrecondition, "no model is loaded: the dimension is not known");
  CollectionConfig config;
  config.vectors[""].index.dim = encoder->info().dim;
  qdrant::CollectionSettings settings;
  settings.vectors[""] = {};
  config.dialect_json = settings.to_json();
  const auto create = [&](Done<void> done) { engine.create_collection(name, std::move(config), std::move(done)); };
  Status created = co_await await_done<Status>(create);
  // Another stream may have been faster.
  if (!created && created.error().code == ErrorCode::kAlreadyExists) created = Status();
  co_return created;
}

Result<LineTarget> make_target(const Request& request, const CollectionConfig& config) {
  LineTarget target;
  target.forms = qdrant::code_forms_of(config);
  target.model = request.query.find("model").value_or("");
  if (const auto name = request.query.find("vector")) {
    if (!config.vectors.contains(std::string(*name)))
      return invalid_argument(fmt::format("Not existing vector name error: {}", *name));
    target.text_vector = *name;
  } else if (!config.vectors.contains("") && config.vectors.size() == 1) {
    target.text_vector = config.vectors.begin()->first;
  }
  return target;
}

// By the content type: lines of JSON, or ready vectors.
Result<std::unique_ptr<PointReader>> make_reader(const Request& request, ContentCoding coding, LineTarget target,
                                                 const CollectionConfig& config, std::size_t max_point_bytes) {
  if (request.headers.find("content-type") != qdrant::kPointsContentType) {
    return std::make_unique<DocumentReader>(coding, std::move(target), max_point_bytes);
  }
  const auto vector = config.vectors.find(target.text_vector);
  if (vector == config.vectors.end()) return invalid_argument("?vector names the vector to write: the collection has several");
  return std::make_unique<VectorReader>(coding, target.text_vector, vector->second.index, max_point_bytes);
}

// One upload: reads the body, parses on the request pool, keeps a few batches in the engine.
class Upload {
 public:
  Upload(Engine& engine, Request& request, std::unique_ptr<PointReader> reader)
      : engine_(engine), request_(request), reader_(std::move(reader)), window_(writer(), kBatchesInFlight) {}

  // The first error of the stream itself: damaged compression, a lost connection, a failed write. Lines that were good before it
  // stay.
  Awaitable<Status> run() {
    std::string bytes(kReadBytes, '\0');
    Status status;
    while (status && !window_.failure()) {
      const Result<std::size_t> count = co_await request_.body->read_some(bytes);
      if (!count) status = std::unexpected(count.error());
      if (!count || *count == 0) break;
      reader_->feed(std::string_view(bytes).substr(0, *count));
      status = co_await use_input();
      // The client sends less than we can take: its lines go on without waiting for a full batch. While there is no room in the
      // window, more lines gather in the socket.
      if (*count < bytes.size()) co_await put_batch();
    }
    if (status) status = reader_->finish(batch_);
    co_await put_batch();
    co_await window_.wait_until_empty();
    if (window_.failure()) status = std::unexpected(*window_.failure());
    co_return status;
  }

  IngestSummary& summary() { return window_.summary(); }

 private:
  WriteWindow::Write writer() {
    return [&engine = engine_, collection = std::string(request_.path_value("collection"))](
               UpsertRequest points, std::move_only_function<void(Result<WriteResult>)> done) {
      std::vector<WriteRequest> operations;
      operations.emplace_back(std::move(points));
      WriteOptions options;
      options.bulk = true;
      // No deadline and no cancelling: what was read is written, also when the client has left.
      engine.write(collection, std::move(operations), options, RequestContext(),
                   [done = std::move(done)](Result<std::vector<WriteResult>> results) mutable {
                     if (results) {
                       done(std::move(results->at(0)));
                     } else {
                       done(std::unexpected(results.error()));
                     }
                   });
    };
  }

  // Turns all input into batches; the last one may be left in batch_.
  Awaitable<Status> use_input() {
    using Progress = PointReader::Progress;
    Result<Progress> progress = Progress::kPaused;
    while (progress && *progress == Progress::kPaused) {
      const auto read = [this] { return reader_->read(batch_); };
      progress = co_await run_on<Progress>(engine_.request_pool(), read);
      const bool refused = !progress && progress.error().code == ErrorCode::kResourceExhausted;
      if (refused) progress = reader_->read(batch_);
      if (batch_.full()) co_await put_batch();
    }
    if (!progress) co_return std::unexpected(progress.error());
    co_return Status();
  }

  Awaitable<void> put_batch() {
    DocumentBatch batch;
    std::swap(batch, batch_);
    co_await window_.put(std::move(batch));
  }

  Engine& engine_;
  Request& request_;
  std::unique_ptr<PointReader> reader_;
  WriteWindow window_;
  DocumentBatch batch_;
};

std::uint64_t points_in(const Engine& engine, std::string_view collection) {
  const Result<CollectionInfo> info = engine.collection_info(collection);
  return info ? info->points_count : 0;
}

// The summary, and the stream's error where there is one.
Response render(const Request& request, IngestSummary& summary, const Status& status) {
  if (status) {
    const auto tokens = summary.tokens_by_model;
    return qdrant::ok_response(request.received, [&](JsonWriter& json) { write_summary(json, std::move(summary)); }, tokens);
  }
  Response response = qdrant::error_response(status.error());
  std::string body = R"({"result":)";
  JsonWriter json(body);
  write_summary(json, std::move(summary));
  body += ',';
  body += std::string_view(response.body).substr(1);
  response.body = std::move(body);
  response.close = true;
  return response;
}

Response refuse(const Error& error) {
  Response response = qdrant::error_response(error);
  response.close = true;
  return response;
}

Awaitable<Response> ingest_documents(Engine& engine, Request& request) {
  const std::string name(request.path_value("collection"));
  const Result<ContentCoding> coding = parse_content_coding(request.headers.find("content-encoding"));
  if (!coding) co_return refuse(coding.error());
  if (!engine.has_collection(name)) {
    if (request.query.find("create") != "true") co_return refuse(qdrant::no_such_collection(name).error());
    const Status created = co_await create_collection(engine, name);
    if (!created) co_return refuse(created.error());
  }
  const Result<CollectionInfo> info = engine.collection_info(name);
  if (!info) co_return refuse(info.error());
  Result<LineTarget> target = make_target(request, info->config);
  if (!target) co_return refuse(target.error());
  Result<std::unique_ptr<PointReader>> reader =
      make_reader(request, *coding, std::move(*target), info->config, engine.settings().max_body_bytes);
  if (!reader) co_return refuse(reader.error());
  Upload upload(engine, request, std::move(*reader));
  const Status status = co_await upload.run();
  IngestSummary& summary = upload.summary();
  const std::uint64_t grown = points_in(engine, name) - std::min(points_in(engine, name), info->points_count);
  summary.replaced = summary.accepted - std::min(summary.accepted, grown);
  co_return render(request, summary, status);
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  router.add({Method::kPost, "/collections/{collection}/documents", with_engine(context, ingest_documents, qdrant::error_response),
              qdrant::error_response, BodyUse::kStream});
}

}  // namespace orthant::bulk
