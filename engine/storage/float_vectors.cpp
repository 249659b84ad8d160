#include "engine/storage/float_vectors.h"

#include <cstring>

#include <fmt/format.h>

namespace orthant {

std::string_view float_bytes(std::span<const float> row) {
  return {reinterpret_cast<const char*>(row.data()), row.size_bytes()};
}

Status StoredFloatVectors::check_length(std::size_t bytes) const {
  if (bytes == dim_ * sizeof(float)) return {};
  return data_corruption(
      fmt::format("table {}, vector {}: a row has {} bytes, expected {}", table_.number(), slot_, bytes, dim_ * sizeof(float)));
}

Status StoredFloatVectors::read(std::span<const Ordinal> ordinals, std::span<float> out) const {
  std::size_t found = 0;
  ORTHANT_TRY(table_.read_vectors(slot_, ordinals, [&](std::size_t i, std::string_view bytes) -> Status {
    ORTHANT_TRY(check_length(bytes.size()));
    std::memcpy(out.data() + i * dim_, bytes.data(), bytes.size());
    ++found;
    return {};
  }));
  if (found == ordinals.size()) return {};
  return data_corruption(fmt::format("table {}, vector {}: {} of {} rows are missing", table_.number(), slot_,
                                     ordinals.size() - found, ordinals.size()));
}

Status StoredFloatVectors::scan(Ordinal first, Ordinal last,
                                const std::function<bool(Ordinal, std::span<const float>)>& visit) const {
  Status lengths;
  std::vector<float> row(dim_);  // RocksDB's values are not aligned
  Status scanned = table_.scan_vectors(slot_, first, last, [&](Ordinal ordinal, std::string_view bytes) {
    if (hidden_ && hidden_(ordinal)) return true;
    lengths = check_length(bytes.size());
    if (!lengths) return false;
    std::memcpy(row.data(), bytes.data(), bytes.size());
    return visit(ordinal, row);
  });
  return scanned ? lengths : scanned;
}

}  // namespace orthant
