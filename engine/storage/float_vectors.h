#pragma once
// StoredFloatVectors: the floats of one slot of a table, as the index reads them. `hidden` leaves rows out of scans (buried ones
// while an index is rebuilt). Any number of threads may read beside the writer.

#include <functional>
#include <span>

#include "engine/storage/stored_table.h"
#include "index/float_vectors.h"

namespace orthant {

// Stored as dim little-endian f32, unless the rows have another form.
std::string_view float_bytes(std::span<const float> row);

// Rows that are stored in another form than f32: their length, and how they become floats.
struct StoredRowForm {
  std::size_t row_bytes = 0;
  std::function<void(std::string_view bytes, std::span<float> out)> read = nullptr;
};

class StoredFloatVectors final : public FloatVectors {
 public:
  using Hidden = std::function<bool(Ordinal ordinal)>;

  StoredFloatVectors(StoredTable table, Slot slot, std::size_t dim, Hidden hidden = nullptr, StoredRowForm form = {})
      : table_(std::move(table)), slot_(slot), dim_(dim), hidden_(std::move(hidden)), form_(std::move(form)) {
    if (!form_.read) form_.row_bytes = dim * sizeof(float);
  }

  std::size_t dim() const override { return dim_; }
  Status read(std::span<const Ordinal> ordinals, std::span<float> out) const override;
  Status scan(Ordinal first, Ordinal last,
              const std::function<bool(Ordinal ordinal, std::span<const float> row)>& visit) const override;

 private:
  Status read_row(std::string_view bytes, std::span<float> out) const;

  const StoredTable table_;
  const Slot slot_;
  const std::size_t dim_;
  const Hidden hidden_;
  StoredRowForm form_;
};

}  // namespace orthant
