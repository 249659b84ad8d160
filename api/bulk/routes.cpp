#include "api/bulk/routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/bulk/arrow_reader.h"
#include "api/bulk/columns.h"
#include "api/bulk/document_reader.h"
#include "api/bulk/operation.h"
#include "api/bulk/parquet_body.h"
#include "api/bulk/progress_lines.h"
#include "api/bulk/vector_reader.h"
#include "api/bulk/write_window.h"
#include "api/http/early_answer.h"
#include "api/qdrant/collection_settings.h"
#include "api/qdrant/envelope.h"
#include "api/qdrant/point_bytes.h"
#include "api/qdrant/strict_mode.h"

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

// By the content type: lines of JSON, columns, or ready vectors.
Result<std::unique_ptr<PointReader>> make_reader(const Request& request, ContentCoding coding, LineTarget target,
                                                 const CollectionConfig& config, const Settings& settings) {
  const std::size_t max_point_bytes = settings.max_body_bytes;
  const std::string_view type = request.headers.find("content-type");
  if (type == kArrowStreamType || type == kArrowFileType) {
    return std::make_unique<ArrowReader>(coding, ORTHANT_TRY(column_mapping(request, target, config)));
  }
  if (type == kParquetType) {
    return std::make_unique<ParquetBody>(coding, ORTHANT_TRY(column_mapping(request, target, config)), settings.data_dir);
  }
  if (type != qdrant::kPointsContentType) {
    return std::make_unique<DocumentReader>(coding, std::move(target), max_point_bytes);
  }
  const auto vector = config.vectors.find(target.text_vector);
  if (vector == config.vectors.end()) return invalid_argument("?vector names the vector to write: the collection has several");
  return std::make_unique<VectorReader>(coding, target.text_vector, vector->second.index, max_point_bytes);
}

// Nothing where the collection is in no strict mode.
std::shared_ptr<const qdrant::StrictMode> strict_mode_of(const CollectionConfig& config) {
  const auto settings = qdrant::CollectionSettings::from_json(config.dialect_json);
  return settings ? qdrant::StrictMode::make(settings->strict_mode_config) : nullptr;
}

// Lines with a vector that is longer than strict mode allows become errors.
void refuse_long_vectors(const qdrant::StrictMode& mode, DocumentBatch& batch) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batch.points.size(); ++i) {
    Status fits;
    for (const auto& [name, vector] : batch.points[i].vectors) {
      if (fits) fits = mode.check_length(name, vector);
    }
    if (!fits) {
      batch.errors.push_back({batch.lines[i], fits.error().message});
      continue;
    }
    if (kept != i) batch.points[kept] = std::move(batch.points[i]);
    batch.lines[kept++] = batch.lines[i];
  }
  batch.points.resize(kept);
  batch.lines.resize(kept);
  std::ranges::sort(batch.errors, {}, &LineError::line);
}

// One upload: reads the body, parses on the request pool, keeps a few batches in the engine.
class Upload {
 public:
  Upload(Engine& engine, Request& request, std::unique_ptr<PointReader> reader, std::optional<Operation> operation,
         std::shared_ptr<const qdrant::StrictMode> strict, ProgressLines progress)
      : engine_(engine),
        request_(request),
        reader_(std::move(reader)),
        operation_(std::move(operation)),
        strict_(std::move(strict)),
        progress_(progress),
        window_(writer(), kBatchesInFlight) {}

  // The first error of the stream itself: damaged compression, a lost connection, a failed write. Lines that were good before it
  // stay.
  Awaitable<Status> run() {
    std::string bytes(kReadBytes, '\0');
    Status status;
    while (status && !window_.failure()) {
      const Result<std::size_t> count = co_await request_.body->read_some(bytes);
      if (!count) status = std::unexpected(count.error());
      if (!count || *count == 0) break;
      progress_.add_bytes(*count);
      reader_->feed(std::string_view(bytes).substr(0, *count));
      status = co_await use_input();
      // The client sends less than we can take: its lines go on without waiting for a full batch. While there is no room in the
      // window, more lines gather in the socket.
      if (status && *count < bytes.size()) status = co_await put_batch();
    }
    if (status) status = co_await finish_reading();
    // What was read stands, also where the stream broke.
    const Status last = co_await put_batch();
    if (status) status = last;
    co_await window_.wait_until_empty();
    if (operation_ && !operation_->has_more() && status && !window_.failure()) {
      // Only now: whoever sees the operation finished finds all of its lines done.
      status = co_await put_batch(true);
      co_await window_.wait_until_empty();
    }
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
      // No conditional operator here: GCC 12 destroys what it awaits twice.
      Status put;
      if (batch_.full()) put = co_await put_batch();
      if (!put) co_return put;
    }
    if (!progress) co_return std::unexpected(progress.error());
    co_return Status();
  }

  // What a body holds that can only be read when it is whole comes now, batch by batch.
  Awaitable<Status> finish_reading() {
    for (;;) {
      const auto finish = [this]() -> Result<bool> {
        ORTHANT_TRY(reader_->finish(batch_));
        return batch_.full();
      };
      Result<bool> more = co_await run_on<bool>(engine_.request_pool(), finish);
      if (!more && more.error().code == ErrorCode::kResourceExhausted) more = finish();
      if (!more) co_return std::unexpected(more.error());
      if (!*more) co_return Status();
      const Status put = co_await put_batch();
      if (!put) co_return put;
    }
  }

  // An error: strict mode lets the collection grow no further.
  Awaitable<Status> put_batch(bool ends = false) {
    DocumentBatch batch;
    std::swap(batch, batch_);
    if (strict_ && !batch.points.empty()) {
      // What it counts must be there: one batch at a time.
      co_await window_.wait_until_empty();
      const Result<CollectionInfo> info = engine_.collection_info(request_.path_value("collection"));
      if (!info) co_return std::unexpected(info.error());
      const Status room = strict_->check_growth(qdrant::strict_facts_of(*info));
      if (!room) co_return room;
      refuse_long_vectors(*strict_, batch);
    }
    if (operation_) operation_->prepare(batch, ends);
    co_await window_.put(std::move(batch));
    const std::optional<std::string> line = progress_.next_line(window_.summary(), reader_->total_rows());
    EarlyAnswer* const early = line ? early_answer_of(request_) : nullptr;
    if (early != nullptr) {
      const std::string type(kNdjsonType);
      const bool sent = co_await early->write_early(type, *line);
      if (!sent) progress_.stop();
    }
    co_return Status();
  }

  Engine& engine_;
  Request& request_;
  std::unique_ptr<PointReader> reader_;
  std::optional<Operation> operation_;
  std::shared_ptr<const qdrant::StrictMode> strict_;
  ProgressLines progress_;
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

