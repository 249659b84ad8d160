#pragma once
// Operation: what makes a bulk upload one that can be resumed: its name, the number of the body's first line, and what is done of
// it already. Lines of the body are numbered anew, lines that are done are left out before anything is encoded, and each batch
// learns which part of the stream it is. One thread at a time.

#include <cstdint>
#include <optional>
#include <string>

#include "api/bulk/point_reader.h"
#include "api/http/message.h"
#include "api/json/json_writer.h"
#include "engine/requests.h"

namespace orthant::bulk {

class Operation {
 public:
  // Of ?operation=, ?from= and ?more=. Nothing: the upload has no name. A name is made for "new".
  static Result<std::optional<Operation>> of(const Request& request);

  const std::string& name() const { return name_; }
  // Lines behind this body come with another request, so the operation does not end with it.
  bool has_more() const { return has_more_; }
  // What earlier streams of the operation have done.
  void set_done_before(BulkProgress progress) { before_ = std::move(progress); }
  // Before the batch is put. `ends`: it is the last.
  void prepare(DocumentBatch& batch, bool ends);

 private:
  Operation(std::string name, std::uint64_t first_line, bool has_more)
      : name_(std::move(name)), first_line_(first_line), next_line_(first_line), has_more_(has_more) {}

  std::string name_;
  std::uint64_t first_line_;
  std::uint64_t next_line_;  // the first that belongs to no batch yet
  bool has_more_;
  BulkProgress before_;
};

// {"id", "next_line", "accepted", "rejected", "finished", "done", "updated_ms"}
void write_operation(JsonWriter& json, std::string_view name, const BulkProgress& progress);

}  // namespace orthant::bulk
