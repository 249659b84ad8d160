#include "engine/storage/rocksdb_options.h"

#include <algorithm>
#include <string>

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

namespace orthant {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// RocksDB would recover from a full disk by itself, but only once as much is free as all write buffers may take, which a small disk
// never has. The store resumes it instead, when it is written to; this tells the store that there is something to resume.
class FailureListener final : public rocksdb::EventListener {
 public:
  explicit FailureListener(std::shared_ptr<std::atomic<bool>> failed) : failed_(std::move(failed)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status* /*error*/) override { failed_->store(true); }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/, bool* automatic) override {
    *automatic = false;
  }

 private:
  const std::shared_ptr<std::atomic<bool>> failed_;
};

// The first of the wanted ones that this build of RocksDB has.
rocksdb::CompressionType first_supported(std::initializer_list<rocksdb::CompressionType> wanted) {
  const auto supported = rocksdb::GetSupportedCompressions();
  for (rocksdb::CompressionType type : wanted) {
    if (std::ranges::find(supported, type) != supported.end()) return type;
  }
  return rocksdb::kNoCompression;
}

rocksdb::ColumnFamilyOptions with_table(rocksdb::ColumnFamilyOptions options, rocksdb::BlockBasedTableOptions table) {
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  // Index and filter blocks count against the cache's budget, so that memory stays bounded however much is stored.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::BlockBasedTableOptions table_options(const std::shared_ptr<rocksdb::Cache>& cache, std::size_t block_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = block_bytes;
  return table;
}

void compress(rocksdb::ColumnFamilyOptions& options) {
  options.compression = first_supported({rocksdb::kLZ4Compression, rocksdb::kSnappyCompression});
  options.bottommost_compression = first_supported({rocksdb::kZSTD, rocksdb::kLZ4Compression});
}

rocksdb::ColumnFamilyOptions catalog_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 4 * kMiB;
  compress(options);
  return with_table(options, table_options(cache, 4096));
}

rocksdb::ColumnFamilyOptions id_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 16 * kMiB;
  options.memtable_prefix_bloom_size_ratio = 0.05;
  options.memtable_whole_key_filtering = true;
  compress(options);
  rocksdb::BlockBasedTableOptions table = table_options(cache, 4096);
  // Most ids that an ingest looks up are new: the filter answers without reading a block.
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(10));
  return with_table(options, table);
}

rocksdb::ColumnFamilyOptions row_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 32 * kMiB;
  compress(options);
  return with_table(options, table_options(cache, 16384));
}

// Floats do not compress. A read by ordinal wants small blocks (rescoring reads a hundred scattered rows), a scan wants long
// sequential reads, which the iterator's readahead gives whatever the block size; 8 KiB holds five rows of 384 dimensions. Blob
// files were weighed: they save rewriting values in compactions, but ordinals only grow, so most compactions of this family are
// moves already, and blobs cost one system call a row in scans. No filter: a row that is asked for exists.
rocksdb::ColumnFamilyOptions vector_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 64 * kMiB;
  options.target_file_size_base = 128 * kMiB;
  options.max_bytes_for_level_base = 512 * kMiB;
  options.compression = rocksdb::kNoCompression;
  options.bottommost_compression = rocksdb::kNoCompression;
  return with_table(options, table_options(cache, 8192));
}

}  // namespace

rocksdb::Options database_options(std::shared_ptr<std::atomic<bool>> failed) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.track_and_verify_wals_in_manifest = true;
  // A record torn by a crash at the end of the log is dropped; damage anywhere else stops the opening instead of silently losing
  // acknowledged writes behind it.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.listeners.push_back(std::make_shared<FailureListener>(std::move(failed)));
  options.db_write_buffer_size = 192 * kMiB;
  // Bounds what a restart after a crash has to replay.
  options.max_total_wal_size = 256 * kMiB;
  options.max_background_jobs = 3;
  options.max_open_files = 2048;
  options.bytes_per_sync = kMiB;
  options.keep_log_file_num = 3;
  options.max_log_file_size = 8 * kMiB;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> family_descriptors(const std::shared_ptr<rocksdb::Cache>& cache) {
  return {{rocksdb::kDefaultColumnFamilyName, catalog_options(cache)},
          {"ids", id_options(cache)},
          {"rows", row_options(cache)},
          {"vectors", vector_options(cache)}};
}

}  // namespace orthant