Awaitable<Result<std::optional<BulkProgress>>> progress_of(Engine& engine, const std::string& collection,
                                                           const std::string& operation) {
  const auto ask = [&](Done<std::optional<BulkProgress>> done) { engine.bulk_progress(collection, operation, std::move(done)); };
  co_return co_await await_done<Result<std::optional<BulkProgress>>>(ask);
}

Awaitable<Response> get_operation(Engine& engine, Request& request) {
  const std::string operation(request.path_value("operation"));
  const auto progress = co_await progress_of(engine, std::string(request.path_value("collection")), operation);
  if (!progress) co_return qdrant::error_response(progress.error());
  if (!*progress) {
    constexpr std::size_t kMostBytes = 128;
    co_return qdrant::error_response(
        Error{ErrorCode::kNotFound, fmt::format("bulk operation `{}`", operation.substr(0, kMostBytes))});
  }
  co_return qdrant::ok_response(request.received, [&](JsonWriter& json) { write_operation(json, operation, **progress); });
}

Awaitable<Response> list_operations(Engine& engine, Request& request) {
  const auto ask = [&](Done<std::map<std::string, BulkProgress>> done) {
    engine.bulk_operations(std::string(request.path_value("collection")), std::move(done));
  };
  const auto operations = co_await await_done<Result<std::map<std::string, BulkProgress>>>(ask);
  if (!operations) co_return qdrant::error_response(operations.error());
  co_return qdrant::ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("operations").begin_array();
    for (const auto& [name, progress] : *operations) write_operation(json, name, progress);
    json.end_array().end_object();
  });
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
  Result<std::unique_ptr<PointReader>> reader = make_reader(request, *coding, std::move(*target), info->config, engine.settings());
  if (!reader) co_return refuse(reader.error());
  const Result<ProgressLines> lines = ProgressLines::of(request);
  if (!lines) co_return refuse(lines.error());
  Result<std::optional<Operation>> operation = Operation::of(request);
  if (!operation) co_return refuse(operation.error());
  if (*operation) {
    auto before = co_await progress_of(engine, name, (*operation)->name());
    if (!before) co_return refuse(before.error());
    (*operation)->set_done_before(std::move(*before).value_or(BulkProgress()));
  }
  const std::string operation_name = *operation ? (*operation)->name() : std::string();
  Upload upload(engine, request, std::move(*reader), std::move(*operation), strict_mode_of(info->config), *lines);
  const Status status = co_await upload.run();
  IngestSummary& summary = upload.summary();
  if (!operation_name.empty()) {
    const auto progress = co_await progress_of(engine, name, operation_name);
    summary.operation.emplace(operation_name, progress ? progress->value_or(BulkProgress()) : BulkProgress());
  }
  const std::uint64_t grown = points_in(engine, name) - std::min(points_in(engine, name), info->points_count);
  summary.replaced = summary.accepted - std::min(summary.accepted, grown);
  co_return render(request, summary, status);
}

}  // namespace

void add_routes(Router& router, const ApiContext& context) {
  router.add({Method::kPost, "/collections/{collection}/documents", with_engine(context, ingest_documents, qdrant::error_response),
              qdrant::error_response, BodyUse::kStream});
  const auto error = qdrant::error_response;
  router.add({Method::kGet, "/collections/{collection}/documents", with_engine(context, list_operations, error), error});
  router.add({Method::kGet, "/collections/{collection}/documents/{operation}", with_engine(context, get_operation, error), error});
}

}  // namespace orthant::bulk
