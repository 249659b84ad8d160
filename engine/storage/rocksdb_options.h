#pragma once
// How RocksDB is set up, with the reasons. Private to engine/storage.

#include <cstddef>
#include <memory>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>

namespace orthant {

rocksdb::Options database_options();
// One for each Family, in the order of its values, all sharing `cache`.
std::vector<rocksdb::ColumnFamilyDescriptor> family_descriptors(const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace orthant
