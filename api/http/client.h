#pragma once
// HttpClient: a small blocking HTTP/1.1 client for the command line and for tests. Keeps one connection open between requests
// and opens it again when the server has closed it meanwhile. Owns its socket; one thread at a time.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace orthant {

using HttpHeaderList = std::vector<std::pair<std::string, std::string>>;

struct HttpClientOptions {
  std::chrono::milliseconds connect_timeout{5'000};
  // Of each single wait for the socket: a server that neither reads nor answers for this long is given up.
  std::chrono::milliseconds io_timeout{300'000};
  std::size_t max_answer_bytes = std::size_t{1} << 30;
  // Sent with every request: a key.
  HttpHeaderList headers = {};
  // Certificates (PEM) of the authorities that https:// servers must be signed by; empty: the system's.
  std::string ca_file = {};
};

struct HttpReply {
  int status = 0;
  HttpHeaderList headers;
  std::string body;

  // The first header of that name in any case, or nothing ("").
  std::string_view header(std::string_view name) const;
  bool ok() const { return status >= 200 && status < 300; }
};

class HttpClient {
 public:
  // "http://host[:port]", "https://host[:port]" or "host[:port]"; the default port is 6333. Does not connect yet.
  // invalid_argument for other schemes and bad ports.
  static Result<HttpClient> create(std::string_view base_url, HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  // `target` is path and query, percent-encoded, "/collections/x?wait=true". Every answer, also 4xx and 5xx, is a reply.
  // Errors: unavailable (no connection, or lost), deadline_exceeded, data_corruption (not HTTP), failed_precondition (a certificate
  // that is not trusted).
  // Tried again once on a fresh connection when a kept one turns out to be closed before any byte of the answer.
  Result<HttpReply> send(std::string_view method, std::string_view target, std::string_view body = {},
                         std::string_view content_type = "application/json", const HttpHeaderList& headers = {});

  // Sends the body as it is made, in chunked form: `next` gives the next piece, an empty one at the end; an error from it ends
  // the request (the connection is dropped) and is returned. Never tried again. A server that answers before the end stops the
  // sending, and its answer is returned.
  using BodySource = std::function<Result<std::string>()>;
  Result<HttpReply> upload(std::string_view method, std::string_view target, const BodySource& next,
                           std::string_view content_type = "application/x-ndjson", const HttpHeaderList& headers = {});

  // GET whose body goes to `sink` piece by piece and not into the reply, unless the status is no success. An error of the sink ends
  // the request and is returned. Never tried again.
  using BodySink = std::function<Status(std::string_view piece)>;
  Result<HttpReply> download(std::string_view target, const BodySink& sink, const HttpHeaderList& headers = {});

  // Seen by the server as a client that left.
  void close();

 private:
  class Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// For path parts and query values: everything but unreserved characters as %XX.
std::string percent_encode(std::string_view text);

}  // namespace orthant
