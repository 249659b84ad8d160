#include "engine/storage/rocksdb_status.h"

#include <fmt/format.h>

namespace orthant {
namespace {

ErrorCode code_of(const rocksdb::Status& status) {
  if (status.IsCorruption()) return ErrorCode::kDataCorruption;
  if (status.IsIOError() || status.IsNoSpace()) return ErrorCode::kIoError;
  if (status.IsBusy() || status.IsTryAgain() || status.IsShutdownInProgress() || status.IsTimedOut())
    return ErrorCode::kUnavailable;
  return ErrorCode::kInternal;
}

}  // namespace

Error to_error(std::string_view action, const rocksdb::Status& status) {
  // The disk's state is the operator's to mend, and worth its plain word before RocksDB's.
  const std::string_view hint = status.IsNoSpace() ? "disk is full: " : "";
  return {code_of(status), fmt::format("store: {}: {}{}", action, hint, status.ToString())};
}

}  // namespace orthant
