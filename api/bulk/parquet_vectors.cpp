#include "api/bulk/parquet_vectors.h"

#include <algorithm>

#include <fmt/format.h>

namespace orthant::bulk {
namespace {

bool is_number(const ParquetColumn& column) {
  return column.meaning == ParquetMeaning::kFloat || column.meaning == ParquetMeaning::kSigned ||
         column.meaning == ParquetMeaning::kUnsigned;
}
bool is_numbers(const ParquetColumn& column) {
  return column.problem.empty() && column.is_list && is_number(column);
}
bool is_integers(const ParquetColumn& column) {
  return is_numbers(column) && column.meaning != ParquetMeaning::kFloat;
}
bool is_text(const ParquetColumn& column) {
  const bool bytes = column.meaning == ParquetMeaning::kBytes && column.type == ParquetType::kByteArray;
  return column.problem.empty() && !column.is_list && (column.meaning == ParquetMeaning::kText || bytes);
}

// Of a group, or null.
const ParquetColumn* member(const ParquetColumn& column, std::string_view name) {
  const auto found = std::ranges::find(column.members, name, &ParquetColumn::name);
  return found == column.members.end() ? nullptr : &*found;
}

ColumnShape shape_of(const ParquetColumn& column) {
  if (is_numbers(column)) return ColumnShape::kNumbers;
  if (column.is_list_of_lists) return ColumnShape::kLists;
  const ParquetColumn* const indices = member(column, "indices");
  const ParquetColumn* const values = member(column, "values");
  const bool sparse = indices != nullptr && values != nullptr && is_integers(*indices) && is_numbers(*values);
  return sparse ? ColumnShape::kSparse : ColumnShape::kOther;
}

ColumnFacts facts_of(const ParquetColumn& column) {
  const bool integer = column.meaning == ParquetMeaning::kSigned || column.meaning == ParquetMeaning::kUnsigned;
  const bool plain = column.problem.empty() && !column.is_list;
  return {.name = column.name,
          .problem = column.problem,
          .shape = shape_of(column),
          .is_id = is_text(column) || (plain && (integer || column.meaning == ParquetMeaning::kUuid)),
          .is_text = is_text(column),
          .is_integers = is_integers(column)};
}

// Walks along the rows of a column of lists of numbers, or of lists of such lists.
class ListCursor {
 public:
  ListCursor(const ParquetColumn& column, const ColumnRows& rows) : column_(column), rows_(rows) {}

  // Adds the numbers of the next row, as integers or as floats. Nothing: it is null. invalid_argument: a number is.
  Result<bool> next(bool as_integers, RowNumbers& out) {
    const std::size_t row = row_++;
    if (rows_.rows[row] == ColumnRows::State::kNull) return false;
    std::size_t elements = rows_.lengths[row];
    if (column_.is_list_of_lists) {
      const auto first = rows_.inner_lengths.begin() + static_cast<std::ptrdiff_t>(list_);
      list_ += elements;
      out.lengths.assign(first, first + static_cast<std::ptrdiff_t>(elements));
      elements = 0;
      for (const std::uint32_t length : out.lengths) elements += length;
    }
    const auto first = rows_.is_value.begin() + static_cast<std::ptrdiff_t>(element_);
    const auto values = static_cast<std::size_t>(std::count(first, first + static_cast<std::ptrdiff_t>(elements), std::uint8_t{1}));
    const std::size_t from = std::exchange(value_, value_ + values);
    element_ += elements;
    if (values != elements) return invalid_argument("a number of the vector is null");
    if (as_integers) {
      for (std::size_t i = from; i < value_; ++i) out.integers.push_back(integer(i));
    } else {
      append_floats(from, out.floats);
    }
    return true;
  }

 private:
  // Unsigned numbers of 32 bits stand with their sign bit spread.
  std::int64_t integer(std::size_t i) const {
    const bool narrow = column_.meaning == ParquetMeaning::kUnsigned && column_.type == ParquetType::kInt32;
    return narrow ? rows_.integers[i] & 0xffffffff : rows_.integers[i];
  }

  void append_floats(std::size_t from, std::vector<float>& floats) const {
    const auto first = static_cast<std::ptrdiff_t>(from);
    const auto last = static_cast<std::ptrdiff_t>(value_);
    if (!rows_.floats.empty()) {
      floats.insert(floats.end(), rows_.floats.begin() + first, rows_.floats.begin() + last);
    } else if (!rows_.doubles.empty()) {
      for (std::size_t i = from; i < value_; ++i) floats.push_back(static_cast<float>(rows_.doubles[i]));
    } else {
      const bool is_unsigned = column_.meaning == ParquetMeaning::kUnsigned;
      for (std::size_t i = from; i < value_; ++i) {
        floats.push_back(is_unsigned ? static_cast<float>(static_cast<std::uint64_t>(integer(i))) : static_cast<float>(integer(i)));
      }
    }
  }

