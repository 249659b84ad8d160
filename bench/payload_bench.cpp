// Payload filters and JSON bodies. simdjson is the peer for bodies: its On-Demand interface reads the same upsert into the same
// floats, without checking what it does not walk.
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "api/json/json_reader.h"
#include "api/json/json_writer.h"
#include "api/qdrant/parse_filter.h"
#include "engine/payload/filter_evaluator.h"
#include "engine/payload/payload.h"

namespace orthant {
namespace {

std::vector<std::string> make_payloads(bool with_text) {
  std::mt19937 random(1);
  std::vector<std::string> payloads;
  for (int i = 0; i < 1000; ++i) {
    std::string payload = R"({"city": "city-)" + std::to_string(random() % 20) + R"(", "price": )" +
                          std::to_string(random() % 1000) + R"(, "tags": ["red", "blue", "t)" + std::to_string(random() % 9) +
                          R"("], "open": true)";
    if (with_text) payload += R"(, "text": ")" + std::string(1500, 'x') + "\"";
    payloads.push_back(payload + "}");
  }
  return payloads;
}

void filter_payloads(benchmark::State& state, const std::string& filter_text, bool with_text) {
  const JsonDocument document = std::move(JsonDocument::parse(filter_text).value());
  const FilterEvaluator evaluator = FilterEvaluator::compile(qdrant::parse_filter(document.root()).value()).value();
  const std::vector<std::string> payloads = make_payloads(with_text);
  const FilterEvaluator::HasVectorPredicate has_vector = [](std::string_view) { return true; };
  const PointId id = PointId::number(1);
  for (auto _ : state) {
    std::size_t found = 0;
    for (const std::string& payload : payloads) found += evaluator.matches(id, payload, has_vector) ? 1 : 0;
    benchmark::DoNotOptimize(found);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * payloads.size()));
}

constexpr const char* kOneMatch = R"({"must": {"key": "city", "match": {"value": "city-7"}}})";
constexpr const char* kFour =
    R"({"must": [{"key": "price", "range": {"gte": 100, "lt": 900}}, {"key": "tags", "match": {"any": ["blue", "t3"]}}],
        "must_not": [{"key": "city", "match": {"value": "city-3"}}, {"is_null": {"key": "open"}}]})";
BENCHMARK_CAPTURE(filter_payloads, one_match, kOneMatch, false);
BENCHMARK_CAPTURE(filter_payloads, one_match_beside_1500_bytes_of_text, kOneMatch, true);
BENCHMARK_CAPTURE(filter_payloads, four_conditions, kFour, false);

// 100 points of 384 dimensions, as Python prints floats: 17 digits.
std::string make_upsert() {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 0.05F);
  std::string body = R"({"points": [)";
  for (int i = 0; i < 100; ++i) {
    body += (i == 0 ? R"({"id": )" : R"(, {"id": )") + std::to_string(i) + R"(, "vector": [)";
    for (int j = 0; j < 384; ++j) {
      if (j > 0) body += ", ";
      append_json_number(body, static_cast<double>(normal(random)));
    }
    body += R"(], "payload": {"city": "Berlin", "n": )" + std::to_string(i) + "}}";
  }
  return body + "]}";
}

void read_upsert_body(benchmark::State& state) {
  const std::string body = make_upsert();
  for (auto _ : state) {
    const JsonDocument document = std::move(JsonDocument::parse(body).value());
    for (const JsonValue point : document.root().find("points")->items()) {
      benchmark::DoNotOptimize(point.require("id")->as_uint().value());
      benchmark::DoNotOptimize(point.require("vector")->as_floats().value().data());
      benchmark::DoNotOptimize(payload_text(*point.find("payload")).value().data());
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(read_upsert_body);

void read_upsert_body_by_simdjson(benchmark::State& state) {
  const std::string body = make_upsert();
  simdjson::ondemand::parser parser;
  for (auto _ : state) {
    const simdjson::padded_string padded(body);
    auto document = parser.iterate(padded);
    for (simdjson::ondemand::object point : document["points"]) {
      benchmark::DoNotOptimize(std::uint64_t(point["id"]));
      std::vector<float> values;
      for (double value : point["vector"]) values.push_back(static_cast<float>(value));
      benchmark::DoNotOptimize(values.data());
      simdjson::ondemand::object payload = point["payload"];
      benchmark::DoNotOptimize(std::string(std::string_view(payload.raw_json())).data());
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(read_upsert_body_by_simdjson);

void validate_text_payload(benchmark::State& state) {
  const std::string payload = make_payloads(true).front();
  for (auto _ : state) benchmark::DoNotOptimize(validate_payload(payload).has_value());
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * payload.size()));
}
BENCHMARK(validate_text_payload);

void write_floats(benchmark::State& state) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 0.05F);
  std::vector<float> values(384);
  for (float& value : values) value = normal(random);
  std::string out;
  for (auto _ : state) {
    out.clear();
    JsonWriter(out).numbers(values);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * values.size()));
}
BENCHMARK(write_floats);

}  // namespace
}  // namespace orthant
