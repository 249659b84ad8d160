#include "api/http/grants.h"

#include <fmt/format.h>

namespace orthant {
namespace {

std::unexpected<Error> forbidden(std::string_view why) {
  return invalid_argument(fmt::format("Forbidden: {}", why));
}

std::unexpected<Error> more_than_points(std::string_view collection) {
  return forbidden(fmt::format("Access to all of collection {} is required, not only to its points", collection));
}

}  // namespace

bool Grants::may_read(std::string_view collection) const {
  return scope_ != Scope::kCollections || collections_.contains(collection);
}

Status Grants::check_collection(std::string_view collection, CollectionRight right) const {
  if (scope_ != Scope::kCollections) return right == CollectionRight::kRead ? Status() : check_manage();
  const auto found = collections_.find(collection);
  if (found == collections_.end()) return forbidden(fmt::format("Access to collection {} is required", collection));
  if (found->second >= right) return {};
  if (found->second == CollectionRight::kRead)
    return forbidden(fmt::format("Write access to collection {} is required", collection));
  return more_than_points(collection);
}

Status Grants::check_whole_collection(std::string_view collection) const {
  ORTHANT_TRY(check_collection(collection, CollectionRight::kRead));
  const auto found = collections_.find(collection);
  if (found != collections_.end() && found->second == CollectionRight::kWritePoints) return more_than_points(collection);
  return {};
}

Status Grants::check_read_all() const {
  if (scope_ == Scope::kCollections) return forbidden("Global access is required");
  return {};
}

Status Grants::check_manage() const {
  ORTHANT_TRY(check_read_all());
  if (scope_ != Scope::kManage) return forbidden("Global manage access is required");
  return {};
}

}  // namespace orthant
