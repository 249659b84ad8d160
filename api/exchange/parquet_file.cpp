#include "api/exchange/parquet_file.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/exchange/ids_file.h"
#include "api/exchange/input_file.h"
#include "api/exchange/parquet_column.h"
#include "api/exchange/parquet_json.h"
#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "base/mapped_id.h"

namespace orthant {
namespace {

constexpr std::uint64_t kRowsLookedAt = 1024;  // at once, for the first vector

// Places in ParquetFormat::columns.
struct ChosenColumns {
  std::optional<std::size_t> id;
  std::optional<std::size_t> vector;
  std::optional<std::size_t> text;
  std::vector<std::size_t> payload;
};

bool is_number(const ParquetColumn& column) {
  return column.meaning == ParquetMeaning::kFloat || column.meaning == ParquetMeaning::kSigned ||
         column.meaning == ParquetMeaning::kUnsigned;
}
bool is_text(const ParquetColumn& column) {
  return column.meaning == ParquetMeaning::kText ||
         (column.meaning == ParquetMeaning::kBytes && column.type == ParquetType::kByteArray);
}
bool is_id(const ParquetColumn& column) {
  return !column.is_list && (column.meaning == ParquetMeaning::kSigned || column.meaning == ParquetMeaning::kUnsigned ||
                             column.meaning == ParquetMeaning::kUuid || is_text(column));
}

// Chooses what the user named and, beside that, what speaks for itself.
class ColumnChooser {
 public:
  ColumnChooser(const InputFile& file, const std::vector<ParquetColumn>& columns, const VectorFileOptions& options)
      : file_(file), columns_(columns), options_(options) {}

  Result<ChosenColumns> choose() {
    ORTHANT_TRY(choose_id());
    ORTHANT_TRY(choose_text());
    ORTHANT_TRY(choose_vector());
    ORTHANT_TRY(choose_payload());
    return std::move(chosen_);
  }

 private:
  std::optional<std::size_t> find(std::string_view name) const {
    const auto found = std::ranges::find(columns_, name, &ParquetColumn::name);
    if (found == columns_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns_.begin());
  }
  std::string names() const {
    std::vector<std::string> all;
    for (const ParquetColumn& column : columns_) all.push_back(column.name);
    return fmt::format("{}", fmt::join(all, ", "));
  }
  // The column of that name, which must be readable.
  Result<std::size_t> require(std::string_view name) const {
    const auto found = find(name);
    if (!found) return file_.refused(fmt::format("no column `{}`, only {}", name, names()));
    const ParquetColumn& column = columns_[*found];
    if (!column.problem.empty()) return file_.refused(fmt::format("column `{}`: {}", name, column.problem));
    return *found;
  }

  Status choose_id() {
    if (!options_.id_column.empty()) {
      chosen_.id = ORTHANT_TRY(require(options_.id_column));
      if (is_id(columns_[*chosen_.id])) return {};
      return file_.refused(fmt::format("column `{}`: ids are integers, UUIDs or texts", options_.id_column));
    }
    for (const char* name : {"id", "_id"}) {
      const auto found = find(name);
      if (!chosen_.id && found && columns_[*found].problem.empty() && is_id(columns_[*found])) chosen_.id = found;
    }
    return {};
  }

  Status choose_text() {
    if (options_.text_column.empty()) return {};
    chosen_.text = ORTHANT_TRY(require(options_.text_column));
    const ParquetColumn& column = columns_[*chosen_.text];
    if (is_text(column) && !column.is_list) return {};
    return file_.refused(fmt::format("column `{}`: expected texts", options_.text_column));
  }

  Status choose_vector() {
    if (options_.without_vectors) return {};
    if (!options_.vector_column.empty()) {
      chosen_.vector = ORTHANT_TRY(require(options_.vector_column));
      const ParquetColumn& column = columns_[*chosen_.vector];
      if (column.is_list && is_number(column)) return {};
      return file_.refused(fmt::format("column `{}`: expected lists of numbers", options_.vector_column));
    }
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const ParquetColumn& column = columns_[i];
      if (column.problem.empty() && column.is_list && column.meaning == ParquetMeaning::kFloat) found.push_back(i);
    }
    for (const std::string_view usual : {"vector", "embedding", "embeddings"}) {
      const auto named = std::ranges::find_if(found, [&](std::size_t i) { return columns_[i].name == usual; });
      if (named != found.end()) found = {*named};
    }
    if (found.size() == 1) chosen_.vector = found.front();
    if (found.size() == 1 || (found.empty() && chosen_.text)) return {};
    return file_.refused(
        fmt::format("{} columns hold lists of floats; --vector-column names the one to take, of {}", found.size(), names()));
  }

