#include "api/openapi/document.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "api/openapi/assets.h"
#include "base/ascii_case.h"

namespace orthant::openapi {
namespace {

// Parameters that go by the same name everywhere: name -> schema and meaning.
struct KnownParameter {
  std::string_view name;
  std::string_view schema;
  std::string_view meaning;
};
constexpr KnownParameter kKnownParameters[] = {
    {"wait", R"({"type":"boolean"})", "Answer when the change is on disk and visible"},
    {"ordering", R"({"enum":["weak","medium","strong"]})", "Has no meaning on one node"},
    {"consistency", R"({"anyOf":[{"type":"integer","minimum":1},{"enum":["majority","quorum","all"]}]})",
     "Has no meaning on one node"},
    {"timeout", R"({"type":"integer","minimum":1})", "Seconds"},
    {"priority", R"({"enum":["no_sync","snapshot","replica"]})", "Has no meaning on one node"},
    {"checksum", R"({"type":"string"})", "SHA-256 of the file, in hexadecimal"},
    {"vector", R"({"type":"string"})", "Name of the vector; absent: the unnamed one"},
    {"samples", R"({"type":"integer","minimum":8,"maximum":1000})", "Rows to search for"},
    {"refresh", R"({"type":"boolean"})", "Measure anew"},
    {"format", R"({"enum":["json","csv","svg"]})", "Of the answer"},
    {"operation", R"({"type":"string","maxLength":128})", "Name of a stream that can be resumed; `new`: one is made"},
    {"from", R"({"type":"integer","minimum":1})", "Number of the body's first line"},
    {"more", R"({"type":"boolean"})", "Lines behind this body come with another request"},
    {"progress", R"({"type":"integer","minimum":1})", "Tell after so many rows each, as lines of JSON before the answer"},
    {"id_column", R"({"type":"string"})", "Column of ids, of Arrow and Parquet bodies"},
    {"text_column", R"({"type":"string"})", "Column of texts to encode"},
    {"vector_columns", R"({"type":"string"})", "COLUMN:VECTOR, several with commas between"},
    {"payload_columns", R"({"type":"string"})", "Columns of the payload, with commas between; absent: all others"},
    {"create", R"({"type":"boolean"})", "Make the collection where there is none"},
    {"model", R"({"type":"string"})", "Model that encodes the texts; absent: the collection's own"},
};

std::string name_of(const Route& route) {
  return fmt::format("{} {}", method_name(route.method), route.pattern);
}

JsonDocument parse_asset(std::string_view text) {
  return JsonDocument::parse(std::string(text)).value();
}

// get_collections_collection_points_id: unique because method and pattern are.
std::string operation_id(const Route& route) {
  std::string id = to_lower(method_name(route.method));
  bool gap = true;
  for (const char letter : route.pattern) {
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0) {
      gap = true;
      continue;
    }
    if (gap) id += '_';
    gap = false;
    id += letter;
  }
  return id;
}

class Operation {
 public:
  Operation(JsonWriter& json, const Route& route, std::optional<JsonValue> description)
      : json_(json), route_(route), description_(description) {}

  void write() {
    json_.begin_object().key("operationId").string(operation_id(route_));
    if (const auto summary = text("summary")) json_.key("summary").string(*summary);
    if (const auto tag = text("tag")) json_.key("tags").begin_array().string(*tag).end_array();
    write_parameters();
    write_body();
    write_responses();
    json_.end_object();
  }

 private:
  std::optional<JsonValue> find(std::string_view name) const { return description_ ? description_->find(name) : std::nullopt; }
  std::optional<std::string> text(std::string_view name) const {
    const auto value = find(name);
    return value ? std::optional(value->as_string().value_or("")) : std::nullopt;
  }

  std::vector<std::string> texts(std::string_view name) const {
    const auto list = find(name);
    return list ? list->as_strings().value_or(std::vector<std::string>()) : std::vector<std::string>();
  }

  void write_parameters() {
    json_.key("parameters").begin_array();
    for (std::size_t begin = route_.pattern.find('{'); begin != std::string::npos; begin = route_.pattern.find('{', begin + 1)) {
      const std::string name = route_.pattern.substr(begin + 1, route_.pattern.find('}', begin) - begin - 1);
      json_.begin_object().key("name").string(name).key("in").string("path").key("required").boolean(true);
      json_.key("schema").raw(R"({"type":"string","minLength":1})").end_object();
    }
    for (const std::string& name : texts("query")) {
      write_query_parameter(name);
    }
    json_.end_array();
  }

  void write_query_parameter(const std::string& name) {
    const auto known = std::ranges::find(kKnownParameters, name, &KnownParameter::name);
    json_.begin_object().key("name").string(name).key("in").string("query").key("required").boolean(false);
    if (known != std::end(kKnownParameters)) {
      json_.key("description").string(known->meaning).key("schema").raw(known->schema);
    } else {
      json_.key("schema").raw(R"({"type":"string"})");
    }
    json_.end_object();
  }

