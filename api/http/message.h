#pragma once
// One HTTP exchange as handlers see it: Request in, Response out, free of sockets and of Beast. Plain values; a Request and its
// BodyReader belong to one io thread.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/awaitable.h"
#include "base/result.h"

namespace orthant {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
std::string_view method_name(Method method);

// Names compare without case.
class Headers {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  // The first of that name; "" when there is none.
  std::string_view find(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// The part after '?', decoded, in order.
class QueryParameters {
 public:
  void add(std::string name, std::string value) { values_.emplace_back(std::move(name), std::move(value)); }
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// The bytes of a request's body as they arrive, chunking removed, content coding not.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Fills the beginning of `out` (not empty) and gives the count; 0 at the end of the body. cancelled: the connection is lost;
  // deadline_exceeded: the client is too slow; invalid_argument: the framing is broken. After an error there is nothing more.
  virtual Awaitable<Result<std::size_t>> read_some(std::span<char> out) = 0;
  // What Content-Length said; nothing for chunked bodies.
  virtual std::optional<std::uint64_t> content_length() const = 0;
};

class Grants;

// Who sent a request, for logs: never a key.
struct Caller {
  std::string_view kind = "none";  // "key", "read-only key", "token"; "none" where no key is asked for or it was not accepted
  std::string subject;             // of a token
};

struct Request {
  Method method = Method::kGet;
  std::string path;                   // as sent, without query and trailing slashes
  std::vector<std::string> segments;  // of the path, percent-decoded
  QueryParameters query;
  Headers headers;
  // Set by the router: values of the pattern's {names}, in order.
  std::vector<std::pair<std::string_view, std::string_view>> path_values;
  std::chrono::steady_clock::time_point received = std::chrono::steady_clock::now();
  // True once the client has left.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  std::string client;  // address, without port; behind a trusted proxy that of who asked it
  // Given by the client as X-Request-Id or made by the dispatcher; goes back to the client and into logs.
  std::string id;
  // What the request's key allows; null: everything. Handlers of routes that tell of several collections look at it.
  std::shared_ptr<const Grants> grants;
  Caller caller;
  std::size_t content_bytes = 0;  // of the whole body once it is read, after decompression
  // Never null while a handler runs. At its end already for routes that take the whole body.
  BodyReader* body = nullptr;
  // The whole body, content coding undone, for routes that ask for it (BodyUse::kWhole). Handlers may move it away.
  std::string content;

  // Of a {name} in the route's pattern.
  std::string_view path_value(std::string_view name) const;
};

// A body that is made while it is sent, for what must not stand in memory. Read by the session after the handler has answered.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // All that read_some() will give.
  virtual std::uint64_t size() const = 0;
  // Fills the beginning of `out` (not empty) and gives the count, at least 1 until size() bytes were given. After an error the
  // connection breaks off.
  virtual Awaitable<Result<std::size_t>> read_some(std::span<char> out) = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::shared_ptr<BodySource> source;  // where set, sent in place of `body`
  std::vector<std::pair<std::string, std::string>> headers;
  // The connection is closed after this answer.
  bool close = false;
};

Response text_response(int status, std::string text);

// Splits "/a/b%20c/?x=1" into path, segments and query of `request`. invalid_argument for a target that is not an absolute path,
// bad percent escapes and NUL.
Status parse_target(std::string_view target, Request& request);

// %XX decoded, and '+' to a space where asked for. Nothing for broken escapes.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

// Reads the body to its end. invalid_argument when it holds more than `max_bytes`, deadline_exceeded when after `patience` it came
// slower than 1 KiB a second on the average; what the reader says otherwise.
Awaitable<Result<std::string>> read_whole_body(BodyReader& body, std::size_t max_bytes,
                                               std::chrono::milliseconds patience = std::chrono::seconds(60));

}  // namespace orthant
