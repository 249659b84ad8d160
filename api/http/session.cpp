#include "api/http/session.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>
#include <poll.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "api/http/response_head.h"
#include "api/http/tls_settings.h"
#include "base/metrics.h"

namespace orthant {
namespace {

namespace asio = boost::asio;
namespace beast_http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t kSmallBuffer = std::size_t{8} << 10;
constexpr std::size_t kLargeBuffer = std::size_t{64} << 10;
constexpr std::size_t kSourceBuffer = std::size_t{256} << 10;
constexpr std::size_t kReusableDrainBytes = std::size_t{256} << 10;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Method method_of(beast_http::verb verb) {
  switch (verb) {
    case beast_http::verb::get: return Method::kGet;
    case beast_http::verb::head: return Method::kHead;
    case beast_http::verb::post: return Method::kPost;
    case beast_http::verb::put: return Method::kPut;
    case beast_http::verb::patch: return Method::kPatch;
    case beast_http::verb::delete_: return Method::kDelete;
    case beast_http::verb::options: return Method::kOptions;
    default: return Method::kOther;
  }
}

Counter& failed_handshakes() {
  static Counter& instance = counter("orthant_tls_handshakes_failed_total", "Connections given up during the TLS handshake");
  return instance;
}

}  // namespace

struct Session::Message {
  beast_http::request_parser<beast_http::buffer_body> parser;
  std::uint64_t remaining = 0;  // of a body with Content-Length
  bool chunked = false;
  bool expects_continue = false;
  bool body_done = true;
  bool body_failed = false;
  // An answer that goes out in pieces.
  std::vector<std::pair<std::string, std::string>> early_headers;
  bool answer_begun = false;
  bool answer_failed = false;
};

// Keeps the certificate that it began with, also when a new one is loaded meanwhile.
class Session::TlsStream {
 public:
  TlsStream(TcpSocket& socket, std::shared_ptr<TlsSettings> settings)
      : settings_(std::move(settings)), stream(socket, settings_->context) {}

 private:
  std::shared_ptr<TlsSettings> settings_;

 public:
  asio::ssl::stream<TcpSocket&> stream;
};

Session::Session(TcpSocket socket, std::shared_ptr<TlsSettings> tls, std::string peer, const SessionLimits& limits,
                 const TrustedProxies& proxies, const RequestHandler& handler)
    : socket_(std::move(socket)), peer_(std::move(peer)), limits_(limits), proxies_(proxies), handler_(handler) {
  if (tls != nullptr) tls_ = std::make_unique<TlsStream>(socket_, std::move(tls));
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

Session::~Session() = default;

Response Session::refuse_header(HeaderResult result) {
  if (result == HeaderResult::kTimedOut) return text_response(408, "the request's header did not arrive in time");
  if (result == HeaderResult::kTooLarge) return text_response(431, "the request's header is too large");
  return text_response(400, "the request is not valid HTTP/1.1");
}

Awaitable<bool> Session::shake_hands() {
  extend_deadline(limits_.header_timeout);
  state_ = State::kReading;
  error_code error;
  co_await tls_->stream.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(use_io_awaitable, error));
  state_ = State::kHandling;
  if (error) failed_handshakes().add();
  co_return !error;
}

Awaitable<void> Session::run() {
  if (tls_ != nullptr) {
    const bool secure = co_await shake_hands();
    if (!secure) co_return;
  }
  while (keep_alive_ && !finishing_) {
    const HeaderResult header = co_await read_header();
    if (header == HeaderResult::kClosed) break;
    keep_alive_ = header == HeaderResult::kComplete;
    if (keep_alive_) {
      co_await serve_request();
    } else {
      const Response refusal = refuse_header(header);
      co_await respond(refusal, false);
    }
  }
  co_await close_gently();
}

// ---- deadlines and clients that leave ----

void Session::check(Clock::time_point now) {
  if (state_ == State::kHandling) {
    pollfd peer{socket_.native_handle(), POLLRDHUP, 0};
    if (poll(&peer, 1, 0) > 0) {
      if ((peer.revents & (POLLERR | POLLHUP)) != 0) cancelled_->store(true);
      if (!peer_finished_) peer_finished_ = now;
      if (now - *peer_finished_ > limits_.half_closed_grace) cancelled_->store(true);
    }
    return;
  }
  // An idle session waits without its buffer.
  if (state_ == State::kIdle && buffer_begin_ == buffer_end_ && buffer_.capacity() >= kSmallBuffer) {
    std::string().swap(buffer_);  // an assignment would keep the memory
    buffer_begin_ = buffer_end_ = 0;
  }
  if (now < deadline_ || timed_out_) return;
  timed_out_ = true;
  error_code ignored;
  socket_.cancel(ignored);
}

void Session::finish() {
  finishing_ = true;
  error_code ignored;
  if (state_ == State::kIdle || state_ == State::kStarting) socket_.cancel(ignored);
}

void Session::abort() {
  finish();
  aborting_ = true;
  if (cancelled_ != nullptr) cancelled_->store(true);
  error_code ignored;
  if (state_ == State::kReading) socket_.cancel(ignored);
  deadline_ = std::min(deadline_, Clock::now() + std::chrono::seconds(1));
}

// ---- reading ----

Awaitable<std::size_t> Session::receive(std::span<char> out, State state) {
  if (timed_out_ || aborting_) co_return 0;
  state_ = state;
  error_code error;
  std::size_t count = 0;
  const asio::mutable_buffer target = asio::buffer(out.data(), out.size());
  if (tls_ != nullptr) {
    count = co_await tls_->stream.async_read_some(target, asio::redirect_error(use_io_awaitable, error));
  } else {
    count = co_await socket_.async_read_some(target, asio::redirect_error(use_io_awaitable, error));
  }
  state_ = State::kHandling;
  co_return error ? 0 : count;
}

// Waits without a buffer, so that an idle connection takes no memory for one (check() gives it back). Not with TLS: what the socket
// gave already may lie in its buffers, and nothing more need come.
Awaitable<bool> Session::wait_for_request() {
  if (timed_out_ || aborting_) co_return false;
  if (tls_ != nullptr) co_return true;
  state_ = State::kIdle;
  error_code error;
  co_await socket_.async_wait(TcpSocket::wait_read, asio::redirect_error(use_io_awaitable, error));
  state_ = State::kHandling;
  co_return !error;
}

// Adds to the buffer; false when nothing more came.
Awaitable<bool> Session::fill(State state) {
  if (buffer_begin_ == buffer_end_) buffer_begin_ = buffer_end_ = 0;
  if (buffer_end_ == buffer_.size()) {
    if (buffer_begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + buffer_begin_, buffer_end_ - buffer_begin_);
      buffer_end_ -= buffer_begin_;
      buffer_begin_ = 0;
    } else {
      buffer_.resize(std::max(kSmallBuffer, buffer_.size() * 2));
    }
  }
  const std::size_t count = co_await receive(std::span(buffer_).subspan(buffer_end_), state);
  buffer_end_ += count;
  co_return count != 0;
}

