#pragma once
// QueryInputs: what stands for vectors in the trees of one request, turned into vectors: all texts in one call to each model, codes
// as their collection reads them, points by a look at the store. Private to engine.
//
// One thread at a time. The trees and the engine outlive it.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/collection/collection_reader.h"
#include "engine/engine_impl.h"
#include "engine/query/query_tree.h"
#include "engine/query/run_stage.h"

namespace orthant {

// A query whose model was replaced while its text was encoded begins anew, so often in all.
inline constexpr unsigned kQueryAttempts = 3;

class QueryInputs : public std::enable_shared_from_this<QueryInputs> {
 public:
  QueryInputs(Engine::Impl& engine, std::shared_ptr<Collection> collection) : engine_(engine), collection_(std::move(collection)) {}

  // The texts of a tree. `where` names it in errors ("query", "searches[3].query").
  Status add(const QueryStage& root, const std::string& where);
  bool has_texts() const { return !jobs_.empty(); }
  // Encodes what was added, once, and there must be some. `done` is called once, on any thread, this one included: what takes long
  // goes to the search pool.
  void encode(const RequestContext& context, std::move_only_function<void(Status)> done);

  // Of a VectorInput in a tree: ready, or encoded. Nothing for codes.
  std::optional<VectorValue> value_of(const VectorInput& input) const;
  // Of all examples of the tree. not_found for points that there are not; another_model_serves() when texts were encoded by a model
  // that is none of the reader's any more.
  Result<ResolvedExamples> resolve(const QueryStage& root, const CollectionReader& reader) const;

  // What became of a text.
  struct Encoded {
    VectorValue vector;
    std::string model;
    bool truncated = false;
    bool cached = false;
    double microseconds = 0;       // with the other texts, and waiting for the model
    std::uint32_t generation = 0;  // of the collection's vector that it is meant for
  };
  // Null for an input that is no text.
  const Encoded* encoded(const VectorInput& input) const;
  const std::map<std::string, std::uint64_t>& tokens_by_model() const { return tokens_by_model_; }

 private:
  Status resolve_stage(const QueryStage& stage, const CollectionReader& reader, ResolvedExamples& resolved) const;
  Status resolve_points(const QueryStage& stage, const std::vector<const PointId*>& ids, const CollectionReader& reader,
                        ResolvedExamples& resolved) const;
  void take(EncodedTexts texts, double microseconds);

  Engine::Impl& engine_;
  const std::shared_ptr<Collection> collection_;
  std::vector<TextJob> jobs_;
  std::vector<const VectorInput*> inputs_;  // of the jobs
  std::vector<std::string> models_;         // of the jobs
  std::vector<std::uint32_t> generations_;  // of the jobs
  std::unordered_map<const VectorInput*, Encoded> encoded_;
  std::map<std::string, std::uint64_t> tokens_by_model_;
};

// A text without a model is one for the vector that the stage names, or for the text index of the field of that name: where the
// field has an index that scores, or the collection has no such vector, it becomes a TextScoreQuery.
void choose_text_queries(const Collection& collection, QueryStage& root);

// The collection of a lookup. not_found as Qdrant words it.
Result<std::shared_ptr<Collection>> lookup_collection(const Engine::Impl& engine, const std::string& name);

}  // namespace orthant
