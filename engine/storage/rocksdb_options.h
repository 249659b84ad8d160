#pragma once
// How RocksDB is set up, with the reasons. Private to engine/storage.

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

namespace orthant {

// `failed` is set when RocksDB has stopped writing or compacting after an error and waits to be resumed.
rocksdb::Options database_options(std::shared_ptr<std::atomic<bool>> failed);
// One for each Family, in the order of its values, all sharing `cache`.
std::vector<rocksdb::ColumnFamilyDescriptor> family_descriptors(const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace orthant
