#pragma once
// What the engine is asked and what it answers, free of any wire format. Plain values.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/point_id.h"
#include "base/result.h"
#include "engine/bm25_options.h"
#include "engine/collection/bulk_progress.h"
#include "engine/collection/collection_config.h"
#include "engine/collection/explanation.h"
#include "engine/collection/records.h"
#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"
#include "engine/query/grouping.h"
#include "engine/query/query_tree.h"
#include "engine/snapshot_folder.h"
#include "engine/vector_input.h"
#include "index/vector_index.h"

namespace orthant {

// By vector name; "" is the default vector. A point may lack any of the collection's vectors.
using NamedVectors = std::vector<std::pair<std::string, VectorInput>>;

// ---- writes ----

struct PointInput {
  PointId id;
  NamedVectors vectors;
  std::string payload = "{}";  // a valid JSON object, kept as given
};

struct UpsertRequest {
  std::vector<PointInput> points;  // of equal ids the last wins
  UpdateMode mode = UpdateMode::kUpsert;
  std::optional<Filter> update_filter;  // existing points are replaced only where it matches
  // Bulk ingestion: points that are refused are reported in WriteResult::rejected and the rest is written.
  // Otherwise the first bad point refuses the whole request.
  bool skip_invalid = false;
  // Texts longer than the model's limit: true refuses them, false truncates them and reports it.
  bool refuse_truncation = false;
  // Of a stream that its client may resume; goes alone, with skip_invalid.
  std::optional<BulkPart> bulk_part{};
};

struct DeletePoints {
  PointSelector points;
};
// Replaces the named vectors of existing points, the rest of the point stays.
struct UpdateVectors {
  std::vector<PointInput> points;
  std::optional<Filter> update_filter{};  // only of points where it matches
};
struct DeleteVectors {
  PointSelector points;
  std::vector<std::string> names;
};
// Merges at the top level, or below `key` (JSON path).
struct SetPayload {
  PointSelector points;
  std::string payload;
  std::optional<std::string> key;
};
struct OverwritePayload {
  PointSelector points;
  std::string payload;
};
struct DeletePayload {
  PointSelector points;
  std::vector<std::string> keys;
};
struct ClearPayload {
  PointSelector points;
};

using WriteRequest = std::variant<UpsertRequest, DeletePoints, UpdateVectors, DeleteVectors, SetPayload, OverwritePayload,
                                  DeletePayload, ClearPayload>;

struct WriteOptions {
  // True: answer after the log is synced to disk and the change is visible. False: after the log is written and the change is
  // visible; synced within a second.
  bool wait = true;
  std::optional<std::chrono::milliseconds> timeout;
  // Yields to interactive encoding.
  bool bulk = false;
};

enum class WriteStatus { kAcknowledged, kCompleted, kWaitTimeout };

struct RejectedPoint {
  std::size_t position = 0;  // in UpsertRequest::points
  Error error;
};

struct WriteResult {
  std::uint64_t operation_id = 0;
  WriteStatus status = WriteStatus::kCompleted;
  std::vector<RejectedPoint> rejected;
  std::vector<std::size_t> truncated;                    // positions whose text was longer than the model takes
  std::map<std::string, std::uint64_t> tokens_by_model;  // texts encoded for this request
};

// ---- reads ----

// The second stage of a query: a cross-encoder reads the query and the text of each of the best points of the first stage.
struct RerankStage {
  static constexpr std::size_t kMaxCandidates = 1000;
  std::string model;                 // empty: the first loaded reranker
  std::optional<std::string> query;  // nothing: the text of the query
  std::size_t candidates = 50;       // best points that are read, at most kMaxCandidates
  std::string field;                 // where the text stands in the payload (JSON path); empty: the kept source text
};

// A tree (engine/query/query_tree.h) whose root gives the page.
struct QueryRequest : QueryStage {
  std::size_t offset = 0;
  PayloadSelector payload;
  VectorSelector vectors;
  // limit and offset count what it gives; score_threshold applies to the first stage.
  std::optional<RerankStage> rerank;
  // The answer tells how it came about. Changes nothing else.
  bool explain = false;
};

// How the answer to a query came about.
struct QueryExplanation {
  struct Encoding {
    std::string model;
    bool cached = false;      // the text was encoded lately
    double microseconds = 0;  // with the other texts of the call, and waiting for the model
  };
  std::optional<Encoding> encoding;         // of a query that came as text
  std::optional<SearchExplanation> search;  // nothing where there was nothing to search for
  std::optional<double> rerank_microseconds;
  double microseconds = 0;  // from the engine's taking the call to this query's last step
};

struct QueryResult {
  std::vector<ScoredPoint> points;
  // With a second stage: so many points at the front bear its scores, best first; those behind had no text or came after the last
  // candidate, and keep order and scores of the first stage.
  std::optional<std::size_t> reranked;
  std::optional<QueryExplanation> explanation;  // where it was asked for
  bool query_truncated = false;
  std::map<std::string, std::uint64_t> tokens_by_model;
};

// Points of a query in groups that share a value of a payload field; limit counts groups.
struct GroupsRequest {
  QueryRequest query;    // without offset and second stage
  std::string group_by;  // JSON path of strings or integers
  std::size_t group_size = 3;
  // The point of another collection whose id is the group's is given with it.
  struct Lookup {
    std::string collection;
    PayloadSelector payload{.enabled = true};
    VectorSelector vectors{};
  };
  std::optional<Lookup> lookup;
};
struct PointGroup {
  GroupId id;
  std::vector<ScoredPoint> hits;  // best first
  std::optional<Record> lookup;
};
struct GroupsResult {
  std::vector<PointGroup> groups;  // the one with the best hit first
  std::map<std::string, std::uint64_t> tokens_by_model;
};

// How many points hold each value of an indexed field, the most frequent first, equal ones by value.
struct FacetRequest {
  std::string key;
  std::optional<Filter> filter;
  std::size_t limit = 10;
};

// The nearest points of each of a random sample among that sample.
struct MatrixRequest {
  std::string vector_name;
  std::optional<Filter> filter;
  std::size_t sample = 10;
  std::size_t limit = 3;
};
struct MatrixResult {
  struct Neighbour {
    std::size_t position = 0;  // in ids
    float score = 0;
  };
  std::vector<PointId> ids;                        // ascending
  std::vector<std::vector<Neighbour>> neighbours;  // best first, one list an id
};

struct RetrieveRequest {
  std::vector<PointId> ids;  // unknown ids are skipped
  PayloadSelector payload;
  VectorSelector vectors;
};

struct ScrollRequest {
  std::optional<PointId> from;  // first id to give out
  // In this order instead of that of ids; a page has no next then, its user goes on from the last value.
  std::optional<OrderBy> order_by;
  std::size_t limit = 10;
  std::optional<Filter> filter;
  PayloadSelector payload;
  VectorSelector vectors;
};
struct ScrollResult {
  std::vector<Record> points;
  std::optional<PointId> next;
};

// create: alias and collection; rename: old_alias and alias; delete: old_alias alone.
struct AliasAction {
  std::string alias{};
  std::string collection{};
  std::string old_alias{};
};

struct RestoreRequest {
  SnapshotScope scope{};  // empty: all collections that the file holds
  std::filesystem::path file{};
  std::optional<std::string> sha256{};  // of the file, in hex
  bool remove_file = false;             // when done, whatever came of it
};

// The kept texts of a vector encoded by another model, which takes over when all are.
struct ReembedRequest {
  std::string vector_name;
  std::string model;
  // Points whose vector came without a text: they lose the vector at the switch. Otherwise they are a reason not to begin, and are
  // refused while it runs.
  bool drop_without_text = false;
};

enum class ReembedPhase {
  kNone,      // nothing was asked for since the start
  kCounting,  // the texts that there are, and those encoded before a restart
  kEncoding,
  kSwitching,  // the new table and its index are being made
  kWaiting,    // for what `error` says; tries again by itself
  kFinished,   // the model serves
  kFailed,
  kCancelled,
};
std::string_view reembed_phase_name(ReembedPhase phase);  // "none", "counting", ...
bool is_running(ReembedPhase phase);

struct ReembedProgress {
  ReembedPhase phase = ReembedPhase::kNone;
  std::string model;  // that is to serve, or does
  std::string model_before;
  std::uint64_t texts = 0;      // as counted at the begin; those that are written later bring their embedding
  std::uint64_t encoded = 0;    // of these
  std::uint64_t resumed = 0;    // of the encoded: by the process before this one
  std::uint64_t truncated = 0;  // texts longer than the model takes
  std::uint64_t tokens = 0;
  double seconds = 0;                  // since it began in this process
  std::optional<double> seconds_left;  // while encoding, at the present rate
  std::optional<Error> error;
};

struct CollectionInfo {
  CollectionConfig config;
  std::uint64_t points_count = 0;
  std::uint64_t indexed_vectors_count = 0;
  std::uint64_t queued_writes = 0;
  std::uint64_t vector_bytes = 0;                       // of live points, as given, about
  std::uint64_t payload_bytes = 0;                      // as stored, with replaced points until they are reclaimed, about
  std::map<std::string, IndexStatistics> indexes;       // by vector name
  std::map<std::string, FieldIndexInfo> field_indexes;  // those that answer filters, by path
  std::map<std::string, ReembedProgress> reembeddings;  // that run or did since the start, by vector name
  // Set when the collection stopped taking requests because its data is damaged; the message says what to do.
  std::optional<Error> fault;
};

}  // namespace orthant