  Status choose_payload() {
    if (options_.payload_columns) {
      for (const std::string& name : *options_.payload_columns) {
        if (name.empty()) continue;
        chosen_.payload.push_back(ORTHANT_TRY(require(name)));
      }
      return {};
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i == chosen_.id || i == chosen_.vector || i == chosen_.text) continue;
      if (!columns_[i].problem.empty()) {
        return file_.refused(
            fmt::format("column `{}`: {}; --payload names the columns to take", columns_[i].name, columns_[i].problem));
      }
      chosen_.payload.push_back(i);
    }
    return {};
  }

  const InputFile& file_;
  const std::vector<ParquetColumn>& columns_;
  const VectorFileOptions& options_;
  ChosenColumns chosen_;
};

class ParquetFile final : public VectorFile {
 public:
  static Result<std::unique_ptr<VectorFile>> open(const std::filesystem::path& path, const VectorFileOptions& options) {
    auto file = std::unique_ptr<ParquetFile>(new ParquetFile(ORTHANT_TRY(InputFile::open(path))));
    file->format_ = ORTHANT_TRY(read_parquet_format(file->file_));
    file->chosen_ = ORTHANT_TRY(ColumnChooser(file->file_, file->format_.columns, options).choose());
    ORTHANT_TRY(file->find_info(options));
    file->make_readers();
    return file;
  }

  const VectorFileInfo& info() const override { return info_; }

  Result<VectorRows> read(std::size_t max_rows) override {
    VectorRows out;
    out.rows = static_cast<std::size_t>(std::min<std::uint64_t>(max_rows, info_.rows - next_));
    if (out.rows == 0) return out;
    out.payloads.assign(out.rows, "{}");
    if (!chosen_.payload.empty()) ORTHANT_TRY(read_payloads(out));
    if (chosen_.vector) ORTHANT_TRY(read_vectors(out));
    if (chosen_.id) ORTHANT_TRY(read_ids(out));
    if (chosen_.text) ORTHANT_TRY(read_texts(out));
    next_ += out.rows;
    return out;
  }

  Status skip(std::uint64_t rows) override {
    const std::uint64_t count = std::min(rows, info_.rows - next_);
    for (auto* readers : {&payload_readers_, &id_reader_, &vector_reader_, &text_reader_}) {
      for (ParquetColumnReader& reader : *readers) ORTHANT_TRY(reader.skip(count));
    }
    next_ += count;
    return {};
  }

 private:
  explicit ParquetFile(InputFile file) : file_(std::move(file)) {}

  // A column may serve twice, so each use has a reader of its own.
  void make_readers() {
    const auto add = [this](std::size_t column, std::vector<ParquetColumnReader>& readers) {
      readers.emplace_back(file_, format_, format_.columns[column]);
    };
    for (const std::size_t column : chosen_.payload) add(column, payload_readers_);
    if (chosen_.id) add(*chosen_.id, id_reader_);
    if (chosen_.vector) add(*chosen_.vector, vector_reader_);
    if (chosen_.text) add(*chosen_.text, text_reader_);
  }

  Status find_info(const VectorFileOptions& options) {
    info_.rows = format_.rows;
    info_.has_ids = chosen_.id.has_value();
    if (!chosen_.vector) return {};
    const ParquetColumn& column = format_.columns[*chosen_.vector];
    const std::size_t length = ORTHANT_TRY(first_length(column));
    info_.dim = length;
    if (options.codes && *options.codes != VectorForm::kFloat32) {
      if (column.meaning == ParquetMeaning::kFloat) {
        return file_.refused(fmt::format("column `{}` holds floats, ready codes are 8-bit integers", column.name));
      }
      info_.form = *options.codes;
      if (info_.form == VectorForm::kUbinary) info_.dim = length * 8;
    }
    code_values_ = length;
    if (info_.dim >= 1 && info_.dim <= kMaxDim) return {};
    return file_.refused(fmt::format("column `{}`: {} dimensions, expected 1 to {}", column.name, info_.dim, kMaxDim));
  }

