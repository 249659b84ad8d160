#pragma once
// EarlyAnswer: the beginning of an answer that goes out while its handler still works: events of a long request. Belongs to the
// connection; on its io thread only.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/awaitable.h"
#include "api/http/message.h"

namespace orthant {

class EarlyAnswer {
 public:
  virtual ~EarlyAnswer() = default;
  // False: the client speaks HTTP/1.0, or asked for no body.
  virtual bool can_answer_early() const = 0;
  // That the answer has beside those of the handler; before the first piece.
  virtual void set_early_headers(std::vector<std::pair<std::string, std::string>> headers) = 0;
  // The first piece goes behind a head with status 200; then the body of what the handler returns is the last piece, and a failure
  // can only be told in there. False: the connection is lost, or the client does not read.
  virtual Awaitable<bool> write_early(const std::string& content_type, std::string_view piece) = 0;
  virtual bool answer_has_begun() const = 0;
};

// Of the connection that the request came on. Null where answers cannot be sent in pieces.
inline EarlyAnswer* early_answer_of(const Request& request) {
  auto* const early = dynamic_cast<EarlyAnswer*>(request.body);
  return early != nullptr && early->can_answer_early() ? early : nullptr;
}

}  // namespace orthant
