#pragma once
// RocksDB's Status as our Error. Private to engine/storage.

#include <string_view>

#include <rocksdb/status.h>

#include "base/result.h"

namespace orthant {

Error to_error(std::string_view action, const rocksdb::Status& status);

inline Status to_result(std::string_view action, const rocksdb::Status& status) {
  if (status.ok()) return {};
  return std::unexpected<Error>(to_error(action, status));
}

}  // namespace orthant
