#pragma once
// The definition of TlsSettings, for the files that talk to OpenSSL.

#include <boost/asio/ssl/context.hpp>

namespace orthant {

struct TlsSettings {
  boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
};

}  // namespace orthant