  // Of the first vector that is there.
  Result<std::size_t> first_length(const ParquetColumn& column) const {
    ParquetColumnReader reader(file_, format_, column);
    for (std::uint64_t done = 0; done < format_.rows;) {
      const std::uint64_t count = std::min(done == 0 ? 1 : kRowsLookedAt, format_.rows - done);
      const ColumnRows rows = ORTHANT_TRY(reader.read(count));
      for (const std::uint32_t length : rows.lengths) {
        if (length > 0) return length;
      }
      done += count;
    }
    return file_.refused(fmt::format("column `{}` holds no vector", column.name));
  }

  Result<ColumnRows> read_column(ParquetColumnReader& reader, std::size_t rows) const {
    ColumnRows read = ORTHANT_TRY(reader.read(rows));
    if (read.rows.size() == rows) return read;
    return file_.damaged(fmt::format("{} rows, expected {}", read.rows.size(), rows));
  }

  Status read_payloads(VectorRows& out) {
    std::vector<ColumnRows> columns;
    std::vector<ColumnJson> cursors;
    columns.reserve(chosen_.payload.size());
    for (std::size_t i = 0; i < chosen_.payload.size(); ++i) {
      columns.push_back(ORTHANT_TRY(read_column(payload_readers_[i], out.rows)));
      cursors.emplace_back(format_.columns[chosen_.payload[i]], columns.back());
    }
    for (std::size_t row = 0; row < out.rows; ++row) {
      std::string whole;  // the column `payload`, where it is JSON
      out.payloads[row].clear();
      JsonWriter json(out.payloads[row]);
      json.begin_object();
      for (std::size_t i = 0; i < cursors.size(); ++i) {
        const ParquetColumn& column = format_.columns[chosen_.payload[i]];
        const bool is_whole = column.meaning == ParquetMeaning::kJson && column.name == "payload" && !column.is_list;
        JsonWriter apart(whole);
        const Status written = cursors[i].write_next(is_whole ? apart : json.key(column.name));
        if (written) continue;
        out.errors.push_back({row, written.error().message});
        if (!is_whole) json.null();
      }
      json.end_object();
      if (!whole.empty() && whole != "null") merge_whole(whole, row, out);
    }
    return {};
  }

  // The members of `whole` stand before the others.
  static void merge_whole(const std::string& whole, std::size_t row, VectorRows& out) {
    if (!whole.starts_with('{')) {
      out.errors.push_back({row, "column `payload`: not a JSON object"});
      return;
    }
    std::string& payload = out.payloads[row];
    if (payload == "{}") {
      payload = whole;
      return;
    }
    const bool empty = whole.find_first_not_of(" \t\r\n", 1) == whole.size() - 1;
    if (!empty) payload = whole.substr(0, whole.size() - 1) + ',' + payload.substr(1);
  }

  Status read_vectors(VectorRows& out) {
    const ParquetColumn& column = format_.columns[*chosen_.vector];
    const ColumnRows rows = ORTHANT_TRY(read_column(vector_reader_.front(), out.rows));
    std::size_t value = 0;
    std::size_t element = 0;
    for (std::size_t row = 0; row < out.rows; ++row) {
      const std::uint32_t length = rows.lengths[row];
      const auto first = rows.is_value.begin() + static_cast<std::ptrdiff_t>(element);
      const auto values = static_cast<std::size_t>(std::count(first, first + length, std::uint8_t{1}));
      element += length;
      if (values != length || length != code_values_) {
        const bool null = rows.rows[row] == ColumnRows::State::kNull;
        out.errors.push_back({row, null ? fmt::format("column `{}` is null", column.name)
                                        : fmt::format("column `{}`: {} values, expected {}", column.name, values, code_values_)});
        append_missing(out);
      } else {
        append_vector(rows, value, row, out);
      }
      value += values;
    }
    return {};
  }