Awaitable<Session::HeaderResult> Session::read_header() {
  message_ = std::make_unique<Message>();
  auto& parser = message_->parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.max_header_bytes));
  parser.body_limit(boost::none);
  timed_out_ = false;
  bool began = false;
  bool need_more = false;
  extend_deadline(limits_.idle_timeout);
  while (!parser.is_header_done()) {
    // Empty lines between requests are allowed (RFC 9112, section 2.2).
    while (!began && buffer_begin_ < buffer_end_ && (buffer_[buffer_begin_] == '\r' || buffer_[buffer_begin_] == '\n')) {
      ++buffer_begin_;
    }
    if (!began && buffer_begin_ < buffer_end_) {
      began = true;
      extend_deadline(limits_.header_timeout);
    }
    if (need_more || buffer_begin_ == buffer_end_) {
      if (!began && finishing_) co_return HeaderResult::kClosed;
      if (!began) {
        const bool coming = co_await wait_for_request();
        if (!coming) co_return HeaderResult::kClosed;
      }
      const bool more = co_await fill(began ? State::kReading : State::kStarting);
      if (!more) co_return began&& timed_out_ ? HeaderResult::kTimedOut : HeaderResult::kClosed;
      need_more = false;
      continue;
    }
    error_code error;
    buffer_begin_ += parser.put(asio::buffer(buffered()), error);
    need_more = error == beast_http::error::need_more;
    if (error == beast_http::error::header_limit) co_return HeaderResult::kTooLarge;
    if (error && !need_more) co_return HeaderResult::kMalformed;
    if (need_more && buffer_end_ - buffer_begin_ > limits_.max_header_bytes) co_return HeaderResult::kTooLarge;
  }
  co_return HeaderResult::kComplete;
}

