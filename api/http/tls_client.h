#pragma once
// TlsClient: one client's side of a TLS connection, free of sockets: bytes from the server go in, bytes for the server come out.
// The server must show a certificate for `host` that the system's authorities, or those of a file, have signed. One thread at a
// time.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace orthant {

class TlsClient {
 public:
  // `ca_file` (PEM) in place of the system's authorities; empty: those. invalid_argument when it cannot be read.
  static Result<TlsClient> create(const std::string& host, const std::string& ca_file);
  ~TlsClient();
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;

  // True once the handshake is done; false: give what take_output() holds to the server, and feed() what it answers.
  // failed_precondition says why the server is not trusted.
  Result<bool> shake_hands();
  void feed(std::string_view from_server);
  // What is to be sent, and forgotten here.
  std::string take_output();

  Status encrypt(std::string_view bytes);
  // The number of bytes put into `out`; 0: feed() more first.
  Result<std::size_t> decrypt(std::span<char> out);
  // Whether decrypt() would give something.
  bool has_input();
  // The server has said that it sends nothing more.
  bool ended() const;

 private:
  struct Impl;
  explicit TlsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace orthant
