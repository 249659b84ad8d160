#pragma once
// JsonNode: a value of a parsed JSON file that knows its file and its path, so that each error can name them ("tokenizer.json:
// model.vocab: found a string, expected an object"). A view: the document and the file name must outlive it. Private to this
// folder.

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "base/result.h"

namespace orthant {

class JsonNode {
 public:
  JsonNode(simdjson::dom::element element, std::string_view file, std::string path)
      : element_(element), file_(file), path_(std::move(path)) {}

  // Object members. find() gives nothing where the member is absent or null; field() wants it to be there.
  Result<std::optional<JsonNode>> find(std::string_view key) const;
  Result<JsonNode> field(std::string_view key) const;

  Result<simdjson::dom::object> object() const;
  Result<simdjson::dom::array> array() const;
  Result<std::string_view> text() const;
  Result<bool> boolean() const;
  Result<std::uint64_t> number() const;  // a whole one, not negative
  Result<double> real() const;
  Result<std::uint32_t> id() const;  // of a token: at most 2^31 - 1
  bool is_array() const { return element_.is_array(); }

  // Of object members, as field(), or `absent` where it is not there or null.
  Result<std::string_view> field_text(std::string_view key) const;
  Result<std::string_view> field_text_or(std::string_view key, std::string_view absent) const;
  Result<bool> field_flag_or(std::string_view key, bool absent) const;
  Result<bool> field_flag(std::string_view key) const;
  // The member "type", if it is one of `supported`; else invalid_argument: we cannot read what the file rightly says.
  Result<std::string_view> type(std::initializer_list<std::string_view> supported) const;
  // Calls visit(node) -> Status for each element of the array at `key`, until one fails.
  template <typename Visit>
  Status for_each(std::string_view key, Visit visit) const;

  // The node of a value inside this one.
  JsonNode child(simdjson::dom::element element, std::string_view name) const;

  // data_corruption: "FILE: PATH: what".
  std::unexpected<Error> error(std::string_view what) const;
  // invalid_argument, for what is right but not supported.
  std::unexpected<Error> refusal(std::string_view what) const;

 private:
  std::unexpected<Error> mismatch(std::string_view expected) const;

  simdjson::dom::element element_;
  std::string_view file_;
  std::string path_;
};

// A whole parsed file. Owns what its nodes point into.
class JsonFile {
 public:
  // io_error where it cannot be read, invalid_argument where it has more than `max_bytes`, data_corruption where it is no JSON.
  static Result<JsonFile> load(const std::filesystem::path& file, std::uintmax_t max_bytes);

  JsonNode root() const { return {root_, *name_, ""}; }

 private:
  JsonFile() = default;

  // By pointer: nodes point to both, and the file may be moved.
  std::unique_ptr<simdjson::dom::parser> parser_ = std::make_unique<simdjson::dom::parser>();
  std::unique_ptr<std::string> name_;
  simdjson::dom::element root_;
};

template <typename Visit>
Status JsonNode::for_each(std::string_view key, Visit visit) const {
  const JsonNode list = ORTHANT_TRY(field(key));
  std::size_t position = 0;
  for (const auto element : ORTHANT_TRY(list.array())) {
    ORTHANT_TRY(visit(list.child(element, std::to_string(position++))));
  }
  return {};
}

}  // namespace orthant
