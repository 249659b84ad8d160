#pragma once
// Parts that many request bodies of the Qdrant dialect share: vectors, selectors of points, payload and vectors, query parameters.
// Errors as in api/json/json_reader.h. Pure functions, any thread.

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "api/http/message.h"
#include "api/json/json_reader.h"
#include "engine/requests.h"

namespace orthant::qdrant {

// Which vectors of a collection take ready codes; the others take floats. Empty for most collections.
using CodeForms = std::map<std::string, VectorForm>;
CodeForms code_forms_of(const CollectionConfig& config);

// What is wrong with a name for a collection or an alias, for a validation error. Nothing: it may be used.
std::optional<std::string> name_fault(std::string_view name);

// 400 that names the field.
std::unexpected<Error> unsupported(JsonValue value);

// One vector as a point or a query brings it: numbers, {"text", "model"}, or codes: base64 text or numbers where `form` says so,
// {"ubinary": ..} and {"int8": ..} anywhere. A list of lists is a multivector, {"indices", "values"} a sparse vector, in any order
// of indices. Image and object vectors are refused by name.
Result<VectorInput> parse_vector(JsonValue value, VectorForm form = VectorForm::kFloat32);
// {"text": ..} with a string is a text to encode.
bool is_document(JsonValue value);
// True when {"options": {"truncate": false}} asks to refuse texts that are too long.
Result<bool> refuses_truncation(JsonValue document);

// A list, or an object by name.
Result<NamedVectors> parse_vectors(JsonValue value, const CodeForms& forms);

// {"points": [..]} or {"filter": {..}}; neither is a validation error.
Result<PointSelector> parse_point_selector(JsonValue body);

// Member "with_payload": bool, list of paths, {"include": [..]} or {"exclude": [..]}.
Result<PayloadSelector> parse_payload_selector(JsonValue body, bool enabled_by_default);
// Member "with_vector" or "with_vectors": bool or list of names.
Result<VectorSelector> parse_vector_selector(JsonValue body);

Result<std::optional<Filter>> find_filter(JsonValue body, std::string_view name = "filter");
// An unsigned number of at least `least`, or `fallback` when absent.
Result<std::size_t> find_size(JsonValue body, std::string_view name, std::size_t least, std::size_t fallback);

// ?wait, ?timeout and ?ordering of writes.
Result<WriteOptions> parse_write_options(const Request& request);
// ?timeout of reads: the request's own deadline.
Result<std::optional<std::chrono::seconds>> parse_timeout(const Request& request);

// Base64 with or without padding, standard or URL alphabet. Nothing when it is neither.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);

}  // namespace orthant::qdrant
