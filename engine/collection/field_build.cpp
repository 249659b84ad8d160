#include "engine/collection/field_build.h"

#include <algorithm>
#include <mutex>
#include <vector>

namespace orthant {
namespace {

constexpr Ordinal kChunkRows = 1024;
// Chunks that are read before they are entered.
constexpr std::size_t kChunksAhead = 32;

}  // namespace

Status fill_field_indexes(FieldIndexes::Builder& builder, const StoredTable& table, Ordinal first, Ordinal last, ThreadPool* pool,
                          const std::function<bool(Ordinal)>& left_out, const std::atomic<bool>* stopping) {
  for (Ordinal begin = first; begin < last;) {
    if (stopping != nullptr && stopping->load(std::memory_order_relaxed)) {
      return fail(ErrorCode::kCancelled, "field indexes: the process is stopping");
    }
    const Ordinal end = last - begin > kChunkRows * kChunksAhead ? begin + kChunkRows * kChunksAhead : last;
    std::vector<std::vector<RowFields>> chunks((end - begin + kChunkRows - 1) / kChunkRows);
    std::mutex mutex;
    Status failed;  // guarded by mutex
    parallel_for(pool, chunks.size(), 1, [&](std::size_t first_chunk, std::size_t last_chunk) {
      for (std::size_t i = first_chunk; i < last_chunk; ++i) {
        const auto from = static_cast<Ordinal>(begin + i * kChunkRows);
        Status scanned =
            table.scan_points(from, std::min<Ordinal>(from + kChunkRows, end), [&](Ordinal ordinal, const PointRecordView& record) {
              if (!left_out(ordinal)) chunks[i].push_back(builder.read(ordinal, record.payload));
              return true;
            });
        if (scanned) continue;
        std::lock_guard lock(mutex);
        failed = std::move(scanned);
      }
    });
    ORTHANT_TRY(std::move(failed));
    for (std::vector<RowFields>& chunk : chunks) builder.add(std::move(chunk));
    begin = end;
  }
  return {};
}

Result<FieldBuild> FieldBuild::make(FieldSchemas schemas, ThreadPool& pool, const std::atomic<bool>& stopping) {
  FieldIndexes::Builder builder = ORTHANT_TRY(FieldIndexes::Builder::make(schemas));
  return FieldBuild(std::move(schemas), std::move(builder), pool, stopping);
}

Status FieldBuild::run_round(const StoredTable& table, Ordinal row_count, std::vector<Ordinal> edited) {
  std::ranges::sort(edited);
  edited.erase(std::ranges::unique(edited).begin(), edited.end());
  std::erase_if(edited, [this](Ordinal ordinal) { return ordinal >= rows_done_; });
  if (!edited.empty()) {
    const std::vector<PointRecord> before = ORTHANT_TRY(moment_->read_points(edited));
    const std::vector<PointRecord> after = ORTHANT_TRY(table.read_points(edited));
    for (std::size_t i = 0; i < edited.size(); ++i) {
      builder_.replace(builder_.read(edited[i], before[i].payload), builder_.read(edited[i], after[i].payload));
    }
  }
  // Buried rows too: which of them were buried before they were read is not known.
  const auto none = [](Ordinal) { return false; };
  ORTHANT_TRY(fill_field_indexes(builder_, table, rows_done_, row_count, &pool_, none, &stopping_));
  rows_done_ = row_count;
  moment_ = table;
  return {};
}

void FieldBuild::install(TableView& view) && {
  Bitmap buried(rows_done_, true);
  Bitmap live = buried;
  view.keep_live(live);
  buried.subtract(live);
  buried.for_each([this](std::size_t row) { builder_.bury(static_cast<Ordinal>(row)); });
  view.fields().install(std::move(builder_));
}

}  // namespace orthant
