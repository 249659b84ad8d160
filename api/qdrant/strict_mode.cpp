#include "api/qdrant/strict_mode.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>

#include <unistd.h>

#include <fmt/format.h>

#include "api/qdrant/envelope.h"
#include "api/qdrant/parse_write.h"
#include "base/machine_memory.h"
#include "base/parse_number.h"

namespace orthant::qdrant {
namespace {

constexpr std::string_view kRetryMark = "(in ";
constexpr std::array<std::string_view, 4> kClauses = {"must", "should", "must_not", "min_should"};

std::map<std::string, double, std::less<>> nested_limits(const JsonFields& config, const std::string& section,
                                                         std::string_view member) {
  std::map<std::string, double, std::less<>> limits;
  const auto text = config.find(section);
  if (text == config.end()) return limits;
  const auto document = JsonDocument::parse(text->second);
  if (!document) return limits;
  for (const JsonValue vector : document->root().items()) {
    const auto value = vector.find(member);
    if (value && value->is_number()) limits[vector.key()] = value->as_double().value_or(0);
  }
  return limits;
}

std::size_t elements(JsonValue body, std::string_view member) {
  const auto list = body.find(member);
  return list && list->is_array() ? list->size() : 0;
}

std::size_t point_count(JsonValue body) {
  if (body.is_array()) return body.size();
  if (const auto batch = body.find("batch")) return elements(*batch, "ids");
  return elements(body, "points");
}

// Values that a condition compares with.
std::size_t condition_size(JsonValue condition) {
  std::size_t size = elements(condition, "has_id");
  if (const auto match = condition.find("match")) {
    size = std::max({size, elements(*match, "any"), elements(*match, "except")});
  }
  return size;
}

bool is_indexed(const StrictFacts& facts, const std::string& key) {
  return facts.field_indexes != nullptr && facts.field_indexes->contains(key);
}

// Calls visit(condition, prefix) for every condition with a key, below nested ones with their prefix.
template <typename Visit>
void visit_conditions(JsonValue value, const std::string& prefix, const Visit& visit) {
  if (value.is_array()) {
    for (const JsonValue each : value.items()) visit_conditions(each, prefix, visit);
    return;
  }
  for (const std::string_view clause : kClauses) {
    if (const auto list = value.find(clause)) visit_conditions(*list, prefix, visit);
  }
  if (const auto list = value.find("conditions")) visit_conditions(*list, prefix, visit);
  if (const auto nested = value.find("nested")) {
    const auto key = nested->find("key");
    const auto filter = nested->find("filter");
    std::string path = key ? key->as_string().value_or("") : "";
    if (!path.ends_with("[]")) path += "[]";
    if (filter) visit_conditions(*filter, prefix + path + ".", visit);
  }
  const auto key = value.find("key");
  if (key && key->is_string()) visit(value, prefix + key->as_string().value_or(""));
}

std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

StrictFacts strict_facts_of(const CollectionInfo& info) {
  StrictFacts facts;
  facts.points = info.points_count;
  facts.vector_bytes = info.vector_bytes;
  facts.payload_bytes = info.payload_bytes;
  facts.field_indexes = &info.config.field_indexes;
  return facts;
}

// ---- rates ----

Status RateLimit::take(std::string_view what, double cost, Moment now) {
  const std::lock_guard lock(mutex_);
  if (last_ != Moment()) tokens_ += std::chrono::duration<double>(now - last_).count() * capacity_ / 60;
  tokens_ = std::min(tokens_, capacity_);
  last_ = now;
  if (cost <= tokens_) {
    tokens_ -= cost;
    return {};
  }
  const auto wait = static_cast<std::uint64_t>(std::ceil((std::min(cost, capacity_) - tokens_) * 60 / std::max(capacity_, 1e-9)));
  const std::string after = fmt::format("{}{} s)", kRetryMark, std::max<std::uint64_t>(wait, 1));
  if (cost <= 1) return fail(ErrorCode::kResourceExhausted, fmt::format("{} rate limit exceeded, retry later {}", what, after));
  if (cost > capacity_) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format("{} rate limit exceeded, request larger than than rate limiter capacity, please try to split your request",
                    what));
  }
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("{} rate limit exceeded: Operation requires {:.0f} tokens but only {:.1f} were available, retry later {}",
                          what, cost, tokens_, after));
}