  const ParquetColumn& column_;
  const ColumnRows& rows_;
  std::size_t row_ = 0;
  std::size_t list_ = 0;
  std::size_t element_ = 0;
  std::size_t value_ = 0;
};

void add(const ChosenVector& chosen, const std::string& column, Result<RowNumbers> numbers, ParquetVectors::Row& row) {
  Result<VectorInput> vector = std::vector<float>();
  if (numbers) {
    vector = vector_of(chosen.target, std::move(*numbers));
  } else {
    vector = std::unexpected(numbers.error());
  }
  if (vector) {
    row.vectors.emplace_back(chosen.vector, std::move(*vector));
  } else if (row.error.empty()) {
    row.error = fmt::format("column `{}`: {}", column, vector.error().message);
  }
}

}  // namespace

Result<std::unique_ptr<ParquetVectors>> ParquetVectors::open(const std::filesystem::path& path) {
  auto file = std::unique_ptr<ParquetVectors>(new ParquetVectors(ORTHANT_TRY(InputFile::open(path))));
  file->format_ = ORTHANT_TRY(read_parquet_format(file->file_));
  return file;
}

std::vector<ColumnFacts> ParquetVectors::columns() const {
  std::vector<ColumnFacts> facts;
  for (const ParquetColumn& column : format_.columns) facts.push_back(facts_of(column));
  return facts;
}

void ParquetVectors::choose(const ChosenColumns& chosen) {
  vectors_ = chosen.vectors;
  for (const ChosenVector& vector : vectors_) {
    const ParquetColumn& column = format_.columns[vector.column];
    std::vector<ParquetColumnReader>& readers = readers_.emplace_back();
    if (vector.target.kind == VectorKind::kSparse) {
      for (const char* name : {"indices", "values"}) readers.emplace_back(file_, format_, *member(column, name));
    } else {
      readers.emplace_back(file_, format_, column);
    }
  }
  for (const auto& place : {chosen.title, chosen.text}) {
    if (place) texts_.emplace_back(file_, format_, format_.columns[*place]);
  }
}

Result<ColumnRows> ParquetVectors::read_column(ParquetColumnReader& reader, std::size_t rows) const {
  ColumnRows read = ORTHANT_TRY(reader.read(rows));
  if (read.rows.size() == rows) return read;
  return file_.damaged(fmt::format("{} rows, expected {}", read.rows.size(), rows));
}

Status ParquetVectors::read_vector(std::size_t place, std::vector<Row>& rows) {
  const ChosenVector& chosen = vectors_[place];
  const ParquetColumn& column = format_.columns[chosen.column];
  const ColumnRows read = ORTHANT_TRY(read_column(readers_[place].front(), rows.size()));
  ListCursor cursor(column, read);
  const bool codes = chosen.target.kind == VectorKind::kDense && chosen.target.form != VectorForm::kFloat32;
  for (Row& row : rows) {
    RowNumbers numbers;
    const Result<bool> present = cursor.next(codes, numbers);
    if (!present) {
      add(chosen, column.name, std::unexpected(present.error()), row);
    } else if (*present) {
      add(chosen, column.name, std::move(numbers), row);
    }
  }
  return {};
}

Status ParquetVectors::read_sparse(std::size_t place, std::vector<Row>& rows) {
  const ChosenVector& chosen = vectors_[place];
  const ParquetColumn& column = format_.columns[chosen.column];
  const ColumnRows indices = ORTHANT_TRY(read_column(readers_[place][0], rows.size()));
  const ColumnRows values = ORTHANT_TRY(read_column(readers_[place][1], rows.size()));
  ListCursor index_cursor(*member(column, "indices"), indices);
  ListCursor value_cursor(*member(column, "values"), values);
  for (Row& row : rows) {
    RowNumbers numbers;
    const Result<bool> has_indices = index_cursor.next(true, numbers);
    const Result<bool> has_values = value_cursor.next(false, numbers);
    if (!has_indices || !has_values) {
      add(chosen, column.name, std::unexpected(has_indices ? has_values.error() : has_indices.error()), row);
    } else if (*has_indices != *has_values) {
      add(chosen, column.name, invalid_argument(fmt::format("`{}` is null", *has_indices ? "values" : "indices")), row);
    } else if (*has_indices) {
      add(chosen, column.name, std::move(numbers), row);
    }
  }
  return {};
}

Status ParquetVectors::read_text(ParquetColumnReader& reader, std::vector<Row>& rows) const {
  const ColumnRows read = ORTHANT_TRY(read_column(reader, rows.size()));
  std::size_t value = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (read.rows[i] != ColumnRows::State::kPresent) continue;
    if (!rows[i].text.empty()) rows[i].text += ' ';
    rows[i].text += read.texts[value++];
  }
  return {};
}

Result<std::vector<ParquetVectors::Row>> ParquetVectors::read(std::size_t count) {
  std::vector<Row> rows(count);
  for (std::size_t place = 0; place < vectors_.size(); ++place) {
    const bool sparse = vectors_[place].target.kind == VectorKind::kSparse;
    ORTHANT_TRY(sparse ? read_sparse(place, rows) : read_vector(place, rows));
  }
  for (ParquetColumnReader& reader : texts_) ORTHANT_TRY(read_text(reader, rows));
  return rows;
}

}  // namespace orthant::bulk
