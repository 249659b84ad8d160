#include "api/bulk/parquet_body.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "api/exchange/parquet_file.h"
#include "base/trimmed.h"

namespace orthant::bulk {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
constexpr std::size_t kBytesPerCall = std::size_t{8} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{8} << 30;
constexpr std::size_t kVectorBatch = 1024;
constexpr std::size_t kVectorBatchBytes = std::size_t{4} << 20;
constexpr std::uint64_t kFirstRows = 16;

std::unexpected<Error> system_error(std::string_view what) {
  return io_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

ParquetBody::ParquetBody(ContentCoding coding, ColumnMapping mapping, std::filesystem::path directory)
    : decompressor_(coding), mapping_(std::move(mapping)), directory_(std::move(directory)) {}

ParquetBody::~ParquetBody() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ParquetBody::feed(std::string_view bytes) {
  decompressor_.feed(bytes);
}

Status ParquetBody::keep(std::string_view bytes) {
  if (descriptor_ < 0) {
    descriptor_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor_ < 0) return system_error("a file for the body");
  }
  bytes_ += bytes.size();
  if (bytes_ > kMostBytes) return invalid_argument(fmt::format("the body is longer than the {} bytes that are taken", kMostBytes));
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("keeping the body");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<PointReader::Progress> ParquetBody::read(DocumentBatch& /*batch*/) {
  std::string piece;
  for (std::size_t done = 0; done < kBytesPerCall; done += piece.size()) {
    piece.resize(kPieceBytes);
    const std::size_t count = ORTHANT_TRY(decompressor_.read(piece));
    piece.resize(count);
    if (count == 0) return Progress::kNeedsInput;
    ORTHANT_TRY(keep(piece));
  }
  return Progress::kPaused;
}

Status ParquetBody::open() {
  if (!decompressor_.at_end()) return invalid_argument("the compressed data ends too early");
  if (descriptor_ < 0) return invalid_argument("Parquet: the body is empty");
  const std::string path = fmt::format("/proc/self/fd/{}", descriptor_);
  auto vectors = ParquetVectors::open(path);
  if (!vectors) return invalid_argument(vectors.error().message);
  const std::vector<ColumnFacts> columns = (*vectors)->columns();
  const ChosenColumns chosen = ORTHANT_TRY(choose_columns(mapping_, columns));
  VectorFileOptions options;
  options.format = FileFormat::kParquet;
  options.without_vectors = true;
  options.id_column = columns[chosen.id].name;
  options.payload_columns.emplace();
  for (const std::size_t column : chosen.payload) options.payload_columns->push_back(columns[column].name);
  auto opened = open_parquet_file(path, options);
  if (!opened) return invalid_argument(opened.error().message);
  (*vectors)->choose(chosen);
  vectors_ = std::move(*vectors);
  has_texts_ = chosen.text.has_value();
  file_ = std::move(*opened);
  return {};
}

Status ParquetBody::finish(DocumentBatch& batch) {
  if (!file_) ORTHANT_TRY(open());
  if (!has_texts_) {
    batch.max_points = kVectorBatch;
    batch.max_bytes = kVectorBatchBytes;
  }
  while (rows_ < file_->info().rows && !batch.full()) ORTHANT_TRY(add_rows(batch));
  return {};
}

std::optional<std::uint64_t> ParquetBody::total_rows() const {
  if (!file_) return std::nullopt;
  return file_->info().rows;
}

// So many that they fill the batch, going by the rows before.
std::size_t ParquetBody::rows_to_read(const DocumentBatch& batch) const {
  const std::uint64_t room = batch.max_bytes - std::min(batch.max_bytes, batch.bytes);
  const std::uint64_t usual = rows_ == 0 ? kFirstRows : room * rows_ / std::max<std::uint64_t>(row_bytes_, 1) + 1;
  const std::uint64_t most = std::min<std::uint64_t>(batch.max_points - batch.points.size(), file_->info().rows - rows_);
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(usual, 1, most));
}

Status ParquetBody::add_rows(DocumentBatch& batch) {
  const std::size_t count = rows_to_read(batch);
  const auto read_error = [this](const Error& error) {
    return invalid_argument(fmt::format("row {}: {}", rows_ + 1, error.message));
  };
  auto read = file_->read(count);
  if (!read) return read_error(read.error());
  auto vectors = vectors_->read(count);
  if (!vectors) return read_error(vectors.error());
  if (read->rows != count) return invalid_argument("Parquet: fewer rows than the file says");
  for (const RowError& error : read->errors) {
    if (std::string& known = (*vectors)[error.row].error; known.empty()) known = error.reason;
  }
  for (std::size_t i = 0; i < count; ++i) {
    batch.last_line = ++rows_;
    const std::size_t before = batch.bytes;
    add_row(read->ids[i], std::move(read->payloads[i]), std::move((*vectors)[i]), batch);
    row_bytes_ += batch.bytes - before;
  }
  return {};
}

void ParquetBody::add_row(const PointId& id, std::string payload, ParquetVectors::Row row, DocumentBatch& batch) {
  PointInput point{.id = id, .vectors = std::move(row.vectors), .payload = std::move(payload)};
  std::string text(trimmed(row.text));
  if (!text.empty()) point.vectors.emplace_back(mapping_.target_vector, TextInput{std::move(text), mapping_.model});
  batch.bytes += point.payload.size();
  for (const auto& [name, vector] : point.vectors) batch.bytes += bytes_of(vector);
  if (row.error.empty() && point.vectors.empty()) row.error = has_texts_ ? "the text is empty" : "the row has no vector";
  if (!row.error.empty()) {
    batch.errors.push_back({rows_, std::move(row.error)});
    return;
  }
  batch.points.push_back(std::move(point));
  batch.lines.push_back(rows_);
}

}  // namespace orthant::bulk
