// Arrow and Parquet bodies against files that pyarrow and Polars made (scripts/make_bulk_golden.py), in pieces of any size, and
// damaged ones: an error or points, never more.

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include "api/bulk/arrow_reader.h"
#include "api/bulk/column_choice.h"
#include "api/bulk/parquet_body.h"
#include "api/json/json_reader.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant::bulk {
namespace {

std::string read_golden(const std::string& name) {
  std::ifstream file(std::string(ORTHANT_SOURCE_DIR) + "/tests/api/bulk/golden/" + name, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

ColumnMapping mapping() {
  ColumnMapping mapping;
  mapping.targets = {{"", {}}, {"other", {}}};
  return mapping;
}

std::unique_ptr<PointReader> reader_for(const std::string& name, ColumnMapping columns, const std::filesystem::path& directory) {
  if (name.ends_with(".parquet")) return std::make_unique<ParquetBody>(ContentCoding::kIdentity, std::move(columns), directory);
  return std::make_unique<ArrowReader>(ContentCoding::kIdentity, std::move(columns));
}

struct Read {
  std::vector<PointInput> points;
  std::vector<LineError> errors;
  std::uint64_t last_line = 0;
  Status status;
};

void take(DocumentBatch& batch, Read& read) {
  std::ranges::move(batch.points, std::back_inserter(read.points));
  std::ranges::move(batch.errors, std::back_inserter(read.errors));
  read.last_line = std::max(read.last_line, batch.last_line);
  batch = {};
}

// As an upload does it, with pieces of random sizes.
Read read_all(PointReader& reader, const std::string& bytes, std::mt19937_64& random) {
  Read read;
  DocumentBatch batch;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t count = std::min<std::size_t>(bytes.size() - begin, 1 + random() % (random() % 4 == 0 ? 7 : 5000));
    reader.feed(std::string_view(bytes).substr(begin, count));
    begin += count;
    for (Result<PointReader::Progress> progress = PointReader::Progress::kPaused;
         progress && *progress == PointReader::Progress::kPaused;) {
      progress = reader.read(batch);
      take(batch, read);
      if (!progress) {
        read.status = std::unexpected(progress.error());
        return read;
      }
    }
  }
  for (bool more = true; more && read.status;) {
    read.status = reader.finish(batch);
    more = batch.full();
    take(batch, read);
  }
  return read;
}

// Members that are null stand for those that are absent.
bool same(JsonValue left, JsonValue right) {
  if (left.is_object() && right.is_object()) {
    const auto held = [](JsonValue one, JsonValue other) {
      for (const JsonValue member : one.items()) {
        if (member.is_null()) continue;
        const auto found = other.find(member.key());
        if (!found || !same(member, *found)) return false;
      }
      return true;
    };
    return held(left, right) && held(right, left);
  }
  if (left.is_array() && right.is_array()) {
    if (left.size() != right.size()) return false;
    std::vector<JsonValue> others;
    for (const JsonValue element : right.items()) others.push_back(element);
    std::size_t i = 0;
    for (const JsonValue element : left.items()) {
      if (!same(element, others[i++])) return false;
    }
    return true;
  }
  if (left.is_string() && right.is_string()) return left.as_string().value() == right.as_string().value();
  if (left.is_integer() && right.is_integer()) return left.raw() == right.raw();
  const auto a = left.as_double();
  const auto b = right.as_double();
  if (a && b) return *a == *b;
  return left.raw() == right.raw();
}

void check(const Read& read, double tolerance) {
  ASSERT_TRUE(read.status.has_value()) << read.status.error().message;
  ASSERT_TRUE(read.errors.empty()) << read.errors.front().reason;
  const auto expected = JsonDocument::parse(read_golden("expected.json")).value();
  ASSERT_EQ(read.points.size(), expected.root().size());
  EXPECT_EQ(read.last_line, read.points.size());
  std::size_t row = 0;
  for (const JsonValue wanted : expected.root().items()) {
    const PointInput& point = read.points[row++];
    EXPECT_EQ(point.id, PointId::number(wanted.find("id")->as_uint().value()));
    ASSERT_EQ(point.vectors.size(), 1U);
    EXPECT_EQ(point.vectors.front().first, "");
    const auto& vector = std::get<std::vector<float>>(point.vectors.front().second);
    std::size_t i = 0;
    ASSERT_EQ(vector.size(), wanted.find("vector")->size());
    for (const JsonValue number : wanted.find("vector")->items()) ASSERT_NEAR(vector[i++], number.as_double().value(), tolerance);
    const auto payload = JsonDocument::parse(point.payload).value();
    ASSERT_TRUE(same(payload.root(), *wanted.find("payload")))
        << "row " << row << ": " << point.payload << "\nexpected " << wanted.find("payload")->raw();
  }
}

constexpr const char* kBodies[] = {"plain.arrows", "lz4.arrows",    "zstd.arrows",  "half.arrows",
                                   "file.arrow",   "polars.arrows", "polars.arrow", "plain.parquet"};

TEST(ColumnBodies, HoldWhatPyarrowAndPolarsWrote) {
  std::mt19937_64 random(test::random_seed());
  const test::TemporaryDirectory directory;
  for (const std::string name : kBodies) {
    SCOPED_TRACE(name);
    const auto reader = reader_for(name, mapping(), directory.path());
    check(read_all(*reader, read_golden(name), random), name == "half.arrows" ? 2e-3 : 1e-6);
  }
}

constexpr const char* kSeveral[] = {"several.arrows", "several_wide.arrows", "several.parquet", "several_v2.parquet"};

// A collection with a vector of each kind, called as the columns are.
ColumnMapping several() {
  ColumnMapping mapping;
  mapping.targets = {{"image", {}},
                     {"codes", {.form = VectorForm::kInt8}},
                     {"tokens", {.kind = VectorKind::kMulti}},
                     {"words", {.kind = VectorKind::kSparse}}};
  return mapping;
}

const VectorInput* vector_named(const PointInput& point, std::string_view name) {
  const auto found = std::ranges::find(point.vectors, name, [](const auto& each) { return std::string_view(each.first); });
  return found == point.vectors.end() ? nullptr : &found->second;
}

std::vector<float> floats_of(JsonValue list) {
  std::vector<float> floats;
  for (const JsonValue number : list.items()) floats.push_back(static_cast<float>(number.as_double().value()));
  return floats;
}

void check_several(const PointInput& point, JsonValue wanted) {
  const auto check_one = [&](const char* name, auto compare) {
    const VectorInput* const vector = vector_named(point, name);
    const std::optional<JsonValue> value = wanted.find(name);  // nothing where it is null
    ASSERT_EQ(vector != nullptr, value.has_value()) << name;
    if (value) compare(*vector, *value);
  };
  check_one("image",
            [](const VectorInput& vector, JsonValue value) { EXPECT_EQ(std::get<std::vector<float>>(vector), floats_of(value)); });
  check_one("codes", [](const VectorInput& vector, JsonValue value) {
    std::vector<std::uint8_t> codes;
    for (const JsonValue number : value.items()) codes.push_back(static_cast<std::uint8_t>(number.as_double().value() + 256));
    EXPECT_EQ(std::get<CodeInput>(vector).bytes.size(), codes.size());
    for (std::size_t i = 0; i < codes.size(); ++i) EXPECT_EQ(std::get<CodeInput>(vector).bytes[i], codes[i]);
  });
  check_one("tokens", [](const VectorInput& vector, JsonValue value) {
    const auto& multi = std::get<MultiVector>(vector);
    ASSERT_EQ(multi.rows(), value.size());
    std::size_t row = 0;
    for (const JsonValue wanted_row : value.items()) {
      const auto floats = multi.row(row++);
      EXPECT_EQ(std::vector<float>(floats.begin(), floats.end()), floats_of(wanted_row));
    }
  });
  check_one("words", [](const VectorInput& vector, JsonValue value) {
    const auto& sparse = std::get<SparseVector>(vector);
    EXPECT_EQ(sparse.values, floats_of(*value.find("values")));
    std::vector<std::uint32_t> indices;
    for (const JsonValue index : value.find("indices")->items())
      indices.push_back(static_cast<std::uint32_t>(index.as_uint().value()));
    EXPECT_EQ(sparse.indices, indices);
  });
}

TEST(ColumnBodies, FillVectorsOfEveryKindByTheNamesOfTheColumns) {
  std::mt19937_64 random(test::random_seed());
  const test::TemporaryDirectory directory;
  const auto expected = JsonDocument::parse(read_golden("several.json")).value();
  for (const std::string name : kSeveral) {
    SCOPED_TRACE(name);
    const auto reader = reader_for(name, several(), directory.path());
    const Read read = read_all(*reader, read_golden(name), random);
    ASSERT_TRUE(read.status.has_value()) << read.status.error().message;
    ASSERT_TRUE(read.errors.empty()) << read.errors.front().reason;
    ASSERT_EQ(read.points.size(), expected.root().size());
    std::size_t row = 0;
    for (const JsonValue wanted : expected.root().items()) {
      SCOPED_TRACE(row);
      const PointInput& point = read.points[row++];
      EXPECT_EQ(point.id, PointId::number(wanted.find("id")->as_uint().value()));
      EXPECT_TRUE(same(JsonDocument::parse(point.payload).value().root(), *wanted.find("payload"))) << point.payload;
      check_several(point, wanted);
    }
  }
}

TEST(ColumnBodies, SayWhichColumnDoesNotFitItsVector) {
  std::mt19937_64 random(1);
  const test::TemporaryDirectory directory;
  for (const std::string name : {"several.arrows", "several.parquet"}) {
    SCOPED_TRACE(name);
    const auto message = [&](auto change) {
      ColumnMapping columns = several();
      change(columns);
      const auto reader = reader_for(name, std::move(columns), directory.path());
      const Read read = read_all(*reader, read_golden(name), random);
      return read.status ? std::string() : read.status.error().message;
    };
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.vectors = {{"tokens", "image"}}; }),
              "column `tokens`: a vector is a list of numbers");
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.vectors = {{"image", "tokens"}}; }),
              "column `image`: a multivector is a list of lists of numbers");
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.vectors = {{"image", "words"}}; }),
              "column `image`: a sparse vector is a struct with the lists `indices` (integers) and `values` (numbers)");
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.vectors = {{"image", "codes"}}; }),
              "column `image`: a vector of codes is a list of 8-bit integers");
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.vectors = {{"image", "image"}, {"codes", "image"}}; }),
              "vector_columns: two columns are for vector `image`");
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.targets["note"] = {}; }), "");  // texts that are called as a vector
    EXPECT_EQ(message([](ColumnMapping& columns) {
                columns.targets["words"] = {};
                columns.payload = {"note"};
              }),
              "column `words`: a vector is a list of numbers");
    EXPECT_EQ(message([](ColumnMapping& columns) { columns.text = "note"; }),
              "text_column: the collection has several vectors, ?vector= names the one for texts");
  }
}

