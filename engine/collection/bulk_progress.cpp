#include "engine/collection/bulk_progress.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "engine/storage/keys.h"

namespace orthant {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMaxOperationBytes = 128;

std::unexpected<Error> damaged() {
  return data_corruption("bulk operation: damaged, it ends early or holds an unknown value");
}

bool is_operation_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
}

}  // namespace

std::uint64_t BulkProgress::through() const {
  return done.empty() || done.front().first > 1 ? 0 : done.front().last;
}

bool BulkProgress::has(std::uint64_t line) const {
  const auto behind = std::ranges::upper_bound(done, line, {}, &LineRange::first);
  return behind != done.begin() && std::prev(behind)->last >= line;
}

void BulkProgress::add(LineRange lines) {
  if (lines.first > lines.last) return;
  // Everything that overlaps the lines or touches them becomes one range with them.
  const auto begin = std::ranges::find_if(done, [&](const LineRange& range) { return range.last + 1 >= lines.first; });
  auto end = begin;
  for (; end != done.end() && end->first <= lines.last + 1; ++end) {
    lines.first = std::min(lines.first, end->first);
    lines.last = std::max(lines.last, end->last);
  }
  done.insert(done.erase(begin, end), lines);
}

std::string encode(const BulkProgress& progress) {
  std::string out;
  append_value(out, kFormat);
  append_value(out, static_cast<std::uint8_t>(progress.finished));
  append_value(out, progress.updated_ms);
  append_value(out, progress.accepted);
  append_value(out, progress.rejected);
  append_value(out, static_cast<std::uint32_t>(progress.done.size()));
  for (const LineRange& range : progress.done) {
    append_value(out, range.first);
    append_value(out, range.last);
  }
  return out;
}

Result<BulkProgress> decode_bulk_progress(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto format = reader.read<std::uint8_t>();
  if (!format || *format == 0) return damaged();
  if (*format > kFormat) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("bulk operation: format {}, this version knows up to {}", *format, kFormat));
  }
  const auto finished = reader.read<std::uint8_t>();
  const auto updated = reader.read<std::uint64_t>();
  const auto accepted = reader.read<std::uint64_t>();
  const auto rejected = reader.read<std::uint64_t>();
  const auto ranges = reader.read<std::uint32_t>();
  if (!finished || *finished > 1 || !updated || !accepted || !rejected || !ranges) return damaged();
  BulkProgress progress{
      .done = {}, .accepted = *accepted, .rejected = *rejected, .updated_ms = *updated, .finished = *finished == 1};
  for (std::uint32_t i = 0; i < *ranges; ++i) {
    const auto first = reader.read<std::uint64_t>();
    const auto last = reader.read<std::uint64_t>();
    const bool in_order = first && last && *first >= 1 && *last >= *first && *last < UINT64_MAX &&
                          (progress.done.empty() || *first > progress.done.back().last + 1);
    if (!in_order) return damaged();
    progress.done.push_back({*first, *last});
  }
  if (!reader.at_end()) return damaged();
  return progress;
}

Status check_operation_name(std::string_view operation) {
  if (operation.empty() || operation.size() > kMaxOperationBytes) {
    return invalid_argument(fmt::format("operation: {} bytes, expected 1 to {}", operation.size(), kMaxOperationBytes));
  }
  if (std::ranges::all_of(operation, is_operation_character)) return {};
  return invalid_argument("operation: may hold letters, digits, '-', '_', '.' and ':'");
}

Result<std::optional<BulkProgress>> read_bulk_progress(const Store& store, std::string_view collection,
                                                       std::string_view operation) {
  const auto bytes = ORTHANT_TRY(store.get(Family::kCatalog, keys::bulk_operation(collection, operation)));
  if (!bytes) return std::optional<BulkProgress>();
  return std::optional<BulkProgress>(ORTHANT_TRY(decode_bulk_progress(*bytes)));
}

Result<std::map<std::string, BulkProgress>> read_bulk_operations(const Store& store, std::string_view collection) {
  std::map<std::string, BulkProgress> operations;
  Status fault;
  ORTHANT_TRY(store.scan(Family::kCatalog, keys::all_bulk_operations(collection), nullptr,
                         [&](std::string_view key, std::string_view value) {
                           const auto operation = keys::parse_bulk_operation(collection, key);
                           auto progress = decode_bulk_progress(value);
                           if (!progress) fault = std::unexpected<Error>(progress.error());
                           if (operation && progress) operations.emplace(*operation, std::move(*progress));
                           return fault.has_value();
                         }));
  if (!fault) return std::unexpected<Error>(fault.error());
  return operations;
}

Status put_bulk_progress(StoreBatch& batch, const Store& store, std::string_view collection, std::string_view operation,
                         const BulkProgress& progress, bool is_new) {
  if (is_new) {
    const auto operations = ORTHANT_TRY(read_bulk_operations(store, collection));
    if (operations.size() >= kMaxBulkOperations) {
      const auto oldest = std::ranges::min_element(operations, {}, [](const auto& known) { return known.second.updated_ms; });
      batch.remove(Family::kCatalog, keys::bulk_operation(collection, oldest->first));
    }
  }
  batch.put(Family::kCatalog, keys::bulk_operation(collection, operation), encode(progress));
  return {};
}

Status remove_bulk_operations(StoreBatch& batch, const Store& store, std::string_view collection) {
  return store.scan(Family::kCatalog, keys::all_bulk_operations(collection), nullptr, [&](std::string_view key, std::string_view) {
    batch.remove(Family::kCatalog, key);
    return true;
  });
}

}  // namespace orthant
