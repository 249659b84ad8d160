#pragma once
// Catalog: the collections' records in the store: which exist, how they are configured, which table holds their rows. Free
// functions over a store; callers see to it that one thread at a time changes a collection.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/collection/collection_config.h"
#include "engine/collection/slot_names.h"
#include "engine/storage/stored_table.h"

namespace orthant {

struct CollectionRecord {
  TableNumber table = 0;
  SlotNames slot_names;
  CollectionConfig config;
};

// The byte form (docs/storage_format.md), with a format version.
std::string encode(const CollectionRecord& record);
Result<CollectionRecord> decode_collection_record(std::string_view bytes);

// Slots for the vectors of a new collection.
SlotNames assign_slots(const CollectionConfig& config);

// invalid_argument when the parts do not go together or are out of range.
Status validate(const VectorConfig& vector);

// Into a batch that the caller commits.
void put_collection(StoreBatch& batch, std::string_view name, const CollectionRecord& record);
void remove_collection(StoreBatch& batch, std::string_view name);

// Other names of collections: alias -> collection.
using Aliases = std::map<std::string, std::string, std::less<>>;
void put_alias(StoreBatch& batch, std::string_view alias, std::string_view collection);
void remove_alias(StoreBatch& batch, std::string_view alias);
Result<Aliases> read_aliases(const Store& store, const StoreSnapshot* moment = nullptr);

// The record of one collection as it stood at a moment. Nothing: there was none.
Result<std::optional<CollectionRecord>> read_collection(const Store& store, std::string_view name, const StoreSnapshot* moment);

// All collections by name. A record that cannot be read stands as its error: the others are not hurt.
Result<std::map<std::string, Result<CollectionRecord>>> read_catalog(const Store& store);

// invalid_argument for names that are empty, longer than 255 bytes, or hold '/', '\', NUL or control characters.
Status check_collection_name(std::string_view name);

}  // namespace orthant
