#include "api/http/tls_context.h"

#include <array>
#include <ctime>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "api/http/tls_settings.h"
#include "base/log.h"
#include "base/metrics.h"

namespace orthant {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr std::chrono::seconds kLookInterval{1};

std::unexpected<Error> bad_file(std::string_view what, const std::string& file, const error_code& error) {
  ERR_clear_error();
  return invalid_argument(fmt::format("{} \"{}\": {}", what, file, error.message()));
}

// HTTP/1.1 is all that is spoken: clients that offer anything else beside it learn so in the handshake.
int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_bytes, const unsigned char* offered,
                    unsigned offered_bytes, void* /*argument*/) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_bytes, kHttp11, sizeof kHttp11 - 1, offered, offered_bytes);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// Seconds from now to the end of the certificate.
std::int64_t seconds_left(const ssl::context& context) {
  const X509* certificate = SSL_CTX_get0_certificate(const_cast<ssl::context&>(context).native_handle());
  int days = 0;
  int seconds = 0;
  if (certificate == nullptr || ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return 0;
  return std::int64_t{days} * 86'400 + seconds;
}

Result<std::shared_ptr<TlsSettings>> load_files(const TlsFiles& files) {
  auto settings = std::make_shared<TlsSettings>();
  ssl::context& context = settings->context;
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // idle connections keep none
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  error_code error;
  context.use_certificate_chain_file(files.certificate, error);
  if (error) return bad_file("tls_cert", files.certificate, error);
  context.use_private_key_file(files.key, ssl::context::pem, error);
  if (error) return bad_file("tls_key", files.key, error);
  if (SSL_CTX_check_private_key(native) != 1) {
    ERR_clear_error();
    return invalid_argument(fmt::format("tls_key \"{}\": is not the key of the certificate \"{}\"", files.key, files.certificate));
  }
  if (seconds_left(context) <= 0)
    return invalid_argument(fmt::format("tls_cert \"{}\": the certificate is over", files.certificate));
  if (!files.client_ca.empty()) {
    context.load_verify_file(files.client_ca, error);
    if (error) return bad_file("tls_client_ca", files.client_ca, error);
    context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  }
  return settings;
}

void show_end(const TlsSettings& settings) {
  gauge("orthant_tls_certificate_end_seconds", "When the certificate of HTTPS ends, in seconds since 1970")
      .set(static_cast<std::int64_t>(std::time(nullptr)) + seconds_left(settings.context));
}

}  // namespace

TlsContext::TlsContext(TlsFiles files) : files_(std::move(files)) {}
TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::load(const TlsFiles& files) {
  std::unique_ptr<TlsContext> context(new TlsContext(files));
  context->loaded_ = context->stamp();
  context->settings_ = ORTHANT_TRY(load_files(files));
  context->next_look_ = std::chrono::steady_clock::now() + kLookInterval;
  show_end(*context->settings_);
  return context;
}

TlsContext::Stamp TlsContext::stamp() const {
  Stamp times{};
  const std::array<const std::string*, 3> files = {&files_.certificate, &files_.key, &files_.client_ca};
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::error_code missing;
    if (!files[i]->empty()) times[i] = std::filesystem::last_write_time(*files[i], missing);
  }
  return times;
}

std::shared_ptr<TlsSettings> TlsContext::current() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return settings_;
  next_look_ = now + kLookInterval;
  const Stamp found = stamp();
  if (found == loaded_) return settings_;
  // Also after a failure: the same files are not tried again, and whoever replaces both writes the second one later.
  loaded_ = found;
  Result<std::shared_ptr<TlsSettings>> fresh = load_files(files_);
  if (!fresh) {
    log_error(fmt::format("the changed TLS files cannot be used, the old certificate goes on: {}", fresh.error().message));
    return settings_;
  }
  settings_ = std::move(*fresh);
  show_end(*settings_);
  log_info("the TLS certificate was read anew");
  return settings_;
}

}  // namespace orthant