std::optional<std::uint64_t> retry_after_seconds(std::string_view message) {
  const std::size_t at = message.rfind(kRetryMark);
  if (at == std::string_view::npos) return std::nullopt;
  message.remove_prefix(at + kRetryMark.size());
  std::uint64_t seconds = 0;
  const auto parsed = std::from_chars(message.data(), message.data() + message.size(), seconds);
  return parsed.ec == std::errc() ? std::optional(seconds) : std::nullopt;
}

// ---- configuration ----

std::shared_ptr<StrictMode> StrictMode::make(const JsonFields& config) {
  const auto enabled = config.find("enabled");
  if (enabled == config.end() || enabled->second != "true") return nullptr;
  auto mode = std::make_shared<StrictMode>();
  for (const auto& [name, text] : config) {
    if (text == "true" || text == "false") mode->limits_[name] = text == "true" ? 1 : 0;
    if (const auto number = parse_number<double>(text)) mode->limits_[name] = *number;
  }
  mode->most_rows_ = nested_limits(config, "multivector_config", "max_vectors");
  mode->most_indices_ = nested_limits(config, "sparse_config", "max_length");
  if (const auto rate = mode->limit("read_rate_limit")) mode->reads_ = std::make_shared<RateLimit>(*rate);
  if (const auto rate = mode->limit("write_rate_limit")) mode->writes_ = std::make_shared<RateLimit>(*rate);
  return mode;
}

void StrictMode::inherit(const StrictMode& before) {
  const auto same = [](const auto& left, const auto& right) { return left && right && left->per_minute() == right->per_minute(); };
  if (same(reads_, before.reads_)) reads_ = before.reads_;
  if (same(writes_, before.writes_)) writes_ = before.writes_;
}

std::optional<double> StrictMode::limit(std::string_view name) const {
  const auto found = limits_.find(name);
  return found == limits_.end() ? std::nullopt : std::optional(found->second);
}

Status StrictMode::check_limit(std::string_view name, std::string_view parameter, double found) const {
  const auto most = limit(name);
  if (!most || found <= *most) return {};
  return bad_request(fmt::format("Limit exceeded {} > {} for \"{}\". Help: Reduce the \"{}\" parameter to or below {}.", found,
                                 *most, parameter, parameter, *most));
}

// ---- reads ----

Status StrictMode::check_timeout(std::optional<std::chrono::seconds> timeout) const {
  return timeout ? check_limit("max_timeout", "timeout", static_cast<double>(timeout->count())) : Status();
}

Status StrictMode::check_read(JsonValue body, const StrictFacts& facts) const {
  const auto searches = body.find("searches");
  if (!searches || !searches->is_array()) return check_search(body, facts);
  ORTHANT_TRY(check_limit("search_max_batchsize", "search batch size", static_cast<double>(searches->size())));
  for (const JsonValue search : searches->items()) ORTHANT_TRY(check_search(search, facts));
  return {};
}

Status StrictMode::check_search(JsonValue body, const StrictFacts& facts) const {
  for (const std::string_view name : {"limit", "top", "sample"}) {
    const auto value = body.find(name);
    if (value && value->is_number()) ORTHANT_TRY(check_limit("max_query_limit", name, value->as_double().value_or(0)));
  }
  if (const auto params = body.find("params")) ORTHANT_TRY(check_params(*params));
  if (const auto filter = body.find("filter")) ORTHANT_TRY(check_filter(*filter, "unindexed_filtering_retrieve", facts));
  const auto prefetch = body.find("prefetch");
  if (!prefetch) return {};
  if (!prefetch->is_array()) return check_search(*prefetch, facts);
  for (const JsonValue each : prefetch->items()) ORTHANT_TRY(check_search(each, facts));
  return {};
}

