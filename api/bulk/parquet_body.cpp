#include "api/bulk/parquet_body.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "api/bulk/column_values.h"
#include "api/exchange/parquet_file.h"
#include "base/trimmed.h"

namespace orthant::bulk {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
constexpr std::size_t kBytesPerCall = std::size_t{8} << 20;
constexpr std::uint64_t kMostBytes = std::uint64_t{8} << 30;
constexpr std::size_t kVectorBatch = 1024;

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
  if (mapping_.vectors.size() > 1) return invalid_argument("vector_columns: of a Parquet body one column can be a vector");
  if (descriptor_ < 0) return invalid_argument("Parquet: the body is empty");
  VectorFileOptions options;
  options.format = FileFormat::kParquet;
  options.id_column = mapping_.id;
  options.text_column = mapping_.text;
  vector_name_ = mapping_.target_vector;
  if (!mapping_.vectors.empty()) {
    options.vector_column = mapping_.vectors.begin()->first;
    vector_name_ = mapping_.vectors.begin()->second;
  }
  if (!mapping_.vector_names.contains(vector_name_)) {
    return invalid_argument(fmt::format("Not existing vector name error: {}", vector_name_));
  }
  if (mapping_.payload) options.payload_columns.emplace(mapping_.payload->begin(), mapping_.payload->end());
  auto opened = open_parquet_file(fmt::format("/proc/self/fd/{}", descriptor_), options);
  const bool no_vectors = !opened && mapping_.vectors.empty() && mapping_.text.empty();
  if (no_vectors) {
    // Texts to encode, where there is a column of that name.
    options.text_column = "text";
    if (auto texts = open_parquet_file(fmt::format("/proc/self/fd/{}", descriptor_), options)) opened = std::move(texts);
  }
  if (!opened) return invalid_argument(opened.error().message);
  file_ = std::move(*opened);
  if (!file_->info().has_ids) return invalid_argument("id_column: there is no column `id`");
  return {};
}

Status ParquetBody::finish(DocumentBatch& batch) {
  if (!file_) ORTHANT_TRY(open());
  if (file_->info().dim != 0) batch.max_points = kVectorBatch;
  while (rows_ < file_->info().rows && !batch.full()) ORTHANT_TRY(add_rows(batch));
  return {};
}

Status ParquetBody::add_rows(DocumentBatch& batch) {
  auto read = file_->read(batch.max_points - batch.points.size());
  if (!read) return invalid_argument(fmt::format("row {}: {}", rows_ + 1, read.error().message));
  if (read->rows == 0) return invalid_argument("Parquet: fewer rows than the file says");
  const std::size_t dim = file_->info().dim;
  auto error = read->errors.begin();
  for (std::size_t i = 0; i < read->rows; ++i) {
    batch.last_line = ++rows_;
    if (error != read->errors.end() && error->row == i) {
      batch.errors.push_back({rows_, error->reason});
      while (error != read->errors.end() && error->row == i) ++error;
      continue;
    }
    PointInput point;
    point.id = read->ids[i];
    if (!read->payloads.empty()) point.payload = read->payloads[i];
    batch.bytes += point.payload.size() + dim * sizeof(float);
    if (dim != 0) {
      const auto begin = read->floats.begin() + static_cast<std::ptrdiff_t>(i * dim);
      point.vectors.emplace_back(vector_name_, std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(dim)));
    } else {
      std::string text = read->texts.empty() ? std::string() : std::string(trimmed(read->texts[i]));
      if (text.empty()) {
        batch.errors.push_back({rows_, "the text is empty"});
        continue;
      }
      batch.bytes += text.size();
      point.vectors.emplace_back(vector_name_, TextInput{std::move(text), mapping_.model});
    }
    batch.points.push_back(std::move(point));
    batch.lines.push_back(rows_);
  }
  return {};
}

}  // namespace orthant::bulk