Result<Request> Session::make_request() {
  const auto& head = message_->parser.get();
  message_->chunked = message_->parser.chunked();
  message_->remaining = message_->chunked ? 0 : message_->parser.content_length().value_or(0);
  message_->body_done = !message_->chunked && message_->remaining == 0;
  Request request;
  request.method = method_of(head.method());
  for (const auto& field : head) request.headers.add(std::string(field.name_string()), std::string(field.value()));
  const std::string_view coding = request.headers.find("transfer-encoding");
  if (!coding.empty() && (!message_->chunked || coding.contains(','))) {
    return invalid_argument("Transfer-Encoding must be 'chunked'");
  }
  message_->expects_continue = boost::beast::iequals(request.headers.find("expect"), "100-continue");
  const std::string_view target(head.target().data(), head.target().size());
  ORTHANT_TRY(parse_target(target, request));
  request.cancelled = cancelled_;
  request.client = proxies_.client_of(peer_, request.headers);
  request.body = this;
  return request;
}

std::optional<std::uint64_t> Session::content_length() const {
  if (message_->chunked) return std::nullopt;
  return message_->parser.content_length().value_or(0);
}

std::unexpected<Error> Session::read_failure() const {
  if (aborting_) return fail(ErrorCode::kUnavailable, "the server is stopping");
  if (timed_out_) return fail(ErrorCode::kDeadlineExceeded, "the request's body did not arrive in time");
  return fail(ErrorCode::kCancelled, "the connection ended within the request's body");
}

Awaitable<Result<std::size_t>> Session::read_some(std::span<char> out) {
  if (message_->body_failed) co_return read_failure();
  if (message_->body_done) co_return std::size_t{0};
  if (message_->expects_continue && buffered().empty()) {
    message_->expects_continue = false;
    const bool sent = co_await send(kContinue, {});
    if (!sent) co_return read_failure();
  }
  extend_deadline(limits_.read_timeout);
  // Not as one conditional expression: GCC 12 destroys the awaited result twice there.
  Result<std::size_t> count = std::size_t{0};
  if (message_->chunked) {
    count = co_await read_chunked(out);
  } else {
    count = co_await read_counted(out);
  }
  deadline_ = Clock::time_point::max();
  message_->body_failed = !count.has_value();
  co_return count;
}

Awaitable<Result<std::size_t>> Session::read_counted(std::span<char> out) {
  out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), message_->remaining)));
  std::size_t count = buffered().copy(out.data(), out.size());
  buffer_begin_ += count;
  if (count == 0) count = co_await receive(out, State::kReading);
  if (count == 0) co_return read_failure();
  message_->remaining -= count;
  message_->body_done = message_->remaining == 0;
  co_return count;
}

Awaitable<Result<std::size_t>> Session::read_chunked(std::span<char> out) {
  auto& parser = message_->parser;
  parser.eager(true);
  auto& target = parser.get().body();
  target.data = out.data();
  target.size = out.size();
  target.more = true;
  bool need_more = false;
  while (target.size == out.size() && !parser.is_done()) {
    if (need_more || buffered().empty()) {
      const bool more = co_await fill(State::kReading);
      if (!more) co_return read_failure();
    }
    error_code error;
    buffer_begin_ += parser.put(asio::buffer(buffered()), error);
    need_more = error == beast_http::error::need_more;
    if (error == beast_http::error::need_buffer) error = {};
    if (error && !need_more) {
      co_return invalid_argument(fmt::format("the request's chunked body is malformed ({})", error.message()));
    }
    if (need_more && buffer_end_ - buffer_begin_ > limits_.max_header_bytes) {
      co_return invalid_argument("a chunk header or trailer of the request is too large");
    }
  }
  message_->body_done = parser.is_done();
  co_return out.size() - target.size;
}

// ---- handling and writing ----

Awaitable<void> Session::serve_request() {
  state_ = State::kHandling;
  deadline_ = Clock::time_point::max();
  cancelled_ = std::make_shared<std::atomic<bool>>(aborting_);
  peer_finished_.reset();
  Result<Request> request = make_request();
  if (!request) {
    keep_alive_ = false;
    const Response refusal = text_response(400, request.error().message);
    co_await respond(refusal, false);
    co_return;
  }
  const Response response = co_await handler_(*request);
  keep_alive_ = message_->parser.keep_alive() && message_->parser.get().version() >= 11 && !response.close && !finishing_ &&
                !message_->body_failed;
  if (!message_->body_done && keep_alive_) co_await drain_body();
  if (message_->answer_begun) {
    co_await end_early_answer(response);
    co_return;
  }
  co_await respond(response, request->method == Method::kHead);
}

// A short rest of a body is read over so that the connection can be kept; of a chunked one nobody knows how long it is.
Awaitable<void> Session::drain_body() {
  const bool may_come = !message_->chunked && !message_->expects_continue && message_->remaining <= kReusableDrainBytes;
  keep_alive_ = may_come;
  std::array<char, 2048> dropped;
  const auto end = Clock::now() + limits_.drain_timeout;
  for (std::size_t total = 0; keep_alive_ && !message_->body_done;) {
    const Result<std::size_t> count = co_await read_some(dropped);
    total += count.value_or(0);
    keep_alive_ = count.has_value() && total <= kReusableDrainBytes && Clock::now() < end;
  }
}

