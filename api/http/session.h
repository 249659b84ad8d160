#pragma once
// Session: one connection, a coroutine loop of read, handle, write on one io thread. Requests that a client sends ahead wait in
// the socket and are answered in order. Instead of a timer for each operation, the io thread looks at all its sessions a few
// times a second (check()): a session past its deadline has its operation cancelled, and one whose client has left while a
// handler works has its `cancelled` flag set.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

#include "api/http/early_answer.h"
#include "api/http/message.h"
#include "api/http/tls_context.h"
#include "api/http/trusted_proxies.h"

namespace orthant {

using RequestHandler = std::function<Awaitable<Response>(Request&)>;
using TcpSocket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, IoExecutor>;

struct SessionLimits {
  std::size_t max_header_bytes = std::size_t{32} << 10;
  std::chrono::milliseconds idle_timeout{75'000};    // between requests
  std::chrono::milliseconds header_timeout{20'000};  // from the first byte of a request to the end of its header
  std::chrono::milliseconds read_timeout{30'000};    // for each piece of a body
  std::chrono::milliseconds write_timeout{30'000};   // for an answer, and more by its size
  // How long a client that has shut down its sending side may wait for its answer before its work counts as abandoned.
  std::chrono::milliseconds half_closed_grace{2'000};
  // A body whose handler did not want it is read and dropped up to here before the connection is given up.
  std::size_t max_drained_bytes = std::size_t{64} << 20;
  std::chrono::milliseconds drain_timeout{5'000};
};

class Session final : public BodyReader, public EarlyAnswer {
 public:
  using Clock = std::chrono::steady_clock;

  // `limits`, `proxies` and `handler` must outlive the session. With `tls` the session begins with a handshake. `peer` is the
  // address at the other end.
  Session(TcpSocket socket, std::shared_ptr<TlsSettings> tls, std::string peer, const SessionLimits& limits,
          const TrustedProxies& proxies, const RequestHandler& handler);
  ~Session() override;

  // Serves the connection until it ends. Once.
  Awaitable<void> run();

  // The three below: on the session's io thread only.
  void check(Clock::time_point now);
  // The present request is the last; an idle connection is closed now.
  void finish();
  // As finish(), and work in progress is told to end: handlers see `cancelled`, bodies end with unavailable.
  void abort();

  Awaitable<Result<std::size_t>> read_some(std::span<char> out) override;
  std::optional<std::uint64_t> content_length() const override;
  bool can_answer_early() const override;
  void set_early_headers(std::vector<std::pair<std::string, std::string>> headers) override;
  Awaitable<bool> write_early(const std::string& content_type, std::string_view piece) override;
  bool answer_has_begun() const override;

 private:
  struct Message;   // the parser of the present request
  class TlsStream;  // the record layer over socket_
  // kIdle waits for a request without a buffer; in kStarting bytes have come, but perhaps none of a request (TLS's own, empty
  // lines).
  enum class State { kIdle, kStarting, kReading, kHandling, kWriting };
  enum class HeaderResult { kComplete, kClosed, kTimedOut, kTooLarge, kMalformed };

  static Response refuse_header(HeaderResult result);
  Awaitable<bool> shake_hands();
  Awaitable<bool> wait_for_request();
  Awaitable<HeaderResult> read_header();
  Awaitable<void> serve_request();
  Result<Request> make_request();
  Awaitable<std::size_t> receive(std::span<char> out, State state);
  Awaitable<bool> fill(State state);
  Awaitable<bool> send(std::string_view head, std::string_view body);
  Awaitable<void> respond(const Response& response, bool head_only);
  Awaitable<void> end_early_answer(const Response& response);
  Awaitable<bool> send_source(BodySource& source);
  Awaitable<void> drain_body();
  Awaitable<void> close_gently();
  Awaitable<Result<std::size_t>> read_counted(std::span<char> out);
  Awaitable<Result<std::size_t>> read_chunked(std::span<char> out);
  std::unexpected<Error> read_failure() const;
  void extend_deadline(std::chrono::milliseconds by) { deadline_ = Clock::now() + by; }
  std::string_view buffered() const { return std::string_view(buffer_).substr(buffer_begin_, buffer_end_ - buffer_begin_); }

  TcpSocket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain HTTP
  const std::string peer_;
  const SessionLimits& limits_;
  const TrustedProxies& proxies_;
  const RequestHandler& handler_;
  std::string buffer_;  // received and not yet used: [buffer_begin_, buffer_end_)
  std::size_t buffer_begin_ = 0;
  std::size_t buffer_end_ = 0;
  std::unique_ptr<Message> message_;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  State state_ = State::kIdle;
  Clock::time_point deadline_ = Clock::time_point::max();
  std::optional<Clock::time_point> peer_finished_;
  bool timed_out_ = false;
  bool finishing_ = false;
  bool aborting_ = false;
  bool keep_alive_ = true;
};

}  // namespace orthant
