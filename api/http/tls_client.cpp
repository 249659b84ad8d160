#include "api/http/tls_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace orthant {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  char text[256] = "unknown";
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

bool is_address(const std::string& host) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

}  // namespace

struct TlsClient::Impl {
  std::unique_ptr<SSL_CTX, FreeContext> context{SSL_CTX_new(TLS_client_method())};
  std::unique_ptr<SSL, FreeSsl> ssl;
  BIO* input = nullptr;   // owned by ssl
  BIO* output = nullptr;  // owned by ssl
  bool ended = false;

  // What the result of an SSL_ call means: true to go on later, false for the end.
  Result<bool> later(int result) {
    const int reason = SSL_get_error(ssl.get(), result);
    if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return true;
    if (reason == SSL_ERROR_ZERO_RETURN) return false;
    return fail(ErrorCode::kUnavailable, fmt::format("TLS: {}", last_error()));
  }
};

TlsClient::TlsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClient::~TlsClient() = default;
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;

Result<TlsClient> TlsClient::create(const std::string& host, const std::string& ca_file) {
  auto impl = std::make_unique<Impl>();
  SSL_CTX* context = impl->context.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) return invalid_argument(fmt::format("certificates of authorities \"{}\": {}", ca_file, last_error()));
  impl->ssl.reset(SSL_new(context));
  SSL* ssl = impl->ssl.get();
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str());
  } else {
    SSL_set1_host(ssl, host.c_str());
    SSL_set_tlsext_host_name(ssl, host.c_str());
  }
  impl->input = BIO_new(BIO_s_mem());
  impl->output = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, impl->input, impl->output);
  SSL_set_connect_state(ssl);
  return TlsClient(std::move(impl));
}

Result<bool> TlsClient::shake_hands() {
  const int result = SSL_do_handshake(impl_->ssl.get());
  if (result == 1) return true;
  const long trust = SSL_get_verify_result(impl_->ssl.get());
  if (trust != X509_V_OK) {
    ERR_clear_error();
    return fail(ErrorCode::kFailedPrecondition, fmt::format("the server's certificate: {}", X509_verify_cert_error_string(trust)));
  }
  ORTHANT_TRY(impl_->later(result));
  return false;
}

void TlsClient::feed(std::string_view from_server) {
  BIO_write(impl_->input, from_server.data(), static_cast<int>(from_server.size()));
}

std::string TlsClient::take_output() {
  std::string bytes(BIO_ctrl_pending(impl_->output), '\0');
  if (!bytes.empty()) BIO_read(impl_->output, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

Status TlsClient::encrypt(std::string_view bytes) {
  std::size_t written = 0;
  const int result = SSL_write_ex(impl_->ssl.get(), bytes.data(), bytes.size(), &written);
  if (result == 1 && written == bytes.size()) return {};
  return fail(ErrorCode::kUnavailable, fmt::format("TLS: {}", last_error()));
}

Result<std::size_t> TlsClient::decrypt(std::span<char> out) {
  std::size_t count = 0;
  const int result = SSL_read_ex(impl_->ssl.get(), out.data(), out.size(), &count);
  if (result == 1) return count;
  impl_->ended = !ORTHANT_TRY(impl_->later(result));
  return std::size_t{0};
}

bool TlsClient::has_input() {
  char byte = 0;
  std::size_t count = 0;
  const bool has = SSL_peek_ex(impl_->ssl.get(), &byte, 1, &count) == 1;
  ERR_clear_error();
  return has;
}

bool TlsClient::ended() const {
  return impl_->ended;
}

}  // namespace orthant
