#pragma once
// TrustedProxies: whose word is taken for where a request comes from. Immutable after parse(), any thread.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "api/http/message.h"
#include "base/result.h"

namespace orthant {

class TrustedProxies {
 public:
  // Addresses and networks: "10.0.0.7", "10.0.0.0/8", "fd00::/8". invalid_argument names the one that is neither.
  static Result<TrustedProxies> parse(std::span<const std::string> given);

  bool empty() const { return v4_.empty() && v6_.empty(); }
  bool trusts(std::string_view address) const;

  // The address that a request of a connection from `peer` counts for: that of the peer, unless it is trusted; then the last one in
  // X-Forwarded-For that is not trusted. Each proxy adds at the end who asked it, so that nothing before that address is more than
  // a claim of the client.
  std::string client_of(const std::string& peer, const Headers& headers) const;

 private:
  bool trusts(const boost::asio::ip::address& address) const;

  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace orthant
