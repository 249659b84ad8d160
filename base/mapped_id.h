#pragma once
// map_id: the point id of whatever text users call a document by. Free function, any thread.

#include <string_view>

#include "base/point_id.h"

namespace orthant {

// What PointId::parse reads, else the UUIDv5 of the text as a name.
struct MappedId {
  PointId id;
  bool from_name = false;
};

inline MappedId map_id(std::string_view given) {
  if (const auto id = PointId::parse(given)) return {*id, false};
  return {PointId::from_name(given), true};
}

}  // namespace orthant
