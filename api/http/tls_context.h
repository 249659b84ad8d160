#pragma once
// TlsContext: the certificate and key that HTTPS connections begin with, read again when their files change. A connection keeps the
// one that it began with. Safe from any thread.

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"

namespace orthant {

struct TlsFiles {
  std::string certificate;  // PEM, the server's first, then what links it to its authority
  std::string key;          // PEM
  std::string client_ca;    // PEM; when given, clients must show a certificate that one of these signed
};

// An OpenSSL context with all that TlsFiles says; defined where OpenSSL is known.
struct TlsSettings;

class TlsContext {
 public:
  // invalid_argument names the file that cannot be read, does not fit the other one, or whose certificate is over.
  static Result<std::unique_ptr<TlsContext>> load(const TlsFiles& files);
  ~TlsContext();

  // For a new connection. Looks at the files once a second at most; files that cannot be used are logged, and the old certificate
  // goes on.
  std::shared_ptr<TlsSettings> current();

 private:
  using Stamp = std::array<std::filesystem::file_time_type, 3>;
  explicit TlsContext(TlsFiles files);
  Stamp stamp() const;

  const TlsFiles files_;
  std::mutex mutex_;
  std::shared_ptr<TlsSettings> settings_;            // guarded by mutex_
  Stamp loaded_;                                     // guarded by mutex_
  std::chrono::steady_clock::time_point next_look_;  // guarded by mutex_
};

}  // namespace orthant
