#pragma once
// JsonNode: a value of a parsed JSON file that knows its file and its path, so that each error can name them ("tokenizer.json:
// model.vocab: found a string, expected an object"). A view: the document and the file name must outlive it. Private to this
// folder.

#include <cstdint>
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

  // The node of a value inside this one.
  JsonNode child(simdjson::dom::element element, std::string_view name) const;

  // data_corruption: "FILE: PATH: what".
  std::unexpected<Error> error(std::string_view what) const;

 private:
  std::unexpected<Error> mismatch(std::string_view expected) const;

  simdjson::dom::element element_;
  std::string_view file_;
  std::string path_;
};

}  // namespace orthant
