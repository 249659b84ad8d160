#include "engine/storage/float_vectors.h"

#include <cstring>

#include <fmt/format.h>

namespace orthant {

std::string_view float_bytes(std::span<const float> row) {
  return {reinterpret_cast<const char*>(row.data()), row.size_bytes()};
}

Status StoredFloatVectors::read_row(std::string_view bytes, std::span<float> out) const {
  if (bytes.size() != form_.row_bytes) {
    return data_corruption(
        fmt::format("table {}, vector {}: a row has {} bytes, expected {}", table_.number(), slot_, bytes.size(), form_.row_bytes));
  }
  if (form_.read) {
    form_.read(bytes, out);
  } else {
    std::memcpy(out.data(), bytes.data(), bytes.size());
  }
  return {};
}

Status StoredFloatVectors::read(std::span<const Ordinal> ordinals, std::span<float> out) const {
  std::size_t found = 0;
  ORTHANT_TRY(table_.read_vectors(slot_, ordinals, [&](std::size_t i, std::string_view bytes) -> Status {
    ORTHANT_TRY(read_row(bytes, out.subspan(i * dim_, dim_)));
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
    lengths = read_row(bytes, row);
    if (!lengths) return false;
    return visit(ordinal, row);
  });
  return scanned ? lengths : scanned;
}

}  // namespace orthant
