#include "api/http/trusted_proxies.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "base/ascii_case.h"
#include "base/trimmed.h"

namespace orthant {
namespace {

namespace ip = boost::asio::ip;
using boost::system::error_code;

constexpr std::string_view kForwardedFor = "x-forwarded-for";

// A socket that listens for both versions gives addresses of version 4 as ::ffff:a.b.c.d.
ip::address unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

std::optional<ip::address> parse_address(std::string_view text) {
  error_code error;
  const ip::address address = ip::make_address(std::string(text), error);
  if (error) return std::nullopt;
  return unmapped(address);
}

// Some proxies add a port: "192.0.2.1:4711", "[2001:db8::1]:4711".
std::string_view without_port(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, text.find(']') == std::string_view::npos ? 0 : text.find(']') - 1);
  if (std::ranges::count(text, ':') == 1) return text.substr(0, text.find(':'));
  return text;
}

// All entries of all fields, in the order in which proxies added them.
std::vector<std::string_view> forwarded_for(const Headers& headers) {
  std::vector<std::string_view> entries;
  for (const auto& [name, value] : headers.fields()) {
    if (!equal_ignoring_case(name, kForwardedFor)) continue;
    std::string_view rest = value;
    for (;;) {
      const std::size_t comma = rest.find(',');
      entries.push_back(without_port(trimmed(rest.substr(0, comma))));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return entries;
}

}  // namespace

Result<TrustedProxies> TrustedProxies::parse(std::span<const std::string> given) {
  TrustedProxies proxies;
  for (const std::string& text : given) {
    const auto address = parse_address(text);
    error_code v4_error;
    error_code v6_error;
    if (address && address->is_v4()) {
      proxies.v4_.emplace_back(address->to_v4(), 32);
    } else if (address) {
      proxies.v6_.emplace_back(address->to_v6(), 128);
    } else if (const auto v4 = ip::make_network_v4(text, v4_error); !v4_error) {
      proxies.v4_.push_back(v4.canonical());
    } else if (const auto v6 = ip::make_network_v6(text, v6_error); !v6_error) {
      proxies.v6_.push_back(v6.canonical());
    } else {
      return invalid_argument(fmt::format("trusted_proxy: found '{}', expected an address or a network such as 10.0.0.0/8", text));
    }
  }
  return proxies;
}

bool TrustedProxies::trusts(const ip::address& address) const {
  const auto holds = [](const auto& network, const auto& host) {
    using Network = std::decay_t<decltype(network)>;
    return Network(host, network.prefix_length()).canonical() == network;
  };
  if (address.is_v4()) return std::ranges::any_of(v4_, [&](const auto& network) { return holds(network, address.to_v4()); });
  return std::ranges::any_of(v6_, [&](const auto& network) { return holds(network, address.to_v6()); });
}

bool TrustedProxies::trusts(std::string_view address) const {
  if (empty()) return false;
  const auto parsed = parse_address(address);
  return parsed && trusts(*parsed);
}

std::string TrustedProxies::client_of(const std::string& peer, const Headers& headers) const {
  if (!trusts(peer)) return peer;
  std::string client = peer;
  const std::vector<std::string_view> entries = forwarded_for(headers);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto address = parse_address(*entry);
    if (!address) break;  // "unknown", or nonsense: what stands before it cannot be trusted either
    client = address->to_string();
    if (!trusts(*address)) break;
  }
  return client;
}

}  // namespace orthant
