#include "api/bulk/column_choice.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include <fmt/format.h>

namespace orthant::bulk {
namespace {

std::unexpected<Error> no_column(std::string_view parameter, std::string_view name) {
  return invalid_argument(fmt::format("{}: there is no column `{}`", parameter, name));
}
std::unexpected<Error> bad_column(const ColumnFacts& column, std::string_view what) {
  return invalid_argument(fmt::format("column `{}`: {}", column.name, what));
}

ColumnShape shape_for(VectorTarget target) {
  switch (target.kind) {
    case VectorKind::kSparse: return ColumnShape::kSparse;
    case VectorKind::kMulti: return ColumnShape::kLists;
    default: return ColumnShape::kNumbers;
  }
}

bool fits(const ColumnFacts& column, VectorTarget target) {
  return column.shape == shape_for(target) && (target.form == VectorForm::kFloat32 || column.is_integers);
}

std::string_view expected_of(VectorTarget target) {
  switch (target.kind) {
    case VectorKind::kSparse: return "a sparse vector is a struct with the lists `indices` (integers) and `values` (numbers)";
    case VectorKind::kMulti: return "a multivector is a list of lists of numbers";
    default: break;
  }
  return target.form == VectorForm::kFloat32 ? "a vector is a list of numbers" : "a vector of codes is a list of 8-bit integers";
}

// Chooses what the request names and, beside that, what speaks for itself.
class Chooser {
 public:
  Chooser(const ColumnMapping& mapping, std::span<const ColumnFacts> columns) : mapping_(mapping), columns_(columns) {}

  Result<ChosenColumns> choose() {
    ORTHANT_TRY(choose_id());
    ORTHANT_TRY(choose_vectors());
    ORTHANT_TRY(choose_text());
    ORTHANT_TRY(choose_payload());
    return std::move(chosen_);
  }

 private:
  std::optional<std::size_t> find(std::string_view name) const {
    const auto found = std::ranges::find(columns_, name, &ColumnFacts::name);
    if (found == columns_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - columns_.begin());
  }
  bool is_filled(std::string_view vector) const {
    return std::ranges::any_of(chosen_.vectors, [&](const ChosenVector& each) { return each.vector == vector; });
  }
  bool is_wanted_as_payload(const std::string& name) const { return mapping_.payload && mapping_.payload->contains(name); }

  Status choose_id() {
    std::optional<std::size_t> id = find(mapping_.id.empty() ? "id" : mapping_.id);
    if (!id && mapping_.id.empty()) id = find("_id");
    if (!id) return no_column("id_column", mapping_.id.empty() ? "id" : mapping_.id);
    if (!columns_[*id].is_id) return bad_column(columns_[*id], "ids are integers or texts");
    chosen_.id = *id;
    taken_.insert(*id);
    return {};
  }

  Status add_vector(std::size_t column, const std::string& vector) {
    const auto target = mapping_.targets.find(vector);
    if (target == mapping_.targets.end()) return invalid_argument(fmt::format("Not existing vector name error: {}", vector));
    if (!fits(columns_[column], target->second)) return bad_column(columns_[column], expected_of(target->second));
    if (is_filled(vector)) {
      return invalid_argument(fmt::format("vector_columns: two columns are for vector `{}`", vector));
    }
    chosen_.vectors.push_back({column, vector, target->second});
    taken_.insert(column);
    return {};
  }

  Status choose_vectors() {
    for (const auto& [name, vector] : mapping_.vectors) {
      const auto column = find(name);
      if (!column) return no_column("vector_columns", name);
      ORTHANT_TRY(add_vector(*column, vector));
    }
    if (!mapping_.vectors.empty()) return {};
    // By name. What holds no numbers at all is something else that is called so.
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      const ColumnFacts& facts = columns_[column];
      const bool named = !facts.name.empty() && mapping_.targets.contains(facts.name) && find(facts.name) == column;
      if (named && facts.shape != ColumnShape::kOther && !taken_.contains(column) && !is_wanted_as_payload(facts.name)) {
        ORTHANT_TRY(add_vector(column, facts.name));
      }
    }
    if (!mapping_.text.empty()) return {};  // the target's vectors are made from texts
    const auto target = mapping_.targets.find(mapping_.target_vector);
    for (const char* usual : {"vector", "embedding"}) {
      const auto column = find(usual);
      if (!column || target == mapping_.targets.end() || is_filled(target->first) || taken_.contains(*column)) continue;
      if (fits(columns_[*column], target->second)) ORTHANT_TRY(add_vector(*column, target->first));
    }
    if (chosen_.vectors.empty() && !find("text") && target != mapping_.targets.end()) return choose_only_floats(target->first);
    return {};
  }

  // The one column of lists of floats, whatever its name.
  Status choose_only_floats(const std::string& vector) {
    std::optional<std::size_t> only;
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      const ColumnFacts& facts = columns_[column];
      const bool floats = facts.shape == ColumnShape::kNumbers && !facts.is_integers && fits(facts, mapping_.targets.at(vector));
      if (!floats || taken_.contains(column) || is_wanted_as_payload(facts.name)) continue;
      if (only) return {};
      only = column;
    }
    if (only) ORTHANT_TRY(add_vector(*only, vector));
    return {};
  }

