#pragma once
// UnindexedFields: which payload fields the filters of reads asked about although no index helps with them, since when, and of what
// type the index would have to be. Bounded: past kMost fields the later ones are not noted. Any thread.

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "engine/payload/field_indexes.h"
#include "engine/payload/field_schema.h"
#include "engine/payload/filter.h"

namespace orthant {

struct UnindexedField {
  FieldType type = FieldType::kKeyword;  // of the index that would help
  std::chrono::system_clock::time_point first_seen{};
};

class UnindexedFields {
 public:
  static constexpr std::size_t kMost = 256;

  // `fields` are those that answer filters at the time.
  void note(const Filter& filter, const FieldIndexes::Fields& fields);
  // By JSON path, nested conditions as "outer[].inner". Those of `indexed` are forgotten: they have an index by now.
  std::map<std::string, UnindexedField> noted(const FieldSchemas& indexed);
  void clear();

 private:
  std::mutex mutex_;
  std::map<std::string, UnindexedField> noted_;  // guarded by mutex_
};

}  // namespace orthant