TEST(ColumnBodies, RowsWhoseNumbersMakeNoVectorAreErrorsOfTheirOwn) {
  const VectorTarget sparse{.kind = VectorKind::kSparse};
  const auto message = [](VectorTarget target, RowNumbers numbers) {
    const auto vector = vector_of(target, std::move(numbers));
    return vector ? std::string() : vector.error().message;
  };
  EXPECT_EQ(message(sparse, {.floats = {1}, .integers = {3, 4}, .lengths = {}}), "2 indices and 1 values");
  EXPECT_EQ(message(sparse, {.floats = {1, 2}, .integers = {4, 4}, .lengths = {}}), "index 4 stands twice");
  EXPECT_EQ(message(sparse, {.floats = {1}, .integers = {-1}, .lengths = {}}), "index -1 is no u32");
  EXPECT_EQ(message(sparse, {.floats = {1}, .integers = {std::int64_t{1} << 32}, .lengths = {}}), "index 4294967296 is no u32");
  const VectorTarget multi{.kind = VectorKind::kMulti};
  EXPECT_EQ(message(multi, {}), "the multivector has no rows");
  EXPECT_EQ(message(multi, {.floats = {1, 2, 3}, .integers = {}, .lengths = {2, 1}}),
            "rows of 2 and of 1 numbers in one multivector");
  EXPECT_EQ(message(multi, {.floats = {}, .integers = {}, .lengths = {0}}), "a row of the multivector is empty");
  EXPECT_EQ(message({.form = VectorForm::kInt8}, {.floats = {}, .integers = {-129}, .lengths = {}}),
            "code -129 is not from -128 to 127");
  EXPECT_EQ(message({.form = VectorForm::kUbinary}, {.floats = {}, .integers = {-1}, .lengths = {}}),
            "code -1 is not from 0 to 255");
}