  void write_body() {
    if (const auto body = find("body")) {
      json_.key("requestBody").begin_object().key("required").boolean(true).key("content").begin_object();
      write_content("application/json", body->raw());
      json_.end_object().end_object();
    } else if (find("stream")) {
      json_.key("requestBody").begin_object().key("required").boolean(true).key("content").begin_object();
      for (const std::string& type : texts("stream")) {
        write_content(type, R"({"type":"string","format":"binary"})");
      }
      json_.end_object().end_object();
    } else if (const auto field = text("multipart")) {
      json_.key("requestBody").begin_object().key("required").boolean(true).key("content").begin_object();
      json_.key("multipart/form-data").begin_object().key("schema").begin_object().key("type").string("object");
      json_.key("required").begin_array().string(*field).end_array().key("properties").begin_object().key(*field);
      json_.raw(R"({"type":"string","format":"binary"})").end_object().end_object().end_object().end_object().end_object();
    }
  }

  void write_responses() {
    json_.key("responses").begin_object();
    json_.key("200").begin_object().key("description").string("Done").key("content");
    write_answer();
    json_.end_object();
    json_.key("default").begin_object().key("description").string("Refused or failed: the text says what and why").key("content");
    json_.begin_object().key("application/json").raw(R"({"schema":{}})").key("text/plain").raw(R"({"schema":{"type":"string"}})");
    json_.end_object().end_object().end_object();
  }

  void write_answer() {
    json_.begin_object();
    if (const auto result = find("result")) {
      write_content("application/json", fmt::format(R"({{"type":"object","required":["result","status","time"],)"
                                                    R"("properties":{{"result":{},"status":{{"const":"ok"}},)"
                                                    R"("time":{{"type":"number"}},)"
                                                    R"("usage":{{"$ref":"#/components/schemas/Usage"}}}}}})",
                                                    result->raw()));
    } else if (const auto response = find("response")) {
      write_content("application/json", response->raw());
    } else if (find("text")) {
      write_content("text/plain", R"({"type":"string"})");
    } else if (find("binary")) {
      write_content("application/octet-stream", R"({"type":"string","format":"binary"})");
    } else {
      write_content("application/json", "{}");
    }
    for (const std::string& type : texts("also")) {
      write_content(type, R"({"type":"string"})");
    }
    json_.end_object();
  }

  void write_content(std::string_view type, std::string_view schema) {
    json_.key(type).begin_object().key("schema").raw(schema).end_object();
  }

  JsonWriter& json_;
  const Route& route_;
  const std::optional<JsonValue> description_;
};

// What is for people or for browsers has no place in the document.
bool is_described(const Route& route) {
  return !route.pattern.starts_with("/dashboard") && !route.pattern.starts_with("/docs") && route.pattern != "/openapi.json";
}

}  // namespace

std::string make_document(const Router& router, std::string_view version) {
  const JsonDocument operations = parse_asset(kOperations);
  std::map<std::string, std::vector<const Route*>> by_path;
  for (const Route& route : router.routes()) {
    if (is_described(route)) by_path[route.pattern].push_back(&route);
  }
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("openapi").string("3.1.0").key("info").begin_object().key("title").string("Orthant");
  json.key("version").string(version).key("description");
  json.string("Text in, ranked documents out. Qdrant's REST conventions, OpenAI's embeddings, and what is Orthant's own.");
  json.end_object().key("paths").begin_object();
  for (const auto& [path, routes] : by_path) {
    json.key(path).begin_object();
    for (const Route* route : routes) {
      json.key(to_lower(method_name(route->method)));
      Operation(json, *route, operations.root().find(name_of(*route))).write();
    }
    json.end_object();
  }
  json.end_object().key("components").begin_object().key("schemas").raw(kSchemas);
  json.key("securitySchemes")
      .raw(R"({"api-key":{"type":"apiKey","in":"header","name":"api-key"},)"
           R"("bearer":{"type":"http","scheme":"bearer"}})");
  json.end_object().key("security").raw(R"([{},{"api-key":[]},{"bearer":[]}])").end_object();
  return text;
}

std::vector<std::string> undescribed_routes(const Router& router) {
  const JsonDocument operations = parse_asset(kOperations);
  std::vector<std::string> names;
  for (const Route& route : router.routes()) {
    if (is_described(route) && !operations.root().find(name_of(route))) names.push_back(name_of(route));
  }
  return names;
}

std::vector<std::string> unrouted_descriptions(const Router& router) {
  std::set<std::string> routed;
  for (const Route& route : router.routes()) routed.insert(name_of(route));
  const JsonDocument operations = parse_asset(kOperations);
  std::vector<std::string> names;
  for (const JsonValue operation : operations.root().items()) {
    if (!routed.contains(operation.key())) names.push_back(operation.key());
  }
  return names;
}

}  // namespace orthant::openapi
