#include "api/http/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/http/tls_client.h"
#include "base/ascii_case.h"
#include "base/parse_number.h"

namespace orthant {
namespace {

namespace beast_http = boost::beast::http;
using ReplyParser = beast_http::response_parser<beast_http::string_body>;

constexpr std::size_t kReadBytes = std::size_t{64} << 10;

std::unexpected<Error> connection_error(std::string_view what, const std::string& address) {
  return fail(ErrorCode::kUnavailable, fmt::format("{} {}: {}", what, address, std::strerror(errno)));
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

struct Endpoint {
  std::string host;
  std::string port = "6333";
  bool tls = false;
  std::string text() const { return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port); }
};

Result<Endpoint> parse_base_url(std::string_view url) {
  std::string_view rest = url;
  Endpoint endpoint;
  endpoint.tls = rest.starts_with("https://");
  if (endpoint.tls || rest.starts_with("http://")) rest.remove_prefix(rest.find("://") + 3);
  if (rest.contains("://")) return invalid_argument(fmt::format("address {}: only http:// and https:// are supported", url));
  while (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view after_host = rest;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos) return invalid_argument(fmt::format("address {}: ']' is missing", url));
    endpoint.host = rest.substr(1, end - 1);
    after_host = rest.substr(end + 1);
  } else {
    endpoint.host = rest.substr(0, rest.find(':'));
    after_host = rest.substr(endpoint.host.size());
  }
  if (endpoint.host.empty() || after_host.contains('/')) {
    return invalid_argument(fmt::format("address {}: expected http://host:port", url));
  }
  if (after_host.empty()) return endpoint;
  const auto port = parse_number<unsigned>(after_host.substr(1));
  if (after_host[0] != ':' || !port || *port == 0 || *port > 65'535) {
    return invalid_argument(fmt::format("address {}: the port must be a number from 1 to 65535", url));
  }
  endpoint.port = after_host.substr(1);
  return endpoint;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const unsigned char byte : text) {
    if (std::isalnum(byte) || std::strchr("-._~", byte) != nullptr) {
      out.push_back(static_cast<char>(byte));
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", byte);
    }
  }
  return out;
}

std::string_view HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return {};
}