TEST(ColumnBodies, ColumnsGoWhereTheMappingSays) {
  std::mt19937_64 random(1);
  ColumnMapping columns = mapping();
  columns.id = "big";
  columns.text = "kind";
  columns.vectors = {{"vector", "other"}};
  columns.payload = {"n", "flag"};
  ArrowReader reader(ContentCoding::kIdentity, columns);
  const Read read = read_all(reader, read_golden("plain.arrows"), random);
  ASSERT_TRUE(read.status.has_value());
  ASSERT_EQ(read.points.size(), 40U);
  const PointInput& point = read.points[1];
  EXPECT_EQ(point.id, PointId::number((std::uint64_t{1} << 63) + 1));
  ASSERT_EQ(point.vectors.size(), 2U);
  EXPECT_EQ(point.vectors[0].first, "other");
  EXPECT_EQ(std::get<TextInput>(point.vectors[1].second).text, "a");
  EXPECT_EQ(point.payload, R"({"n":-19,"flag":false})");
}

TEST(ColumnBodies, SayWhichColumnIsMissingOrOfNoUse) {
  std::mt19937_64 random(1);
  const test::TemporaryDirectory directory;
  const auto message = [&](const std::string& name, auto change) {
    ColumnMapping columns = mapping();
    change(columns);
    const auto reader = reader_for(name, std::move(columns), directory.path());
    const Read read = read_all(*reader, read_golden(name), random);
    return read.status ? std::string() : read.status.error().message;
  };
  EXPECT_EQ(message("plain.arrows", [](ColumnMapping& columns) { columns.id = "x"; }), "id_column: there is no column `x`");
  EXPECT_EQ(message("plain.arrows", [](ColumnMapping& columns) { columns.id = "flag"; }),
            "column `flag`: ids are integers or texts");
  EXPECT_EQ(message("plain.arrows", [](ColumnMapping& columns) { columns.text = "n"; }), "column `n`: is no text");
  EXPECT_EQ(message("plain.arrows", [](ColumnMapping& columns) { columns.vectors["n"] = ""; }),
            "column `n`: a vector is a list of numbers");
  EXPECT_EQ(message("plain.arrows", [](ColumnMapping& columns) { columns.vectors["vector"] = "z"; }),
            "Not existing vector name error: z");
  EXPECT_EQ(message("plain.arrows", [](ColumnMapping& columns) { columns.payload = {"q"}; }),
            "payload_columns: there is no column `q`");
  EXPECT_NE(message("plain.parquet", [](ColumnMapping& columns) { columns.id = "x"; }), "");
  ArrowReader no_arrow(ContentCoding::kIdentity, mapping());
  EXPECT_FALSE(read_all(no_arrow, "{\"id\": 1}\n{\"id\": 2}\n", random).status.has_value());
}