  void append_missing(VectorRows& out) const {
    if (info_.form == VectorForm::kFloat32) {
      out.floats.resize(out.floats.size() + info_.dim);
    } else {
      out.codes.resize(out.codes.size() + code_values_);
    }
  }

  void append_vector(const ColumnRows& rows, std::size_t value, std::size_t row, VectorRows& out) const {
    const auto from = static_cast<std::ptrdiff_t>(value);
    const auto count = static_cast<std::ptrdiff_t>(code_values_);
    if (!rows.floats.empty()) {
      out.floats.insert(out.floats.end(), rows.floats.begin() + from, rows.floats.begin() + from + count);
      return;
    }
    if (!rows.doubles.empty()) {
      for (std::size_t i = value; i < value + code_values_; ++i) out.floats.push_back(static_cast<float>(rows.doubles[i]));
      return;
    }
    const std::int64_t least = info_.form == VectorForm::kUbinary ? 0 : -128;
    const std::int64_t most = info_.form == VectorForm::kUbinary ? 255 : 127;
    bool in_range = true;
    for (std::size_t i = value; i < value + code_values_; ++i) {
      const std::int64_t number = rows.integers[i];
      if (info_.form == VectorForm::kFloat32) {
        out.floats.push_back(static_cast<float>(number));
      } else {
        in_range = in_range && number >= least && number <= most;
        out.codes.push_back(static_cast<std::uint8_t>(number));
      }
    }
    if (!in_range) out.errors.push_back({row, fmt::format("codes are from {} to {}", least, most)});
  }

  Status read_ids(VectorRows& out) {
    const ParquetColumn& column = format_.columns[*chosen_.id];
    const ColumnRows rows = ORTHANT_TRY(read_column(id_reader_.front(), out.rows));
    std::size_t value = 0;
    for (std::size_t row = 0; row < out.rows; ++row) {
      out.ids.emplace_back();
      if (rows.rows[row] == ColumnRows::State::kNull) {
        out.errors.push_back({row, fmt::format("column `{}` is null", column.name)});
        continue;
      }
      const std::size_t at = value++;
      const Result<PointId> id = id_of(column, rows, at, out.payloads[row]);
      if (!id) out.errors.push_back({row, id.error().message});
      out.ids.back() = id.value_or(PointId());
    }
    return {};
  }

  static Result<PointId> id_of(const ParquetColumn& column, const ColumnRows& rows, std::size_t at, std::string& payload) {
    if (column.meaning == ParquetMeaning::kUnsigned) {
      const auto value = static_cast<std::uint64_t>(rows.integers[at]);
      return PointId::number(column.type == ParquetType::kInt32 ? value & 0xffffffff : value);
    }
    if (column.meaning == ParquetMeaning::kSigned) return id_of_integer(rows.integers[at]);
    const std::string text = column.meaning == ParquetMeaning::kUuid ? uuid_text(rows.texts[at]) : rows.texts[at];
    if (text.empty()) return invalid_argument("the id is empty");
    const MappedId mapped = map_id(text);
    if (mapped.from_name) add_original_id(text, payload);
    return mapped.id;
  }

  Status read_texts(VectorRows& out) {
    const ColumnRows rows = ORTHANT_TRY(read_column(text_reader_.front(), out.rows));
    std::size_t value = 0;
    for (std::size_t row = 0; row < out.rows; ++row) {
      const bool present = rows.rows[row] == ColumnRows::State::kPresent;
      out.texts.push_back(present ? rows.texts[value++] : "");
    }
    return {};
  }

  InputFile file_;
  ParquetFormat format_;
  ChosenColumns chosen_;
  VectorFileInfo info_;
  std::size_t code_values_ = 0;  // elements of a vector's list
  std::vector<ParquetColumnReader> payload_readers_;
  std::vector<ParquetColumnReader> id_reader_;  // one, or none; so the next two
  std::vector<ParquetColumnReader> vector_reader_;
  std::vector<ParquetColumnReader> text_reader_;
  std::uint64_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<VectorFile>> open_parquet_file(const std::filesystem::path& path, const VectorFileOptions& options) {
  return ParquetFile::open(path, options);
}

}  // namespace orthant
