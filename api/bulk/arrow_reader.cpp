#include "api/bulk/arrow_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "api/bulk/column_values.h"
#include "base/trimmed.h"

namespace orthant::bulk {
namespace {

constexpr std::size_t kBytesPerCall = std::size_t{8} << 20;
constexpr std::size_t kBatchPoints = 1024;
constexpr std::size_t kTextBatchPoints = 256;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
// Of one message. A record batch of 100,000 rows of 384 floats takes 154 MB.
constexpr std::size_t kMaxMetadataBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxBodyBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxUnpackedBytes = std::size_t{512} << 20;
constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;
constexpr std::string_view kFileMagic = "ARROW1";
constexpr std::size_t kFileHeadBytes = 8;
constexpr std::uint32_t kContinuation = 0xffffffff;

// Union MessageHeader of Message.fbs.
constexpr std::uint8_t kSchemaHeader = 1;
constexpr std::uint8_t kDictionaryHeader = 2;
constexpr std::uint8_t kRecordBatchHeader = 3;

std::unexpected<Error> damaged(std::string_view what) {
  return invalid_argument(fmt::format("Arrow: {}", what));
}

bool is_number(const ArrowField& field) {
  return field.kind == ArrowKind::kFloat || field.kind == ArrowKind::kSigned || field.kind == ArrowKind::kUnsigned;
}
bool is_list(const ArrowField& field) {
  return field.kind == ArrowKind::kList && !field.dictionary;
}
bool is_integers(const ArrowField& field) {
  return is_list(field) && is_number(field.children.front()) && field.children.front().kind != ArrowKind::kFloat;
}

ColumnShape shape_of(const ArrowField& field) {
  if (is_list(field) && is_number(field.children.front())) return ColumnShape::kNumbers;
  if (is_list(field) && is_list(field.children.front()) && is_number(field.children.front().children.front())) {
    return ColumnShape::kLists;
  }
  if (field.kind != ArrowKind::kStruct || field.dictionary) return ColumnShape::kOther;
  const auto member = [&](std::string_view name) { return std::ranges::find(field.children, name, &ArrowField::name); };
  const auto indices = member("indices");
  const auto values = member("values");
  const bool sparse = indices != field.children.end() && values != field.children.end() && is_integers(*indices) &&
                      shape_of(*values) == ColumnShape::kNumbers;
  return sparse ? ColumnShape::kSparse : ColumnShape::kOther;
}

// Why it cannot be payload; empty: it can.
std::string problem_of(const ArrowField& field) {
  if (field.kind == ArrowKind::kOther) return field.problem;
  for (const ArrowField& child : field.children) {
    if (std::string problem = problem_of(child); !problem.empty()) return problem;
  }
  return {};
}

ColumnFacts facts_of(const ArrowField& field) {
  const bool is_text = field.kind == ArrowKind::kText;
  return {.name = field.name,
          .problem = problem_of(field),
          .shape = shape_of(field),
          .is_id = is_text || field.kind == ArrowKind::kSigned || field.kind == ArrowKind::kUnsigned,
          .is_text = is_text,
          .is_integers = is_integers(field)};
}

}  // namespace

ArrowReader::ArrowReader(ContentCoding coding, ColumnMapping mapping) : bytes_(coding), mapping_(std::move(mapping)) {}

void ArrowReader::feed(std::string_view bytes) {
  bytes_.feed(bytes);
}

Result<PointReader::Progress> ArrowReader::read(DocumentBatch& batch) {
  batch.max_points = chosen_.text ? kTextBatchPoints : kBatchPoints;
  batch.max_bytes = kBatchBytes;
  for (std::size_t done = 0; done < kBytesPerCall;) {
    for (;;) {
      while (current_ && !batch.full()) take_row(batch);
      if (batch.full()) return Progress::kPaused;
      if (!ORTHANT_TRY(take_message())) break;
      batch.max_points = chosen_.text ? kTextBatchPoints : kBatchPoints;
    }
    const std::size_t count = ORTHANT_TRY(bytes_.unpack());
    if (count == 0) return Progress::kNeedsInput;
    done += count;
  }
  return Progress::kPaused;
}

Status ArrowReader::finish(DocumentBatch& batch) {
  if (!bytes_.at_end()) return invalid_argument("the compressed data ends too early");
  if (is_file_) return finish_file(batch);
  if (ended_) return {};
  if (!schema_) return damaged("the body ends before the schema");
  if (!bytes_.rest().empty()) return damaged(fmt::format("the body ends inside a message, after row {}", rows_));
  return {};  // a stream may end without saying so
}

Result<bool> ArrowReader::take_message() {
  if (ended_) {
    bytes_.take(bytes_.rest().size());
    return false;
  }
  if (!begun_) {
    if (bytes_.rest().size() < kFileHeadBytes) return false;
    is_file_ = bytes_.rest().starts_with(kFileMagic);
    begun_ = true;
  }
  if (is_file_) {
    if (bytes_.rest().size() <= kMaxFileBytes) return false;
    return damaged(fmt::format("a file of more than {} bytes: send a stream, which may be of any size", kMaxFileBytes));
  }
  const std::size_t bytes = ORTHANT_TRY(read_message(bytes_.rest()));
  bytes_.take(bytes);
  return bytes > 0;
}

// A message: FFFFFFFF (absent before 0.15), i32 bytes of metadata, metadata, body.
Result<std::size_t> ArrowReader::read_message(std::string_view bytes) {
  constexpr std::size_t kNotWhole = 0;
  std::uint32_t metadata_bytes = 0;
  if (bytes.size() < 2 * sizeof metadata_bytes) return kNotWhole;
  std::memcpy(&metadata_bytes, bytes.data(), sizeof metadata_bytes);
  std::size_t head = sizeof metadata_bytes;
  if (metadata_bytes == kContinuation) {
    std::memcpy(&metadata_bytes, bytes.data() + head, sizeof metadata_bytes);
    head *= 2;
  }
  if (metadata_bytes == 0) {
    ended_ = true;
    return kNotWhole;
  }
  if (metadata_bytes > kMaxMetadataBytes) {
    return damaged(fmt::format("a message with {} bytes of metadata: this is no Arrow IPC", metadata_bytes));
  }
  if (bytes.size() < head + metadata_bytes) return kNotWhole;
  const auto message = FlatTable::root(bytes.substr(head, metadata_bytes));
  const auto header = message ? message->table(2) : std::nullopt;
  if (!header) return damaged("a message's metadata is damaged");
  const auto body_bytes = message->number<std::int64_t>(3, 0);
  if (body_bytes < 0 || static_cast<std::uint64_t>(body_bytes) > kMaxBodyBytes) {
    return damaged(
        fmt::format("a message of {} bytes, at most {} are taken: make batches of fewer rows", body_bytes, kMaxBodyBytes));
  }
  const std::size_t whole = head + metadata_bytes + static_cast<std::size_t>(body_bytes);
  if (bytes.size() < whole) return kNotWhole;
  const std::string_view body = bytes.substr(head + metadata_bytes, static_cast<std::size_t>(body_bytes));
  const auto kind = message->number<std::uint8_t>(1, 0);
  if (kind == kSchemaHeader) {
    ORTHANT_TRY(take_schema(*header));
  } else if (!schema_) {
    return damaged("the first message is no schema");
  } else if (kind == kDictionaryHeader) {
    ORTHANT_TRY(take_dictionary(*header, body));
  } else if (kind == kRecordBatchHeader) {
    current_ = ORTHANT_TRY(
        read_arrow_batch(*header, std::make_shared<const std::string>(body), schema_->fields, dictionaries_, kMaxUnpackedBytes));
    next_row_ = 0;
    if (current_->rows == 0) current_.reset();
  } else {
    return damaged(fmt::format("message of kind {} is not understood", kind));
  }
  return whole;
}

// ARROW1 00 00, messages, the footer, i32 its bytes, ARROW1.
Status ArrowReader::open_file() {
  const std::string_view file = bytes_.rest();
  constexpr std::size_t kTailBytes = 4 + kFileMagic.size();
  if (file.size() < kFileHeadBytes + kTailBytes || !file.ends_with(kFileMagic)) return damaged("the file has no end");
  std::uint32_t footer_bytes = 0;
  std::memcpy(&footer_bytes, file.data() + file.size() - kTailBytes, sizeof footer_bytes);
  if (footer_bytes > file.size() - kFileHeadBytes - kTailBytes) return damaged("the file's footer is damaged");
  const auto footer = FlatTable::root(file.substr(file.size() - kTailBytes - footer_bytes, footer_bytes));
  const auto schema = footer ? footer->table(1) : std::nullopt;
  if (!schema) return damaged("the file's footer is damaged");
  ORTHANT_TRY(take_schema(*schema));
  constexpr std::size_t kBlockBytes = 24;      // i64 place, i32 and i64 sizes
  for (const unsigned blocks_of : {2U, 3U}) {  // dictionaries, record batches
    const auto blocks = footer->vector(blocks_of, kBlockBytes);
    for (std::size_t i = 0; blocks && i < blocks->size(); ++i) {
      const auto place = blocks->number<std::int64_t>(i);
      if (place < 0 || static_cast<std::uint64_t>(place) >= file.size()) return damaged("a message outside of the file");
      messages_.push_back(static_cast<std::size_t>(place));
    }
  }
  return {};
}

Status ArrowReader::finish_file(DocumentBatch& batch) {
  if (!schema_) ORTHANT_TRY(open_file());
  batch.max_points = chosen_.text ? kTextBatchPoints : kBatchPoints;
  while (!batch.full()) {
    if (current_) {
      take_row(batch);
      continue;
    }
    if (next_message_ == messages_.size()) return {};
    const std::size_t bytes = ORTHANT_TRY(read_message(bytes_.rest().substr(messages_[next_message_++])));
    if (bytes == 0) return damaged("a message outside of the file");
  }
  return {};
}

Status ArrowReader::take_schema(const FlatTable& header) {
  if (schema_) return damaged("a second schema");
  ArrowSchema schema = ORTHANT_TRY(parse_arrow_schema(header));
  std::vector<ColumnFacts> facts;
  for (const ArrowField& field : schema.fields) facts.push_back(facts_of(field));
  chosen_ = ORTHANT_TRY(choose_columns(mapping_, facts));
  schema_ = std::move(schema);
  return {};
}

Status ArrowReader::take_dictionary(const FlatTable& header, std::string_view body) {
  const auto number = header.number<std::int64_t>(0, 0);
  const auto field = schema_->dictionaries.find(number);
  const auto data = header.table(1);
  if (field == schema_->dictionaries.end() || !data) return damaged(fmt::format("dictionary {} belongs to no column", number));
  if (header.number<std::uint8_t>(2, 0) != 0) return damaged("dictionaries that grow (delta) are not read");
  ArrowDictionary dictionary;
  // The columns point to the field, which stays with the schema.
  dictionary.batch = ORTHANT_TRY(
      read_arrow_batch(*data, std::make_shared<const std::string>(body), {&field->second, 1}, dictionaries_, kMaxUnpackedBytes));
  dictionary.values = std::make_shared<const ArrowColumn>(dictionary.batch.columns.front());
  dictionaries_.insert_or_assign(number, std::move(dictionary));
  return {};
}

void ArrowReader::take_row(DocumentBatch& batch) {
  ++rows_;
  std::size_t bytes = 0;
  Result<PointInput> point = parse_row(next_row_, bytes);
  if (++next_row_ == current_->rows) current_.reset();
  batch.last_line = rows_;
  if (!point) {
    batch.errors.push_back({rows_, point.error().message});
    return;
  }
  batch.points.push_back(std::move(*point));
  batch.lines.push_back(rows_);
  batch.bytes += bytes;
}

Result<PointInput> ArrowReader::parse_row(std::size_t row, std::size_t& bytes) const {
  const std::vector<ArrowColumn>& columns = current_->columns;
  PointInput point;
  point.id = ORTHANT_TRY(id_of(columns[chosen_.id], row));
  for (const auto& [column, vector, target] : chosen_.vectors) {
    if (columns[column].is_null(row)) continue;  // the point lacks it
    point.vectors.emplace_back(vector, ORTHANT_TRY(vector_value(columns[column], row, target)));
    bytes += bytes_of(point.vectors.back().second);
  }
  if (chosen_.text) {
    const bool has_title = chosen_.title && !columns[*chosen_.title].is_null(row);
    std::string text = has_title ? std::string(columns[*chosen_.title].text(row)) + ' ' : std::string();
    if (!columns[*chosen_.text].is_null(row)) text += columns[*chosen_.text].text(row);
    text = std::string(trimmed(text));
    if (text.empty() && point.vectors.empty()) return invalid_argument("the text is empty");
    bytes += text.size();
    if (!text.empty()) point.vectors.emplace_back(mapping_.target_vector, TextInput{std::move(text), mapping_.model});
  }
  if (point.vectors.empty()) return invalid_argument("the row has no vector");
  std::string payload;
  JsonWriter json(payload);
  json.begin_object();
  for (const std::size_t column : chosen_.payload) {
    if (columns[column].is_null(row)) continue;
    json.key(columns[column].field().name);
    ORTHANT_TRY(write_value(json, columns[column], row));
  }
  json.end_object();
  bytes += payload.size();
  point.payload = std::move(payload);
  return point;
}

}  // namespace orthant::bulk
