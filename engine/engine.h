#pragma once
// Engine: collections, models and threads of one process behind one door. Owns the store, the encoders, the pools. Every method may
// be called from any thread. Asynchronous methods call `done` exactly once, on a pool thread or (when refused at once) on the
// caller's; they never block the caller on disk, encoding or search. Text is turned into vectors here, before a collection sees it.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "encoder/encode_batcher.h"
#include "encoder/encoder.h"
#include "encoder/encoder_registry.h"
#include "encoder/rerank_batcher.h"
#include "encoder/sparse_batcher.h"
#include "engine/payload/unindexed_fields.h"
#include "engine/quality.h"
#include "engine/requests.h"
#include "engine/settings.h"
#include "engine/snapshot_folder.h"

namespace orthant {

template <typename T>
using Done = std::move_only_function<void(Result<T>)>;

// Carried by requests that have a client: work is dropped when it has left or its time is up.
struct RequestContext {
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

// A pool of threads as it is now.
struct PoolFigures {
  std::string name;
  std::size_t threads = 0;
  std::size_t queued = 0;  // tasks that wait
};

class Engine {
 public:
  // Opaque; named by the engine's own files.
  class Impl;

  // Loads the models, opens the store in settings.data_dir (created if absent), brings every collection up. failed_precondition
  // when another process holds the directory or a newer version wrote it. A damaged collection does not stop the engine.
  static Result<std::unique_ptr<Engine>> open(const Settings& settings);
  // Long work, such as a measurement of quality or a build of field indexes, ends early from now on with unavailable or cancelled,
  // so that a server which waits for its requests before it closes the engine need not wait for that. All else is served as before.
  void begin_stop();
  // Finishes accepted writes, saves index snapshots, closes the store.
  ~Engine();

  // ---- collections ----
  // already_exists; invalid_argument for names that are empty, longer than 255 bytes, or hold '/', '\', NUL or control characters.
  void create_collection(std::string name, CollectionConfig config, Done<void> done);
  // `change` edits a copy; dimensions and metrics may not change (invalid_argument). Field indexes that it adds are built in the
  // background, and waited for if `wait_for_fields`.
  void update_collection(std::string name, std::move_only_function<Status(CollectionConfig&)> change, Done<void> done,
                         bool wait_for_fields = true);
  // False when there was none.
  void delete_collection(std::string name, Done<bool> done);
  std::vector<std::string> collection_names() const;
  bool has_collection(std::string_view name) const;
  Result<CollectionInfo> collection_info(std::string_view name) const;
  // Of all collections, by their names, the fields that filters of reads asked about and that have no index, by JSON path.
  std::map<std::string, std::map<std::string, UnindexedField>> unindexed_fields() const;
  void forget_unindexed_fields() const;

  // ---- aliases: other names of collections, good wherever a name is asked for but in create and delete ----
  // All of them or none. not_found: an unknown collection, or an unknown alias to be renamed; already_exists: the name is a
  // collection's.
  void update_aliases(std::vector<AliasAction> actions, Done<void> done);
  // Alias and collection, by alias.
  std::vector<std::pair<std::string, std::string>> aliases() const;
  // The collection behind a name or an alias. Nothing when there is neither.
  std::optional<std::string> resolve_name(std::string_view name) const;

  // ---- snapshots: files of one collection or of all, in Settings::snapshots_dir ----
  // Beside reads and writes, on the snapshot pool, like the two below.
  void create_snapshot(SnapshotScope scope, Done<SnapshotInfo> done);
  void delete_snapshot(SnapshotScope scope, std::string name, Done<void> done);
  // Makes or replaces a collection (or all that the file holds, with their aliases) in one switch each. invalid_argument: another
  // checksum, a file that is no snapshot, a damaged one; nothing has changed then.
  void restore_snapshot(RestoreRequest request, Done<void> done);
  // The files. Collections are named by their own names here, not by aliases.
  const SnapshotFolder& snapshots() const;
  // For transfers of such files: few threads that may wait long.
  ThreadPool& snapshot_pool();