Status StrictMode::check_params(JsonValue params) const {
  if (const auto effort = params.find("hnsw_ef"); effort && effort->is_number()) {
    ORTHANT_TRY(check_limit("search_max_hnsw_ef", "hnsw_ef", effort->as_double().value_or(0)));
  }
  const auto exact = params.find("exact");
  if (exact && exact->raw() == "true" && limit("search_allow_exact") == 0) {
    return bad_request("Exact search is disabled! Help: Set the \"exact\" parameter to false.");
  }
  if (const auto quantization = params.find("quantization")) {
    const auto oversampling = quantization->find("oversampling");
    if (oversampling && oversampling->is_number()) {
      ORTHANT_TRY(check_limit("search_max_oversampling", "oversampling", oversampling->as_double().value_or(0)));
    }
  }
  return {};
}

// ---- filters ----

Status StrictMode::check_filter(JsonValue filter, std::string_view permission, const StrictFacts& facts) const {
  std::size_t conditions = 0;
  ORTHANT_TRY(check_condition(filter, "", limit(permission) == 0, facts, conditions));
  const auto most = limit("filter_max_conditions");
  if (!most || static_cast<double>(conditions) <= *most) return {};
  return bad_request(
      fmt::format("Filter condition limit of {} exceeded: it has {}. Help: Reduce the number of conditions.", *most, conditions));
}

Status StrictMode::check_condition(JsonValue condition, const std::string& prefix, bool needs_index, const StrictFacts& facts,
                                   std::size_t& conditions) const {
  Status fault;
  visit_conditions(condition, prefix, [&](JsonValue leaf, const std::string& key) {
    ++conditions;
    const auto most = limit("condition_max_size");
    const std::size_t size = condition_size(leaf);
    if (most && static_cast<double>(size) > *most) {
      fault = bad_request(fmt::format("Condition size limit of {} exceeded: the one on \"{}\" has {} values", *most, key, size));
    } else if (needs_index && !is_indexed(facts, key)) {
      fault =
          bad_request(fmt::format("Index required but not found for \"{}\". Help: Create an index for this key or use a different "
                                  "filter.",
                                  key));
    }
  });
  return fault;
}

// ---- writes ----

Status StrictMode::check_write(std::string_view operation, JsonValue body, const StrictFacts& facts) const {
  for (const std::string_view name : {"filter", "update_filter"}) {
    if (const auto filter = body.find(name)) ORTHANT_TRY(check_filter(*filter, "unindexed_filtering_update", facts));
  }
  if (operation == "set_payload" || operation == "overwrite_payload") return check_payload_growth(facts);
  const bool upserts = operation == "upsert";
  if (!upserts && operation != "update_vectors") return {};
  ORTHANT_TRY(
      check_limit("upsert_max_batchsize", upserts ? "upsert limit" : "update limit", static_cast<double>(point_count(body))));
  ORTHANT_TRY(check_vectors(body));
  return check_growth(facts);
}

Status StrictMode::check_payload_growth(const StrictFacts& facts) const {
  const auto most = limit("max_collection_payload_size_bytes");
  if (!most || static_cast<double>(facts.payload_bytes) < *most) return {};
  return bad_request(fmt::format("Max payload storage size limit of {} bytes exceeded!", *most));
}

Status StrictMode::check_growth(const StrictFacts& facts) const {
  const auto reached = [&](std::string_view name, double found) {
    const auto most = limit(name);
    return most && found >= *most;
  };
  if (reached("max_points_count", static_cast<double>(facts.points))) {
    return bad_request(fmt::format("Max points count limit of {} exceeded!", *limit("max_points_count")));
  }
  if (reached("max_collection_vector_size_bytes", static_cast<double>(facts.vector_bytes))) {
    return bad_request(
        fmt::format("Max vector storage size limit of {} bytes exceeded!", *limit("max_collection_vector_size_bytes")));
  }
  ORTHANT_TRY(check_payload_growth(facts));
  const auto percent = limit("max_resident_memory_percent");
  if (percent && static_cast<double>(resident_bytes()) * 100 >= *percent * static_cast<double>(machine_memory_bytes())) {
    return bad_request(fmt::format("Resident memory limit of {} % exceeded!", *percent));
  }
  return {};
}

