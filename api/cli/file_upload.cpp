#include "api/cli/file_upload.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/digest.h"
#include "base/parse_number.h"

namespace orthant {
namespace {

constexpr std::size_t kConnections = 3;
constexpr std::size_t kShownRefusals = 100;
constexpr std::size_t kDigestLetters = 32;

// What the daemon tells of an operation.
struct KnownOperation {
  std::uint64_t number = 0;  // the runs over a file from its begin are counted
  std::uint64_t next_line = 1;
  bool finished = false;
  std::uint64_t accepted = 0;
  std::uint64_t rejected = 0;
};

Result<KnownOperation> parse_operation(JsonValue json) {
  KnownOperation known;
  known.next_line = ORTHANT_TRY(ORTHANT_TRY(json.require("next_line")).as_uint());
  known.accepted = ORTHANT_TRY(ORTHANT_TRY(json.require("accepted")).as_uint());
  known.rejected = ORTHANT_TRY(ORTHANT_TRY(json.require("rejected")).as_uint());
  known.finished = ORTHANT_TRY(json.find_bool("finished")).value_or(false);
  return known;
}

// The last operation with a name of `prefix` and a number; number 0: there is none.
Result<KnownOperation> last_operation(Daemon& daemon, const std::string& target, const std::string& prefix) {
  KnownOperation last;
  const JsonDocument answer = ORTHANT_TRY(daemon.call("GET", target));
  const JsonValue result = ORTHANT_TRY(answer.root().require("result"));
  for (const JsonValue json : ORTHANT_TRY(result.require("operations")).items()) {
    const std::string id = ORTHANT_TRY(ORTHANT_TRY(json.require("id")).as_string());
    if (!id.starts_with(prefix)) continue;
    const std::uint64_t number = parse_number<std::uint64_t>(std::string_view(id).substr(prefix.size())).value_or(0);
    if (number <= last.number) continue;
    last = ORTHANT_TRY(parse_operation(json));
    last.number = number;
  }
  return last;
}

}  // namespace

FileUpload::FileUpload(std::string file, Words words)
    : file_(std::move(file)),
      words_(words),
      progress_(std::filesystem::path(file_).filename().string(), fmt::format("{}s", words.thing)) {}

Status FileUpload::start(std::string_view url, std::string_view collection, std::string_view target, bool restart,
                         std::string_view query) {
  state_file_ = ingest_state_file(ORTHANT_TRY(sha256_hex_of_file(file_)), target, url);
  if (!restart) state_ = load_ingest_state(state_file_);
  resumed_from_ = state_.acknowledged_line;
  if (resumed_from_ > 0) fmt::print(stderr, "{}: going on after {} {}\n", file_, words_.place, group_digits(resumed_from_));
  uploader_ = ORTHANT_TRY(BatchUploader::create(url, collection, kConnections, query));
  return {};
}

Status FileUpload::start_operation(std::string_view url, const std::string& collection, bool restart) {
  daemon_ = ORTHANT_TRY(Daemon::at(url));
  const std::string prefix = fmt::format("ingest-{}.", ORTHANT_TRY(sha256_hex_of_file(file_)).substr(0, kDigestLetters));
  KnownOperation known = ORTHANT_TRY(last_operation(*daemon_, collection_target(collection, "/documents"), prefix));
  if (known.number == 0 || known.finished || restart) known = {.number = known.number + 1};
  state_.acknowledged_line = known.next_line - 1;
  state_.accepted = known.accepted;
  state_.refused = known.rejected;
  resumed_from_ = state_.acknowledged_line;
  if (resumed_from_ > 0) fmt::print(stderr, "{}: going on after {} {}\n", file_, words_.place, group_digits(resumed_from_));
  const std::string query = fmt::format("?operation={}{}", prefix, known.number);
  operation_target_ = collection_target(collection, "/documents" + query);
  uploader_ = ORTHANT_TRY(BatchUploader::create(url, collection, kConnections, query + "&more=true"));
  return {};
}

Status FileUpload::finish_operation(std::uint64_t last_line) {
  const std::string target = fmt::format("{}&from={}", operation_target_, last_line + 1);
  const JsonDocument answer = ORTHANT_TRY(daemon_->call("POST", target, {}, "application/x-ndjson"));
  const JsonValue result = ORTHANT_TRY(answer.root().require("result"));
  const KnownOperation known = ORTHANT_TRY(parse_operation(ORTHANT_TRY(result.require("operation"))));
  // A batch that was sent twice was answered for once.
  state_.accepted = known.accepted;
  state_.refused = known.rejected;
  return {};
}

void FileUpload::show_refusal(std::uint64_t place, std::string_view reason) {
  ++shown_;
  progress_.clear();
  if (shown_ <= kShownRefusals) fmt::print(stderr, "{}{}{}: {}\n", file_, words_.mark, place, reason);
  if (shown_ == kShownRefusals) fmt::print(stderr, "{}: further {}s that are refused are only counted\n", file_, words_.place);
}

void FileUpload::refuse(std::uint64_t place, std::string_view reason, bool shown) {
  ++refused_here_;
  if (shown) show_refusal(place, reason);
}

Status FileUpload::take_answer(const BatchAnswer& answer) {
  if (const std::function<void()> answered = std::move(answered_.front())) answered();
  answered_.pop_front();
  for (const RefusedLine& line : answer.refused) show_refusal(line.line_number, line.reason);
  state_.acknowledged_line = answer.last_line;
  state_.accepted += answer.accepted;
  state_.refused += answer.refused.size();
  state_.truncated += answer.truncated;
  progress_.update(state_.accepted, share_);
  return state_file_.empty() ? Status() : save_ingest_state(state_file_, state_);
}

Status FileUpload::send(DocumentBatch batch, std::function<void()> answered) {
  answered_.push_back(std::move(answered));
  if (const auto answer = ORTHANT_TRY(uploader_->send(std::move(batch)))) ORTHANT_TRY(take_answer(*answer));
  return {};
}

Status FileUpload::wait_for_all() {
  while (const auto answer = ORTHANT_TRY(uploader_->wait())) ORTHANT_TRY(take_answer(*answer));
  return {};
}

Result<bool> FileUpload::finish(const Status& sent, std::string_view remark) {
  if (!sent) {
    return fail(sent.error().code, fmt::format("{}: stopped after {} {}: {}; the same command goes on from there", file_,
                                               words_.place, state_.acknowledged_line, sent.error().message));
  }
  std::error_code ignored;
  if (!state_file_.empty()) std::filesystem::remove(state_file_, ignored);
  progress_.clear();
  const double seconds = progress_.elapsed_seconds();
  const std::uint64_t refused = state_.refused + refused_here_;
  fmt::print("{}: {} {}s in {} ({} a second), {} {}s refused\n", file_, group_digits(state_.accepted), words_.thing,
             format_duration(seconds),
             group_digits(static_cast<std::uint64_t>(static_cast<double>(state_.accepted) / std::max(seconds, 1e-3))),
             group_digits(refused), words_.place);
  if (!remark.empty()) fmt::print("{}\n", remark);
  if (state_.truncated > 0) {
    fmt::print("{} texts are longer than the model takes; their embeddings see the beginning\n", group_digits(state_.truncated));
  }
  return refused == 0;
}

}  // namespace orthant
