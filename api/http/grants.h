#pragma once
// Grants: what the key of a request allows. Made by whoever checks keys (api/service), asked by routes and handlers. A plain value,
// read by any thread.

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

// Of one collection, each with all before it: kWritePoints changes points, kWrite also indexes and snapshots.
enum class CollectionRight { kRead, kWritePoints, kWrite };

class Grants {
 public:
  enum class Scope { kManage, kReadAll, kCollections };

  Grants() = default;  // kManage
  explicit Grants(Scope scope) : scope_(scope) {}
  explicit Grants(std::map<std::string, CollectionRight, std::less<>> collections)
      : scope_(Scope::kCollections), collections_(std::move(collections)) {}

  Scope scope() const { return scope_; }
  // Whether the collection may be known of at all.
  bool may_read(std::string_view collection) const;
  // invalid_argument whose text begins with "Forbidden: ".
  Status check_collection(std::string_view collection, CollectionRight right) const;
  // Reading more of it than points: kWritePoints alone does not suffice.
  Status check_whole_collection(std::string_view collection) const;
  // For what does not belong to one collection.
  Status check_read_all() const;
  Status check_manage() const;

 private:
  Scope scope_ = Scope::kManage;
  std::map<std::string, CollectionRight, std::less<>> collections_;
};

// A collection's name may be told to who sent a request with these grants (null: everything is allowed).
inline bool may_read(const Grants* grants, std::string_view collection) {
  return grants == nullptr || grants->may_read(collection);
}

}  // namespace orthant