  // ---- points ----
  // Operations of one call are applied in order; each is atomic; the first failure ends the call with its error.
  void write(std::string collection, std::vector<WriteRequest> operations, WriteOptions options, RequestContext context,
             Done<std::vector<WriteResult>> done);
  void query(std::string collection, std::vector<QueryRequest> queries, RequestContext context,
             Done<std::vector<QueryResult>> done);
  void query_groups(std::string collection, GroupsRequest request, RequestContext context, Done<GroupsResult> done);
  // failed_precondition when the field has no index that knows its values.
  void facet(std::string collection, FacetRequest request, RequestContext context, Done<std::vector<FacetHit>> done);
  void search_matrix(std::string collection, MatrixRequest request, RequestContext context, Done<MatrixResult> done);
  void retrieve(std::string collection, RetrieveRequest request, RequestContext context, Done<std::vector<Record>> done);
  void scroll(std::string collection, ScrollRequest request, RequestContext context, Done<ScrollResult> done);
  void count(std::string collection, std::optional<Filter> filter, RequestContext context, Done<std::uint64_t> done);

  // Measures what the searches of a collection find and cost, or gives the last result; with judged queries also what people would
  // find. Runs on the search pool behind every waiting search: seconds, for large collections. One measurement a vector at a time:
  // who asks meanwhile waits for it. resource_exhausted while the judged queries of another call are ranked.
  void quality(std::string collection, CollectionQualityRequest request, RequestContext context, Done<CollectionQuality> done);

  // ---- re-embedding ----
  // Begins, or goes on after a failure; answers with the progress when that is on disk. Searches are served by the old embeddings,
  // and encode their texts with the old model, until all are made; then the new ones take over at once, whatever their dimension.
  // Survives the end of the process. not_found: the model; failed_precondition: the vector has none or some points without text,
  // or is this model's already; already_exists: a re-embedding by another model runs.
  void reembed(std::string collection, ReembedRequest request, Done<ReembedProgress> done);
  Result<ReembedProgress> reembed_progress(std::string_view collection, std::string_view vector_name) const;
  // What was encoded is thrown away. False when none was running.
  void cancel_reembed(std::string collection, std::string vector_name, Done<bool> done);

  // ---- bulk streams (UpsertRequest::bulk_part) ----
  // Nothing when the collection knows no such operation. Lines that it calls done are on disk.
  void bulk_progress(std::string collection, std::string operation, Done<std::optional<BulkProgress>> done);
  void bulk_operations(std::string collection, Done<std::map<std::string, BulkProgress>> done);

  // ---- models ----
  std::vector<const Encoder*> models() const;
  // Null when unknown; an empty name gives the first model.
  const Encoder* find_model(std::string_view name) const;
  // Encodes on the shared batcher of that model. not_found when it is not loaded.
  void encode(std::string_view model, std::vector<std::string> texts, EncodeOptions options, RequestContext context,
              Done<EncodeResult> done);

  // Of every kind, in the order of loading.
  std::vector<LoadedModel> all_models() const;
  // The named reranker, or the first for an empty name. not_found, or invalid_argument for a model of another kind.
  Result<const Reranker*> find_reranker(std::string_view model) const;
  Result<const SparseEncoder*> find_sparse_encoder(std::string_view model) const;
  // On the shared queues of these models; the requests' deadline and cancelled are set from the context.
  void rerank(const Reranker& reranker, RerankRequest request, RequestContext context, Done<RerankResult> done);
  void sparse_encode(const SparseEncoder& encoder, SparseEncodeRequest request, RequestContext context,
                     Done<SparseEncodeResult> done);

  // ---- figures, for /metrics ----
  std::vector<PoolFigures> pools() const;
  // RocksDB's, by name: estimated_keys, live_data_bytes, memtable_bytes, block_cache_bytes, ...
  std::map<std::string, std::uint64_t> store_figures() const;

  const Settings& settings() const;
  // Pool for work of the api folder that must not run on an io thread (parsing large bodies, compression).
  ThreadPool& request_pool();

 private:
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
