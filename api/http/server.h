#pragma once
// HttpServer: listens on one address and serves sessions on a few io threads, each with its own io_context. Owns the threads.
// start(), stop() and the destructor belong to one thread (main); the handler runs on io threads and must not block them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/http/message.h"
#include "api/http/tls_context.h"
#include "base/result.h"

namespace orthant {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: a free one
  std::size_t io_threads = 2;
  std::size_t max_connections = 10'000;        // past it, connections are answered with 503 and closed
  std::size_t max_connections_per_client = 0;  // of one address, likewise; 0: no limit
  std::vector<std::string> trusted_proxies;    // see TrustedProxies; they may have any number of connections
  TlsFiles tls;                                // without a certificate: plain HTTP
  std::size_t max_header_bytes = std::size_t{32} << 10;
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds header_timeout{20'000};
  std::chrono::milliseconds read_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds half_closed_grace{2'000};
};

class HttpServer {
 public:
  // Listens and serves when it returns. io_error names the address that cannot be bound, invalid_argument a bad TLS file or
  // proxy.
  static Result<std::unique_ptr<HttpServer>> start(const HttpServerOptions& options,
                                                   std::function<Awaitable<Response>(Request&)> handler);
  // stop(0 ms) if that has not happened.
  ~HttpServer();

  std::uint16_t port() const;
  std::size_t connection_count() const;

  // Accepts nothing more, closes idle connections, lets running requests finish for `grace`, then tells the rest to end
  // (Request::cancelled; bodies break off) and waits for them. Idempotent.
  void stop(std::chrono::milliseconds grace);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
