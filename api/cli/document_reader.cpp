#include "api/cli/document_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "base/mapped_id.h"

namespace orthant {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// Keys with the JSON of their values, as it stands in the line. A key that is set again keeps its place.
class RawMembers {
 public:
  void set(std::string_view key, std::string raw) {
    if (const auto found = std::ranges::find(members_, key, &Member::first); found != members_.end()) {
      found->second = std::move(raw);
    } else {
      members_.emplace_back(key, std::move(raw));
    }
  }
  void set_if_absent(std::string_view key, std::string raw) {
    if (std::ranges::find(members_, key, &Member::first) == members_.end()) members_.emplace_back(key, std::move(raw));
  }
  std::string to_object() const {
    std::string object = "{";
    for (const auto& [key, raw] : members_) {
      if (object.size() > 1) object += ',';
      append_json_string(object, key);
      object += ':';
      object += raw;
    }
    return object + '}';
  }
  const auto& all() const { return members_; }

 private:
  using Member = std::pair<std::string, std::string>;
  std::vector<Member> members_;
};

// The members of a line that mean something to us, and all others.
struct JsonFields {
  std::optional<std::string> id;
  std::optional<std::string> title;
  std::optional<std::string> text;
  RawMembers payload;
  RawMembers others;
};

Result<std::optional<std::string>> id_of(JsonValue object) {
  auto id = object.find("id");
  if (!id) id = object.find("_id");
  if (!id) return std::nullopt;
  if (id->is_number()) return std::to_string(ORTHANT_TRY(id->as_uint()));
  std::string text = ORTHANT_TRY(id->as_string());
  if (text.empty()) return invalid_argument(id->path() + ": is empty");
  return text;
}

Result<JsonFields> fields_of(JsonValue object) {
  ORTHANT_TRY(object.expect_object());
  JsonFields fields;
  fields.id = ORTHANT_TRY(id_of(object));
  fields.title = ORTHANT_TRY(object.find_string("title"));
  fields.text = ORTHANT_TRY(object.find_string("text"));
  if (const auto payload = object.find("payload")) {
    ORTHANT_TRY(payload->expect_object());
    for (const JsonValue member : payload->items()) fields.payload.set(member.key(), std::string(member.raw()));
  }
  const std::string_view own[] = {object.find("id") ? "id" : "_id", "title", "text", "payload"};
  for (const JsonValue member : object.items()) {
    const std::string key = member.key();
    if (std::ranges::find(own, key) == std::end(own)) fields.others.set(key, std::string(member.raw()));
  }
  return fields;
}

// Where names meet, what the user put into `payload` stands.
std::string payload_of(const JsonFields& fields, const MappedId& mapped) {
  RawMembers payload = fields.payload;
  for (const auto& [key, raw] : fields.others.all()) payload.set_if_absent(key, raw);
  if (fields.title) payload.set_if_absent("title", json_string(*fields.title));
  if (mapped.from_name && fields.id) payload.set_if_absent("_id", json_string(*fields.id));
  return payload.to_object();
}

Result<Document> make_document(const JsonFields& fields, std::string_view line) {
  if (!fields.text && !fields.title) return invalid_argument("`text` is missing");
  const MappedId mapped = fields.id ? map_id(*fields.id) : MappedId{PointId::from_name(line), true};
  Document document{mapped.id, joined_text(fields.title.value_or(""), fields.text.value_or("")), payload_of(fields, mapped)};
  if (document.text.empty()) return invalid_argument("`text` is empty");
  return document;
}

std::vector<std::string_view> split_at_tabs(std::string_view line) {
  std::vector<std::string_view> cells;
  while (true) {
    const std::size_t tab = line.find('\t');
    cells.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return cells;
    line.remove_prefix(tab + 1);
  }
}

// Cells of one line, named by the header of the file.
Result<Document> document_of_cells(const std::vector<std::string>& columns, std::string_view line) {
  const std::vector<std::string_view> cells = split_at_tabs(line);
  if (cells.size() != columns.size()) {
    return invalid_argument(fmt::format("{} columns, the header has {}", cells.size(), columns.size()));
  }
  JsonFields fields;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (columns[i] == "id" || columns[i] == "_id") {
      if (cells[i].empty()) return invalid_argument(fmt::format("`{}` is empty", columns[i]));
      fields.id = cells[i];
    } else if (columns[i] == "text") {
      fields.text = cells[i];
    } else if (columns[i] == "title") {
      fields.title = cells[i];
    } else {
      fields.others.set(columns[i], json_string(cells[i]));
    }
  }
  return make_document(fields, line);
}