TEST(ColumnBodies, ACutBodyIsAnErrorAfterTheRowsThatAreWhole) {
  std::mt19937_64 random(test::random_seed());
  const test::TemporaryDirectory directory;
  const std::string bytes = read_golden("plain.arrows");
  for (int attempt = 0; attempt < 60; ++attempt) {
    const std::size_t length = random() % (bytes.size() - 16);
    ArrowReader reader(ContentCoding::kIdentity, mapping());
    const Read read = read_all(reader, bytes.substr(0, length), random);
    // Three batches of 17, 17 and 6 rows; a stream may end behind any of them.
    EXPECT_TRUE(read.points.size() == 0 || read.points.size() == 17 || read.points.size() == 34 || read.points.size() == 40)
        << read.points.size();
    if (read.status) {
      EXPECT_TRUE(read.points.size() == 0 || read.points.size() >= 17);
    }
  }
  const std::string parquet = read_golden("plain.parquet");
  ParquetBody cut(ContentCoding::kIdentity, mapping(), directory.path());
  EXPECT_FALSE(read_all(cut, parquet.substr(0, parquet.size() - 5), random).status.has_value());
}

TEST(ColumnBodies, DamagedOnesGiveAnErrorOrPoints) {
  std::mt19937_64 random(test::random_seed());
  const test::TemporaryDirectory directory;
  std::size_t errors = 0;
  std::vector<std::string> names(std::begin(kBodies), std::end(kBodies));
  names.insert(names.end(), std::begin(kSeveral), std::end(kSeveral));
  for (const std::string& name : names) {
    const std::string good = read_golden(name);
    for (int attempt = 0; attempt < 250; ++attempt) {
      std::string bytes = good;
      for (std::uint64_t change = 1 + random() % 6; change > 0; --change) {
        const std::size_t place = random() % bytes.size();
        switch (random() % 4) {
          case 0: bytes[place] = static_cast<char>(random()); break;
          case 1: bytes[place] = static_cast<char>(random() % 2 == 0 ? 0xff : 0); break;
          case 2: bytes.erase(place, 1 + random() % 16); break;
          default: bytes.insert(place, bytes.substr(random() % bytes.size(), random() % 64)); break;
        }
        if (bytes.empty()) bytes = "x";
      }
      const auto reader = reader_for(name, name.starts_with("several") ? several() : mapping(), directory.path());
      const Read read = read_all(*reader, bytes, random);
      errors += read.status ? 0 : 1;
      EXPECT_LE(read.points.size() + read.errors.size(), 100'000U);
    }
  }
  EXPECT_GT(errors, 100U);
}

}  // namespace
}  // namespace orthant::bulk
