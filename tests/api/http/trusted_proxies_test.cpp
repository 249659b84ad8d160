#include "api/http/trusted_proxies.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

TrustedProxies trusted(const std::vector<std::string>& given) {
  return TrustedProxies::parse(given).value();
}

std::string client_of(const TrustedProxies& proxies, const std::string& peer, const std::vector<std::string>& forwarded_for) {
  Headers headers;
  headers.add("Host", "a");
  for (const std::string& value : forwarded_for) headers.add("X-Forwarded-For", value);
  return proxies.client_of(peer, headers);
}

TEST(TrustedProxies, NobodyIsTrustedUnasked) {
  const TrustedProxies none;
  EXPECT_TRUE(none.empty());
  EXPECT_FALSE(none.trusts("127.0.0.1"));
  EXPECT_EQ(client_of(none, "127.0.0.1", {"192.0.2.1"}), "127.0.0.1");
}

TEST(TrustedProxies, KnowsAddressesAndNetworks) {
  const TrustedProxies proxies = trusted({"10.0.0.7", "172.16.5.9/12", "fd00::/8", "2001:db8::1"});
  for (const std::string_view address : {"10.0.0.7", "::ffff:10.0.0.7", "172.16.0.0", "172.31.255.255", "fd12::9", "2001:db8::1"}) {
    EXPECT_TRUE(proxies.trusts(address)) << address;
  }
  for (const std::string_view address :
       {"10.0.0.8", "172.32.0.0", "172.15.255.255", "fe00::1", "2001:db8::2", "::ffff:10.0.0.8", "", "x"}) {
    EXPECT_FALSE(proxies.trusts(address)) << address;
  }
  EXPECT_TRUE(trusted({"0.0.0.0/0"}).trusts("203.0.113.5"));
  EXPECT_FALSE(trusted({"0.0.0.0/0"}).trusts("::1"));
}

TEST(TrustedProxies, RefusesWhatIsNoNetwork) {
  for (const std::string wrong : {"", "proxy.local", "10.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.0.0.1:80"}) {
    const auto parsed = TrustedProxies::parse(std::vector{std::string("::1"), wrong});
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_TRUE(parsed.error().message.contains("'" + wrong + "'")) << parsed.error().message;
  }
}

TEST(TrustedProxies, TheClientIsTheLastWhoIsNotTrusted) {
  const TrustedProxies proxies = trusted({"127.0.0.1", "10.0.0.0/8"});
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"198.51.100.7 , 192.0.2.1,10.1.1.1"}), "192.0.2.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"198.51.100.7", "192.0.2.1", "10.1.1.1, 10.2.2.2"}), "192.0.2.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"[2001:db8::5]:4711, 10.1.1.1:80"}), "2001:db8::5");
  EXPECT_EQ(client_of(proxies, "::ffff:127.0.0.1", {"::ffff:192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(client_of(proxies, "192.0.2.9", {"198.51.100.7"}), "192.0.2.9") << "a stranger's claim";
}

TEST(TrustedProxies, WithoutAnAddressTheNearestKnownOneCounts) {
  const TrustedProxies proxies = trusted({"127.0.0.1", "10.0.0.0/8"});
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {}), "127.0.0.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {""}), "127.0.0.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"unknown"}), "127.0.0.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"192.0.2.1, unknown, 10.0.0.3"}), "10.0.0.3");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"[192.0.2.1, [::1, ]"}), "127.0.0.1");
  EXPECT_EQ(client_of(proxies, "127.0.0.1", {"10.0.0.2, 10.0.0.3"}), "10.0.0.2") << "all are trusted";
}

}  // namespace
}  // namespace orthant