Status StrictMode::check_vectors(JsonValue body) const {
  if (most_rows_.empty() && most_indices_.empty()) return {};
  const auto check_named = [this](JsonValue vectors, bool columns) -> Status {
    if (!vectors.is_object()) return columns ? Status() : check_vector("", vectors);
    for (const JsonValue member : vectors.items()) {
      if (!columns) {
        ORTHANT_TRY(check_vector(member.key(), member));
        continue;
      }
      for (const JsonValue vector : member.items()) ORTHANT_TRY(check_vector(member.key(), vector));
    }
    return {};
  };
  if (const auto batch = body.find("batch")) {
    const auto vectors = batch->find("vectors");
    if (!vectors) return {};
    if (vectors->is_object()) return check_named(*vectors, true);
    for (const JsonValue vector : vectors->items()) ORTHANT_TRY(check_named(vector, false));
    return {};
  }
  const auto points = body.find("points");
  if (!points) return {};
  for (const JsonValue point : points->items()) {
    if (const auto vector = find_vector(point)) ORTHANT_TRY(check_named(*vector, false));
  }
  return {};
}

Status StrictMode::check_vector(std::string_view name, JsonValue vector) const {
  const bool is_multi = vector.is_array() && vector.size() > 0 && (*vector.items().begin()).is_array();
  if (is_multi) ORTHANT_TRY(check_rows(name, vector.size()));
  return check_indices(name, elements(vector, "indices"));
}

Status StrictMode::check_rows(std::string_view name, std::size_t rows) const {
  const auto most = most_rows_.find(name);
  if (most == most_rows_.end() || static_cast<double>(rows) <= most->second) return {};
  return bad_request(fmt::format("Multivector '{}' has a limit of {} vectors, but {} were provided!", name, most->second, rows));
}

Status StrictMode::check_indices(std::string_view name, std::size_t indices) const {
  const auto most = most_indices_.find(name);
  if (most == most_indices_.end() || static_cast<double>(indices) <= most->second) return {};
  return bad_request(fmt::format("Sparse vector '{}' has a limit of {} indices", name, most->second));
}

Status StrictMode::check_length(std::string_view name, const VectorInput& vector) const {
  if (const auto* multi = std::get_if<MultiVector>(&vector)) {
    return check_rows(name, multi->dim == 0 ? 0 : multi->values.size() / multi->dim);
  }
  if (const auto* sparse = std::get_if<SparseVector>(&vector)) return check_indices(name, sparse->indices.size());
  return {};
}

Status StrictMode::check_new_field_index(const StrictFacts& facts) const {
  const auto most = limit("max_payload_index_count");
  if (!most || facts.field_indexes == nullptr || static_cast<double>(facts.field_indexes->size()) < *most) return {};
  return bad_request(
      fmt::format("Collection already has the maximum number of payload indices ({}). Help: Delete one first.", *most));
}

// ---- costs ----

double StrictMode::read_cost(JsonValue body) {
  return static_cast<double>(std::max<std::size_t>(elements(body, "searches"), 1));
}

double StrictMode::write_cost(std::string_view operation, JsonValue body, const StrictFacts& facts) {
  if (operation == "upsert" || operation == "update_vectors")
    return static_cast<double>(std::max<std::size_t>(point_count(body), 1));
  const auto filter = body.find("filter");
  if (!filter) return static_cast<double>(std::max<std::size_t>(point_count(body), 1));
  bool all_indexed = true;
  visit_conditions(*filter, "", [&](JsonValue, const std::string& key) { all_indexed = all_indexed && is_indexed(facts, key); });
  return all_indexed ? 1 : std::max(1.0, static_cast<double>(facts.points) / 2);
}

Status StrictMode::take_read(double cost, RateLimit::Moment now) const {
  return reads_ ? reads_->take("Read", cost, now) : Status();
}

Status StrictMode::take_write(double cost, RateLimit::Moment now) const {
  return writes_ ? writes_->take("Write", cost, now) : Status();
}

}  // namespace orthant::qdrant
