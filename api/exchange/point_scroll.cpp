#include "api/exchange/point_scroll.h"

#include <charconv>

#include <fmt/format.h>

#include "api/exchange/point_body.h"
#include "api/json/json_writer.h"
#include "api/qdrant/point_bytes.h"

namespace orthant {
namespace {

constexpr std::string_view kFirstUuid = "\"00000000-0000-0000-0000-000000000000\"";

// `whole`: the collection's configuration; `vector`: one of those in its params. The form stands among what only Orthant has.
Result<IndexConfig> parse_config(JsonValue whole, JsonValue vector, const std::string& name) {
  IndexConfig config;
  config.dim = ORTHANT_TRY(ORTHANT_TRY(vector.require("size")).as_uint());
  const std::string distance = ORTHANT_TRY(ORTHANT_TRY(vector.require("distance")).as_string());
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kEuclid, Metric::kManhattan}) {
    if (distance == metric_name(metric)) config.metric = metric;
  }
  const auto ours = whole.find("orthant");
  const auto vectors = ours ? ours->find("vectors") : std::nullopt;
  const auto own = vectors ? vectors->find(name) : std::nullopt;
  const std::string form = own ? ORTHANT_TRY(own->find_string("form")).value_or("") : "";
  if (form == "int8") config.form = VectorForm::kInt8;
  if (form == "ubinary") config.form = VectorForm::kUbinary;
  return config;
}

std::string scroll_body(const ScrollOptions& options, const std::string& offset) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().key("limit").number(options.page);
  if (!offset.empty()) json.key("offset").raw(offset);
  if (!options.filter.empty()) json.key("filter").raw(options.filter);
  if (options.with_payload && !options.fields.empty()) {
    json.key("with_payload").begin_array();
    for (const std::string& field : options.fields) json.string(field);
    json.end_array();
  } else {
    json.key("with_payload").boolean(options.with_payload);
  }
  json.key("with_vector");
  if (options.vector && !options.vector->name.empty()) {
    json.begin_array().string(options.vector->name).end_array();
  } else {
    json.boolean(options.vector.has_value());
  }
  json.end_object();
  return body;
}

}  // namespace

Result<VectorDescription> describe_vector(Daemon& daemon, const std::string& collection, const std::string& wanted) {
  const JsonDocument answer = ORTHANT_TRY(daemon.call("GET", collection_target(collection)));
  const JsonValue result = ORTHANT_TRY(answer.root().require("result"));
  const JsonValue config = ORTHANT_TRY(result.require("config"));
  const JsonValue vectors = ORTHANT_TRY(ORTHANT_TRY(config.require("params")).require("vectors"));
  VectorDescription description;
  description.points = ORTHANT_TRY(result.find_uint("points_count")).value_or(0);
  if (const auto size = vectors.find("size"); size && size->is_number()) {
    if (!wanted.empty())
      return invalid_argument(fmt::format("{}: its only vector has no name, --vector says `{}`", collection, wanted));
    description.config = ORTHANT_TRY(parse_config(config, vectors, ""));
    return description;
  }
  std::string names;
  for (const JsonValue vector : vectors.items()) {
    names += (names.empty() ? "" : ", ") + vector.key();
    if (vector.key() != wanted && (!wanted.empty() || vectors.size() > 1)) continue;
    description.name = vector.key();
    description.config = ORTHANT_TRY(parse_config(config, vector, vector.key()));
    return description;
  }
  return invalid_argument(fmt::format("{}: --vector names the vector to export, one of {}", collection, names));
}

Result<bool> has_uuid_points(Daemon& daemon, const std::string& collection, const std::string& filter) {
  // Integers come before UUIDs.
  const std::string body =
      scroll_body({.collection = collection, .filter = filter, .page = 1, .with_payload = false}, std::string(kFirstUuid));
  const JsonDocument answer = ORTHANT_TRY(daemon.call("POST", collection_target(collection, "/points/scroll"), body));
  return ORTHANT_TRY(ORTHANT_TRY(answer.root().require("result")).require("points")).size() > 0;
}

PointScroll::PointScroll(Daemon daemon, ScrollOptions options) : daemon_(std::move(daemon)), options_(std::move(options)) {
  start("");
}

PointScroll::~PointScroll() {
  if (page_) page_->wait();
}

Result<HttpReply> PointScroll::fetch(const std::string& offset) {
  return daemon_.call_raw("POST", collection_target(options_.collection, "/points/scroll"), scroll_body(options_, offset),
                          "application/json", options_.vector ? qdrant::kPointsContentType : "application/json");
}

void PointScroll::start(std::string offset) {
  page_ = std::async(std::launch::async, [this, from = std::move(offset)] { return fetch(from); });
}

Result<VectorRows> PointScroll::parse_vectors(const HttpReply& page) {
  if (const auto offset = page.header(qdrant::kNextOffsetHeader); !offset.empty()) start(std::string(offset));
  std::uint64_t left_out = 0;
  const std::string_view text = page.header(qdrant::kLeftOutHeader);
  std::from_chars(text.data(), text.data() + text.size(), left_out);
  without_vector_ += left_out;
  return parse_points(page.body, options_.vector->config.dim);
}

Result<VectorRows> PointScroll::parse_payloads(std::string page) {
  VectorRows rows;
  const JsonDocument json = ORTHANT_TRY(JsonDocument::parse(std::move(page)));
  const JsonValue result = ORTHANT_TRY(json.root().require("result"));
  if (const auto offset = result.find("next_page_offset")) start(std::string(offset->raw()));
  for (const JsonValue point : ORTHANT_TRY(result.require("points")).items()) {
    const auto payload = point.find("payload");
    rows.payloads.emplace_back(payload ? payload->raw() : "{}");
    const auto text = point.find("text");
    // As in pages of vectors: what was encoded is the payload's `text`, unless it has one.
    if (text && text->is_string() && !(payload && payload->find_or_null("text"))) {
      rows.payloads.back() =
          qdrant::payload_with_text(payload && payload->size() > 0 ? payload->raw() : "{}", ORTHANT_TRY(text->as_string()));
    }
    ++rows.rows;
  }
  return rows;
}

Result<VectorRows> PointScroll::next() {
  VectorRows rows;
  while (page_ && rows.rows == 0) {
    HttpReply page = ORTHANT_TRY(std::exchange(page_, std::nullopt)->get());
    rows = ORTHANT_TRY(options_.vector ? parse_vectors(page) : parse_payloads(std::move(page.body)));
  }
  return rows;
}

}  // namespace orthant
