#pragma once
// BatchUploader: sends batches of documents to a collection over several connections, so that the daemon encodes one batch while it
// parses the next. Answers come back in the order of the batches. Owns its connections; one thread at a time.

#include <cstdint>
#include <deque>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/cli/daemon.h"
#include "api/cli/document_reader.h"
#include "base/result.h"

namespace orthant {

// Documents of neighbouring lines of an input file.
struct DocumentBatch {
  std::string body;  // lines of JSON, or what content_type says
  std::string_view content_type = "application/x-ndjson";
  std::vector<std::uint64_t> line_numbers;  // in the input file, one a line or point of `body`
  std::uint64_t last_line = 0;              // the input is dealt with up to here once this batch is answered
  // Of a batch that is a part of an operation (docs/http_api.md): the line of the input that `body` begins with. Lines that are no
  // documents stand as empty ones, and answers count as the input does. 0: of none.
  std::uint64_t first_line = 0;

  void append(const Document& document, std::uint64_t line_number);
  // Empty lines of the body up to the one before `line_number`.
  void skip_to(std::uint64_t line_number);
  bool empty() const { return line_numbers.empty(); }
};

struct RefusedLine {
  std::uint64_t line_number = 0;  // in the input file
  std::string reason;
};

struct BatchAnswer {
  std::uint64_t last_line = 0;
  std::uint64_t accepted = 0;
  std::uint64_t truncated = 0;
  std::vector<RefusedLine> refused;
};

class BatchUploader {
 public:
  // `query`: of the target, "?vector=NAME" or nothing.
  static Result<BatchUploader> create(std::string_view url, std::string_view collection, std::size_t connections,
                                      std::string_view query = {});

  // Starts to send. Where every connection is busy, waits for the oldest batch and returns its answer. A daemon that is full or
  // away for a moment is asked again, for about a minute; sending a batch twice changes nothing.
  Result<std::optional<BatchAnswer>> send(DocumentBatch batch);
  // The answer of the oldest batch on its way; nothing when there is none.
  Result<std::optional<BatchAnswer>> wait();

 private:
  BatchUploader(std::string target, std::vector<Daemon> connections);

  std::string target_;
  std::vector<Daemon> connections_;
  std::size_t next_connection_ = 0;
  std::deque<std::future<Result<BatchAnswer>>> on_their_way_;  // after connections_: its end waits for the last batch
};

}  // namespace orthant