class HttpClient::Impl {
 public:
  Impl(Endpoint endpoint, HttpClientOptions options) : endpoint_(std::move(endpoint)), options_(options) {}
  ~Impl() { close(); }

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    tls_.reset();
  }

  bool connected() const { return socket_ >= 0; }

  Status connect() {
    if (socket_ >= 0) return {};
    AddressList addresses;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    const int found = getaddrinfo(endpoint_.host.c_str(), endpoint_.port.c_str(), &hints, &addresses.first);
    if (found != 0) return fail(ErrorCode::kUnavailable, fmt::format("{}: {}", endpoint_.host, gai_strerror(found)));
    Status last = fail(ErrorCode::kUnavailable, endpoint_.host + " has no address");
    for (const addrinfo* address = addresses.first; address != nullptr; address = address->ai_next) {
      last = connect_to(*address);
      if (last && endpoint_.tls) last = shake_hands();
      if (last) return last;
      close();
    }
    return last;
  }

  std::string request_head(std::string_view method, std::string_view target, std::string_view content_type,
                           const HttpHeaderList& headers) const {
    std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", method, target, endpoint_.text());
    if (!content_type.empty()) head += fmt::format("Content-Type: {}\r\n", content_type);
    for (const HttpHeaderList* list : {&options_.headers, &headers}) {
      for (const auto& [name, value] : *list) head += fmt::format("{}: {}\r\n", name, value);
    }
    return head;
  }

  // Writes all of `bytes`. With `stop_at_answer`, false means that the server has begun to answer.
  Result<bool> write(std::string_view bytes, bool stop_at_answer) {
    if (!tls_) return write_raw(bytes, stop_at_answer);
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, kReadBytes);
      ORTHANT_TRY(tls_->encrypt(piece));
      const bool all = ORTHANT_TRY(write_raw(tls_->take_output(), stop_at_answer));
      if (!all) return false;
      bytes.remove_prefix(piece.size());
    }
    return true;
  }

  // `any_byte` tells whether a byte of the answer arrived, also on failure.
  // With a sink, the body of a success goes there.
  Result<HttpReply> read_reply(bool head_request, bool& any_byte, const HttpClient::BodySink* sink = nullptr) {
    any_byte = false;
    ReplyParser parser;
    parser.body_limit(options_.max_answer_bytes);
    if (sink != nullptr) parser.body_limit(boost::none);
    parser.skip(head_request);
    parser.eager(true);
    std::string pending;
    std::array<char, kReadBytes> piece;
    while (!parser.is_done()) {
      const std::size_t count = ORTHANT_TRY(read_some(piece));
      boost::system::error_code error;
      if (count == 0) {
        if (!any_byte) return fail(ErrorCode::kUnavailable, endpoint_.text() + " closed the connection without an answer");
        parser.put_eof(error);
        if (error || !parser.is_done()) {
          return fail(ErrorCode::kUnavailable, endpoint_.text() + " closed the connection within its answer");
        }
        break;
      }
      any_byte = true;
      pending.append(piece.data(), count);
      if (Status parsed = parse_pending(parser, pending); !parsed) return std::unexpected(parsed.error());
      if (sink != nullptr && parser.is_header_done()) ORTHANT_TRY(pour(parser, *sink));
    }
    return finish_reply(parser);
  }

 private:
  Status pour(ReplyParser& parser, const HttpClient::BodySink& sink) const {
    std::string& body = parser.get().body();
    if (parser.get().result_int() / 100 == 2) {
      if (!body.empty()) ORTHANT_TRY(sink(body));
      body.clear();
    } else if (body.size() > options_.max_answer_bytes) {
      return data_corruption(fmt::format("answer of {}: an error of more than {} bytes", endpoint_.text(), body.size()));
    }
    return {};
  }

  Status connect_to(const addrinfo& address) {
    socket_ = ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.ai_protocol);
    if (socket_ < 0) return connection_error("connecting to", endpoint_.text());
    const int enabled = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled);
    if (::connect(socket_, address.ai_addr, address.ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS) return connection_error("connecting to", endpoint_.text());
    pollfd waiting{socket_, POLLOUT, 0};
    if (poll(&waiting, 1, static_cast<int>(options_.connect_timeout.count())) <= 0) {
      return fail(ErrorCode::kDeadlineExceeded, fmt::format("connecting to {} took too long", endpoint_.text()));
    }
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure == 0) return {};
    errno = failure;
    return connection_error("connecting to", endpoint_.text());
  }

  Result<short> wait(short events) {
    pollfd waiting{socket_, events, 0};
    int ready = 0;
    do {
      ready = poll(&waiting, 1, static_cast<int>(options_.io_timeout.count()));
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) return connection_error("waiting for", endpoint_.text());
    if (ready == 0) {
      return fail(ErrorCode::kDeadlineExceeded,
                  fmt::format("{} did nothing for {} ms", endpoint_.text(), options_.io_timeout.count()));
    }
    return waiting.revents;
  }

  Status shake_hands() {
    tls_ = ORTHANT_TRY(TlsClient::create(endpoint_.host, options_.ca_file));
    std::array<char, kReadBytes> piece;
    while (true) {
      const bool done = ORTHANT_TRY(tls_->shake_hands());
      ORTHANT_TRY(write_raw(tls_->take_output(), false));
      if (done) return {};
      const std::size_t count = ORTHANT_TRY(read_raw(piece));
      if (count == 0) return fail(ErrorCode::kUnavailable, endpoint_.text() + " closed the connection in the TLS handshake");
      tls_->feed({piece.data(), count});
    }
  }

  // What came may be TLS's own and no answer.
  Result<bool> answer_has_begun() {
    if (!tls_) return true;
    std::array<char, 4096> piece;
    const ssize_t count = ::recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
    if (count == 0) return true;
    if (count > 0) tls_->feed({piece.data(), static_cast<std::size_t>(count)});
    return tls_->has_input();
  }

  Result<bool> write_raw(std::string_view bytes, bool stop_at_answer) {
    while (!bytes.empty()) {
      const short events = ORTHANT_TRY(wait(static_cast<short>(stop_at_answer ? POLLOUT | POLLIN : POLLOUT)));
      if (stop_at_answer && (events & POLLIN) != 0 && ORTHANT_TRY(answer_has_begun())) return false;
      if ((events & POLLOUT) == 0) continue;
      const ssize_t written = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (written < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (written < 0) return connection_error("writing to", endpoint_.text());
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

  Result<std::size_t> read_some(std::span<char> out) {
    if (!tls_) return read_raw(out);
    std::array<char, kReadBytes> piece;
    while (true) {
      const std::size_t count = ORTHANT_TRY(tls_->decrypt(out));
      if (count > 0 || tls_->ended()) return count;
      const std::size_t raw = ORTHANT_TRY(read_raw(piece));
      if (raw == 0) return std::size_t{0};
      tls_->feed({piece.data(), raw});
    }
  }

  Result<std::size_t> read_raw(std::span<char> out) {
    while (true) {
      ORTHANT_TRY(wait(POLLIN));
      const ssize_t count = ::recv(socket_, out.data(), out.size(), MSG_DONTWAIT);
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EAGAIN && errno != EINTR) return connection_error("reading from", endpoint_.text());
    }
  }

  Status parse_pending(ReplyParser& parser, std::string& pending) {
    boost::system::error_code error;
    std::size_t used = 0;
    while (used < pending.size() && !parser.is_done()) {
      const std::size_t count = parser.put(boost::asio::buffer(pending.data() + used, pending.size() - used), error);
      used += count;
      if (error == beast_http::error::need_more) break;
      if (error) return data_corruption(fmt::format("answer of {}: {}", endpoint_.text(), error.message()));
      // An interim answer: the real one follows.
      if (parser.is_done() && parser.get().result_int() / 100 == 1) {
        return data_corruption(fmt::format("answer of {}: unexpected status {}", endpoint_.text(), parser.get().result_int()));
      }
    }
    pending.erase(0, used);
    return {};
  }

  HttpReply finish_reply(ReplyParser& parser) {
    if (!parser.keep_alive()) close();
    auto message = parser.release();
    HttpReply reply;
    reply.status = static_cast<int>(message.result_int());
    for (const auto& field : message) reply.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    reply.body = std::move(message.body());
    return reply;
  }

  const Endpoint endpoint_;
  const HttpClientOptions options_;
  int socket_ = -1;
  std::optional<TlsClient> tls_;  // where https:// is spoken
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Result<HttpClient> HttpClient::create(std::string_view base_url, HttpClientOptions options) {
  Endpoint endpoint = ORTHANT_TRY(parse_base_url(base_url));
  return HttpClient(std::make_unique<Impl>(std::move(endpoint), options));
}

void HttpClient::close() {
  impl_->close();
}

Result<HttpReply> HttpClient::send(std::string_view method, std::string_view target, std::string_view body,
                                   std::string_view content_type, const HttpHeaderList& headers) {
  std::string message = impl_->request_head(method, target, body.empty() ? std::string_view() : content_type, headers);
  const bool may_have_body = !body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (may_have_body) message += fmt::format("Content-Length: {}\r\n", body.size());
  message += "\r\n";
  while (true) {
    const bool reused = impl_->connected();
    ORTHANT_TRY(impl_->connect());
    bool any_byte = false;
    Result<HttpReply> reply = [&]() -> Result<HttpReply> {
      ORTHANT_TRY(impl_->write(message, false));
      const bool whole_body = ORTHANT_TRY(impl_->write(body, true));
      HttpReply answer = ORTHANT_TRY(impl_->read_reply(method == "HEAD", any_byte));
      if (!whole_body) impl_->close();
      return answer;
    }();
    if (reply) return reply;
    impl_->close();
    if (!reused || any_byte || reply.error().code != ErrorCode::kUnavailable) return reply;
  }
}

Result<HttpReply> HttpClient::upload(std::string_view method, std::string_view target, const BodySource& next,
                                     std::string_view content_type, const HttpHeaderList& headers) {
  impl_->close();
  ORTHANT_TRY(impl_->connect());
  const auto exchange = [&]() -> Result<HttpReply> {
    std::string head = impl_->request_head(method, target, content_type, headers) + "Transfer-Encoding: chunked\r\n\r\n";
    bool sending = ORTHANT_TRY(impl_->write(head, true));
    bool complete = false;
    while (sending && !complete) {
      const std::string piece = ORTHANT_TRY(next());
      complete = piece.empty();
      const std::string chunk = complete ? "0\r\n\r\n" : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
      sending = ORTHANT_TRY(impl_->write(chunk, true));
    }
    bool any_byte = false;
    Result<HttpReply> reply = impl_->read_reply(method == "HEAD", any_byte);
    if (!complete || !sending) impl_->close();
    return reply;
  };
  Result<HttpReply> reply = exchange();
  if (!reply) impl_->close();
  return reply;
}

Result<HttpReply> HttpClient::download(std::string_view target, const BodySink& sink, const HttpHeaderList& headers) {
  impl_->close();
  ORTHANT_TRY(impl_->connect());
  const auto exchange = [&]() -> Result<HttpReply> {
    const std::string head = impl_->request_head("GET", target, {}, headers) + "\r\n";
    ORTHANT_TRY(impl_->write(head, false));
    bool any_byte = false;
    return impl_->read_reply(false, any_byte, &sink);
  };
  Result<HttpReply> reply = exchange();
  if (!reply) impl_->close();
  return reply;
}

}  // namespace orthant
