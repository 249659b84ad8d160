#pragma once
// Issues: what GET /issues tells: fields that filters of searches asked for and that have no payload index, with the request that
// would make one. An entry goes by itself when the index or the collection's end comes. Bounded; any thread.

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "api/http/grants.h"
#include "api/http/message.h"
#include "api/json/json_writer.h"
#include "engine/engine.h"

namespace orthant::qdrant {

class Issues {
 public:
  // Looks for filters in the request's body. Bodies that are large or no JSON are left alone.
  void look_at(const Engine& engine, const Request& request);
  // The elements of the list that hold still and that `grants` (null: all) lets see.
  void write(JsonWriter& json, const Engine& engine, const Grants* grants);
  void clear();
  // To be called when indexes or collections may come or go.
  void forget_indexes();

 private:
  struct Issue {
    std::string schema;  // of the index that would help
    std::chrono::system_clock::time_point first_seen;
  };
  using Key = std::pair<std::string, std::string>;  // collection, field

  void add(Key key, std::string_view schema);
  // Null where there is no such collection.
  std::shared_ptr<const FieldSchemas> indexes_of(const Engine& engine, const std::string& collection);

  std::mutex mutex_;
  std::map<Key, Issue> issues_;  // guarded by mutex_
  // What searches would otherwise ask the engine for, each of them. Guarded by mutex_.
  std::map<std::string, std::shared_ptr<const FieldSchemas>> indexes_;
};

}  // namespace orthant::qdrant