Awaitable<bool> Session::send(std::string_view head, std::string_view body) {
  if (aborting_) timed_out_ = false;
  const State before = state_;
  state_ = State::kWriting;
  const auto size_allowance = std::chrono::milliseconds(body.size() >> 6);  // 64 KiB a second
  extend_deadline(aborting_ ? std::chrono::milliseconds(1'000) : limits_.write_timeout + size_allowance);
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head.data(), head.size()),
                                                     asio::buffer(body.data(), body.size())};
  error_code error;
  if (tls_ != nullptr) {
    co_await asio::async_write(tls_->stream, buffers, asio::redirect_error(use_io_awaitable, error));
  } else {
    co_await asio::async_write(socket_, buffers, asio::redirect_error(use_io_awaitable, error));
  }
  state_ = before;
  deadline_ = Clock::time_point::max();
  co_return !error;
}

bool Session::can_answer_early() const {
  return message_->parser.get().version() >= 11 && message_->parser.get().method() != beast_http::verb::head;
}

void Session::set_early_headers(std::vector<std::pair<std::string, std::string>> headers) {
  message_->early_headers = std::move(headers);
}

bool Session::answer_has_begun() const {
  return message_ != nullptr && message_->answer_begun;
}

Awaitable<bool> Session::write_early(const std::string& content_type, std::string_view piece) {
  if (message_->answer_failed || piece.empty()) co_return !message_->answer_failed;
  std::string head;
  if (!message_->answer_begun) {
    head = fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n", content_type);
    for (const auto& [name, value] : message_->early_headers) fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
    head += "\r\n";
  }
  message_->answer_begun = true;
  const std::string chunk = fmt::format("{}{:x}\r\n{}\r\n", head, piece.size(), piece);
  const bool sent = co_await send(chunk, {});
  message_->answer_failed = !sent;
  co_return sent;
}

Awaitable<void> Session::end_early_answer(const Response& response) {
  timed_out_ = false;
  const bool sent = co_await write_early(response.content_type, response.body);
  if (sent) {
    const bool ended = co_await send("0\r\n\r\n", {});
    if (!ended) keep_alive_ = false;
  } else {
    keep_alive_ = false;
  }
}

Awaitable<void> Session::respond(const Response& response, bool head_only) {
  timed_out_ = false;
  const std::string head = render_head(response, keep_alive_);
  const bool without_body = head_only || has_no_body(response.status);
  bool sent = co_await send(head, without_body || response.source ? std::string_view() : std::string_view(response.body));
  if (sent && response.source && !without_body) sent = co_await send_source(*response.source);
  if (!sent) keep_alive_ = false;
  if (buffer_.size() > kLargeBuffer) {
    std::string(buffered()).swap(buffer_);
    buffer_begin_ = 0;
    buffer_end_ = buffer_.size();
  }
}

Awaitable<bool> Session::send_source(BodySource& source) {
  std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kSourceBuffer, source.size())), '\0');
  for (std::uint64_t sent = 0; sent < source.size();) {
    const Result<std::size_t> count = co_await source.read_some(piece);
    if (!count || *count == 0) co_return false;
    const bool written = co_await send({}, std::string_view(piece).substr(0, *count));
    if (!written || aborting_) co_return false;
    sent += *count;
  }
  co_return true;
}

// Closing a socket with unread bytes resets the connection, and the client may lose the answer: first let the client finish.
Awaitable<void> Session::close_gently() {
  error_code error;
  timed_out_ = false;
  if (!aborting_) extend_deadline(limits_.drain_timeout);
  if (tls_ != nullptr && !aborting_) {
    // Waits for the client's farewell too, which many never send.
    if (finishing_) extend_deadline(std::chrono::milliseconds(200));
    state_ = State::kReading;
    co_await tls_->stream.async_shutdown(asio::redirect_error(use_io_awaitable, error));
    error = {};
  }
  socket_.shutdown(TcpSocket::shutdown_send, error);
  std::array<char, 2048> dropped;  // stands in the coroutine's frame, and thousands may end at once
  std::size_t total = 0;
  while (!error && !aborting_ && !finishing_ && total < limits_.max_drained_bytes) {
    const std::size_t count = co_await receive(dropped, State::kReading);
    if (count == 0) break;
    total += count;
  }
  socket_.close(error);
}

}  // namespace orthant