  Status choose_text() {
    const bool has_target = mapping_.targets.contains(mapping_.target_vector);
    const bool wanted = !mapping_.text.empty() || (has_target && !is_filled(mapping_.target_vector));
    if (wanted) chosen_.text = find(mapping_.text.empty() ? "text" : mapping_.text);
    if (!chosen_.text && !mapping_.text.empty()) return no_column("text_column", mapping_.text);
    if (!chosen_.text && chosen_.vectors.empty()) {
      return invalid_argument("there is neither a column of vectors nor a column `text`");
    }
    if (!chosen_.text) return {};
    if (!has_target) return invalid_argument("text_column: the collection has several vectors, ?vector= names the one for texts");
    if (!columns_[*chosen_.text].is_text) return bad_column(columns_[*chosen_.text], "is no text");
    if (is_filled(mapping_.target_vector)) {
      return invalid_argument(fmt::format("text_column: a column of vectors is for vector `{}` already", mapping_.target_vector));
    }
    taken_.insert(*chosen_.text);
    const auto title = find("title");
    if (mapping_.text.empty() && title && columns_[*title].is_text) chosen_.title = title;
    return {};
  }

  Status choose_payload() {
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      const ColumnFacts& facts = columns_[column];
      if (mapping_.payload ? !mapping_.payload->contains(facts.name) : taken_.contains(column)) continue;
      if (!facts.problem.empty()) return bad_column(facts, facts.problem + "; leave it out of payload_columns");
      chosen_.payload.push_back(column);
    }
    for (const std::string& name : mapping_.payload.value_or(std::set<std::string>())) {
      if (!find(name)) return no_column("payload_columns", name);
    }
    return {};
  }

  const ColumnMapping& mapping_;
  const std::span<const ColumnFacts> columns_;
  ChosenColumns chosen_;
  std::set<std::size_t> taken_;
};

Result<VectorInput> multi_of(RowNumbers numbers) {
  if (numbers.lengths.empty()) return invalid_argument("the multivector has no rows");
  MultiVector vector;
  vector.dim = numbers.lengths.front();
  if (vector.dim == 0) return invalid_argument("a row of the multivector is empty");
  for (const std::uint32_t length : numbers.lengths) {
    if (length != vector.dim) {
      return invalid_argument(fmt::format("rows of {} and of {} numbers in one multivector", vector.dim, length));
    }
  }
  vector.values = std::move(numbers.floats);
  return VectorInput(std::move(vector));
}

// In the order of the indices, as the engine takes them.
Result<VectorInput> sparse_of(const RowNumbers& numbers) {
  if (numbers.integers.size() != numbers.floats.size()) {
    return invalid_argument(fmt::format("{} indices and {} values", numbers.integers.size(), numbers.floats.size()));
  }
  std::vector<std::pair<std::uint32_t, float>> pairs;
  for (std::size_t i = 0; i < numbers.floats.size(); ++i) {
    const std::int64_t index = numbers.integers[i];
    if (index < 0 || index > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
      return invalid_argument(fmt::format("index {} is no u32", index));
    }
    pairs.emplace_back(static_cast<std::uint32_t>(index), numbers.floats[i]);
  }
  std::ranges::sort(pairs, {}, &std::pair<std::uint32_t, float>::first);
  SparseVector vector;
  for (const auto& [index, value] : pairs) {
    if (!vector.indices.empty() && vector.indices.back() == index) {
      return invalid_argument(fmt::format("index {} stands twice", index));
    }
    vector.indices.push_back(index);
    vector.values.push_back(value);
  }
  return VectorInput(std::move(vector));
}

Result<VectorInput> codes_of(VectorForm form, std::span<const std::int64_t> integers) {
  const std::int64_t least = form == VectorForm::kUbinary ? 0 : -128;
  const std::int64_t most = form == VectorForm::kUbinary ? 255 : 127;
  CodeInput codes;
  codes.bytes.reserve(integers.size());
  for (const std::int64_t number : integers) {
    if (number < least || number > most) return invalid_argument(fmt::format("code {} is not from {} to {}", number, least, most));
    codes.bytes.push_back(static_cast<std::uint8_t>(number));
  }
  return VectorInput(std::move(codes));
}

}  // namespace

Result<ChosenColumns> choose_columns(const ColumnMapping& mapping, std::span<const ColumnFacts> columns) {
  return Chooser(mapping, columns).choose();
}

Result<VectorInput> vector_of(VectorTarget target, RowNumbers numbers) {
  if (target.kind == VectorKind::kMulti) return multi_of(std::move(numbers));
  if (target.kind == VectorKind::kSparse) return sparse_of(numbers);
  if (target.form != VectorForm::kFloat32) return codes_of(target.form, numbers.integers);
  return VectorInput(std::move(numbers.floats));
}

std::size_t bytes_of(const VectorInput& vector) {
  if (const auto* text = std::get_if<TextInput>(&vector)) return text->text.size();
  if (const auto* codes = std::get_if<CodeInput>(&vector)) return codes->bytes.size();
  if (const auto* sparse = std::get_if<SparseVector>(&vector)) return sparse->indices.size() * 2 * sizeof(float);
  if (const auto* multi = std::get_if<MultiVector>(&vector)) return multi->values.size() * sizeof(float);
  return std::get<std::vector<float>>(vector).size() * sizeof(float);
}

}  // namespace orthant::bulk
