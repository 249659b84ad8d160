#include "api/cli/batch_uploader.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "api/json/json_writer.h"

namespace orthant {
namespace {

constexpr int kAttempts = 18;
constexpr std::chrono::milliseconds kFirstPause{100};
constexpr std::chrono::milliseconds kLongestPause{5'000};

bool is_passing(ErrorCode code) {
  return code == ErrorCode::kResourceExhausted || code == ErrorCode::kUnavailable;
}

Result<BatchAnswer> parse_answer(const JsonDocument& json, const DocumentBatch& batch) {
  const JsonValue result = ORTHANT_TRY(json.root().require("result"));
  BatchAnswer answer;
  answer.last_line = batch.last_line;
  answer.accepted = ORTHANT_TRY(ORTHANT_TRY(result.require("accepted")).as_uint());
  answer.truncated = ORTHANT_TRY(result.find_uint("truncated")).value_or(0);
  for (const JsonValue error : ORTHANT_TRY(result.require("errors")).items()) {
    const std::uint64_t line = ORTHANT_TRY(ORTHANT_TRY(error.require("line")).as_uint());
    std::string reason = ORTHANT_TRY(ORTHANT_TRY(error.require("reason")).as_string());
    if (batch.first_line > 0) {
      answer.refused.push_back({line, std::move(reason)});
      continue;
    }
    if (line == 0 || line > batch.line_numbers.size()) {
      return internal_error(fmt::format("the daemon reports line {} of a batch of {}", line, batch.line_numbers.size()));
    }
    answer.refused.push_back({batch.line_numbers[line - 1], std::move(reason)});
  }
  return answer;
}

Result<BatchAnswer> send_with_patience(Daemon& daemon, const std::string& given_target, const DocumentBatch& batch) {
  auto pause = kFirstPause;
  const std::string target = batch.first_line == 0 ? given_target : fmt::format("{}&from={}", given_target, batch.first_line);
  for (int attempt = 1;; ++attempt) {
    const auto json = daemon.call("POST", target, batch.body, batch.content_type);
    if (json) return parse_answer(*json, batch);
    if (attempt == kAttempts || !is_passing(json.error().code)) return std::unexpected(json.error());
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

}  // namespace

void DocumentBatch::skip_to(std::uint64_t line_number) {
  const std::uint64_t next = last_line == 0 ? first_line : last_line + 1;
  if (line_number <= next) return;
  body.append(line_number - next, '\n');
  last_line = line_number - 1;
}

void DocumentBatch::append(const Document& document, std::uint64_t line_number) {
  if (first_line > 0) skip_to(line_number);
  JsonWriter json(body);
  json.begin_object();
  json.key("id");
  if (document.id.is_uuid()) {
    json.string(document.id.to_string());
  } else {
    json.number(document.id.as_number());
  }
  json.key("text").string(document.text);
  json.key("payload").raw(document.payload);
  json.end_object();
  body += '\n';
  line_numbers.push_back(line_number);
  last_line = line_number;
}

BatchUploader::BatchUploader(std::string target, std::vector<Daemon> connections)
    : target_(std::move(target)), connections_(std::move(connections)) {}

Result<BatchUploader> BatchUploader::create(std::string_view url, std::string_view collection, std::size_t connections,
                                            std::string_view query) {
  std::vector<Daemon> made;
  for (std::size_t i = 0; i < std::max<std::size_t>(connections, 1); ++i) made.push_back(ORTHANT_TRY(Daemon::at(url)));
  return BatchUploader(collection_target(collection, fmt::format("/documents{}", query)), std::move(made));
}

Result<std::optional<BatchAnswer>> BatchUploader::wait() {
  if (on_their_way_.empty()) return std::nullopt;
  Result<BatchAnswer> answer = on_their_way_.front().get();
  on_their_way_.pop_front();
  return ORTHANT_TRY(std::move(answer));
}

// Batch number n travels on connection n modulo their count, which batch n - count has left by then.
Result<std::optional<BatchAnswer>> BatchUploader::send(DocumentBatch batch) {
  std::optional<BatchAnswer> oldest;
  if (on_their_way_.size() == connections_.size()) oldest = ORTHANT_TRY(wait());
  Daemon& connection = connections_[next_connection_++ % connections_.size()];
  on_their_way_.push_back(std::async(std::launch::async, [&connection, target = target_, sent = std::move(batch)] {
    return send_with_patience(connection, target, sent);
  }));
  return oldest;
}

}  // namespace orthant