Result<std::vector<std::string>> parse_header(const std::filesystem::path& path, std::string_view line) {
  if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> columns;
  for (std::string_view cell : split_at_tabs(line)) columns.emplace_back(stripped(cell));
  for (const std::string& column : columns) {
    if (std::ranges::count(columns, column) > 1) {
      return invalid_argument(fmt::format("{}:1: the header names the column `{}` twice", path.string(), column));
    }
  }
  if (std::ranges::find(columns, "text") == columns.end() && std::ranges::find(columns, "title") == columns.end()) {
    return invalid_argument(path.string() + ":1: the header of a .tsv file names its columns, one of them `text`");
  }
  return columns;
}

}  // namespace

std::string joined_text(std::string_view title, std::string_view text) {
  return std::string(stripped(fmt::format("{} {}", title, text)));
}

std::unexpected<Error> line_error(Error error) {
  constexpr std::string_view kPrefix = "Format error in JSON body: ";
  if (error.message.starts_with(kPrefix)) error.message.erase(0, kPrefix.size());
  return std::unexpected(std::move(error));
}

Result<Document> parse_json_document(std::string_view line) {
  const auto json = JsonDocument::parse(std::string(line));
  if (!json) return line_error(json.error());
  const auto fields = fields_of(json->root());
  if (!fields) return line_error(fields.error());
  return make_document(*fields, line);
}

Result<std::string> parse_json_text(std::string_view line) {
  const auto json = JsonDocument::parse(std::string(line));
  if (!json) return line_error(json.error());
  if (json->root().is_object()) {
    auto text = json->root().require("text");
    auto value = text ? text->as_string() : std::unexpected(text.error());
    return value ? value : line_error(value.error());
  }
  if (!json->root().is_string()) {
    return invalid_argument(
        fmt::format("expected a JSON string or an object with `text`, found {}", json_kind_name(json->root().kind())));
  }
  return json->root().as_string();
}

bool holds_json_lines(const std::filesystem::path& path) {
  const auto extension = without_compression_suffix(path).extension();
  return extension == ".jsonl" || extension == ".ndjson";
}

TextReader::TextReader(std::filesystem::path path, LineSource lines)
    : path_(std::move(path)), lines_(std::move(lines)), json_(holds_json_lines(path_)) {}

Result<TextReader> TextReader::open(const std::filesystem::path& path) {
  return TextReader(path, ORTHANT_TRY(LineSource::open(path)));
}

Result<std::optional<std::string>> TextReader::next() {
  while (true) {
    auto line = ORTHANT_TRY(lines_.next());
    if (!line) return std::nullopt;
    if (!json_) return std::string(*line);
    if (lines_.line_number() == 1 && line->starts_with(kByteOrderMark)) line->remove_prefix(kByteOrderMark.size());
    if (stripped(*line).empty()) continue;
    auto text = parse_json_text(*line);
    if (!text) return with_context(fmt::format("{}:{}", path_.string(), lines_.line_number()), std::move(text).error());
    return *std::move(text);
  }
}

class DocumentReader::Impl {
 public:
  Impl(LineSource lines, std::optional<std::vector<std::string>> columns)
      : lines_(std::move(lines)), columns_(std::move(columns)) {}

  Result<std::optional<Line>> next() {
    while (true) {
      auto line = ORTHANT_TRY(lines_.next());
      if (!line) return std::nullopt;
      if (lines_.line_number() == 1 && line->starts_with(kByteOrderMark)) line->remove_prefix(kByteOrderMark.size());
      if (stripped(*line).empty()) continue;
      return Line{lines_.line_number(), columns_ ? document_of_cells(*columns_, *line) : parse_json_document(*line)};
    }
  }
  double share_read() const { return lines_.share_read(); }

 private:
  LineSource lines_;
  std::optional<std::vector<std::string>> columns_;  // of a TSV file
};

DocumentReader::DocumentReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DocumentReader::~DocumentReader() = default;
DocumentReader::DocumentReader(DocumentReader&&) noexcept = default;
DocumentReader& DocumentReader::operator=(DocumentReader&&) noexcept = default;

Result<DocumentReader> DocumentReader::open(const std::filesystem::path& path) {
  const bool tsv = without_compression_suffix(path).extension() == ".tsv";
  if (!tsv && !holds_json_lines(path)) {
    return invalid_argument(path.string() +
                            ": expected a file of JSON lines (.jsonl, .ndjson) or a table (.tsv), packed (.gz, .zst) or not");
  }
  LineSource lines = ORTHANT_TRY(LineSource::open(path));
  std::optional<std::vector<std::string>> columns;
  if (tsv) {
    const auto header = ORTHANT_TRY(lines.next());
    columns = ORTHANT_TRY(parse_header(path, header.value_or("")));
  }
  return DocumentReader(std::make_unique<Impl>(std::move(lines), std::move(columns)));
}

Result<std::optional<DocumentReader::Line>> DocumentReader::next() {
  return impl_->next();
}
double DocumentReader::share_read() const {
  return impl_->share_read();
}

}  // namespace orthant
