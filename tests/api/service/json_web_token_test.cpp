#include "api/service/json_web_token.h"

#include <gtest/gtest.h>

#include "tests/api/service/tokens.h"
#include "tests/support/random.h"

namespace orthant::service {
namespace {

using test::make_token;

TokenResult read(std::string_view claims, std::int64_t now = 1'000) {
  return read_token(make_token(claims, "secret"), "secret", now);
}

// RFC 7515, appendix A.1: made by others.
TEST(JsonWebToken, OfTheStandardIsBelieved) {
  const std::string key(
      "\x03\x23\x35\x4b\x2b\x0f\xa5\xbc\x83\x7e\x06\x65\x77\x7b\xa6\x8f\x5a\xb3\x28\xe6\xf0\x54\xc9\x28\xa9\x0f\x84\xb2\xd2\x50"
      "\x2e\xbf\xd3\xfb\x5a\x92\xd2\x06\x47\xef\x96\x8a\xb4\xc3\x77\x62\x3d\x22\x3d\x2e\x21\x72\x05\x2e\x4f\x08\xc0\xcd\x9a\xf5"
      "\x67\xd0\x80\xa3",
      64);
  const std::string token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19"
      "yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
  const TokenResult good = read_token(token, key, 1'300'819'380);
  ASSERT_EQ(good.fault, TokenFault::kNone);
  EXPECT_EQ(good.claims.grants->scope(), Grants::Scope::kReadAll);
  EXPECT_EQ(read_token(token, key, 1'300'819'410).fault, TokenFault::kNone) << "30 s are allowed for clocks that differ";
  EXPECT_EQ(read_token(token, key, 1'300'819'411).fault, TokenFault::kExpired);
  EXPECT_EQ(read_token(token, "other", 0).fault, TokenFault::kSignature);
}

TEST(JsonWebToken, SaysWhatItsBearerMayDo) {
  EXPECT_EQ(read(R"({"access":"m","subject":"ann"})").claims.grants, nullptr);
  EXPECT_EQ(read(R"({"access":"m","subject":"ann","sub":"x"})").claims.subject, "ann");
  EXPECT_EQ(read(R"({"sub":"x"})").claims.subject, "x");
  EXPECT_EQ(read(R"({"access":"r"})").claims.grants->scope(), Grants::Scope::kReadAll);
  EXPECT_EQ(read("{}").claims.grants->scope(), Grants::Scope::kReadAll);
  const TokenResult some =
      read(R"({"access":[{"collection":"a","access":"r"},{"collection":"b","access":"rw"},{"collection":"c","access":"prw"}]})");
  ASSERT_EQ(some.fault, TokenFault::kNone) << some.message;
  const Grants& grants = *some.claims.grants;
  EXPECT_TRUE(grants.check_collection("a", CollectionRight::kRead));
  EXPECT_EQ(grants.check_collection("a", CollectionRight::kWritePoints).error().message,
            "Forbidden: Write access to collection a is required");
  EXPECT_TRUE(grants.check_collection("b", CollectionRight::kWrite));
  EXPECT_TRUE(grants.check_collection("c", CollectionRight::kWritePoints));
  EXPECT_FALSE(grants.check_collection("c", CollectionRight::kWrite));
  EXPECT_FALSE(grants.check_whole_collection("c"));
  EXPECT_TRUE(grants.check_whole_collection("a"));
  EXPECT_EQ(grants.check_collection("d", CollectionRight::kRead).error().message, "Forbidden: Access to collection d is required");
  EXPECT_EQ(grants.check_manage().error().message, "Forbidden: Global access is required");
  EXPECT_EQ(Grants(Grants::Scope::kReadAll).check_manage().error().message, "Forbidden: Global manage access is required");
}

TEST(JsonWebToken, BelievesNoOtherAlgorithmAndNoOtherForm) {
  const std::string claims = R"({"access":"m"})";
  for (const char* header :
       {R"({"alg":"none"})", R"({"alg":"HS512"})", R"({"alg":"RS256"})", R"({"alg":["HS256"]})", "{}", "[]", "x"}) {
    EXPECT_EQ(read_token(make_token(claims, "secret", header), "secret", 0).fault, TokenFault::kNoToken) << header;
  }
  const std::string good = make_token(claims, "secret");
  const std::string unsigned_token = good.substr(0, good.rfind('.') + 1);
  EXPECT_EQ(read_token(unsigned_token, "secret", 0).fault, TokenFault::kSignature);
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), std::string("foo.bar.baz"), good + "=", good + " ",
        " " + good, std::string(100'000, 'a') + good}) {
    EXPECT_NE(read_token(text, "secret", 0).fault, TokenFault::kNone) << text.substr(0, 80);
  }
  for (const char* wrong : {R"({"access":"rw"})", R"({"access":1})", R"({"access":[{"collection":"a"}]})", R"([])", "no json",
                            R"({"access":[{"collection":"a","access":"m"}]})", R"({"exp":"soon"})", R"({"value_exists":{}})",
                            R"({"value_exists":{"collection":"a","matches":[{"key":"k","value":1.5}]}})"}) {
    EXPECT_EQ(read(wrong).fault, TokenFault::kNoToken) << wrong;
  }
}

TEST(JsonWebToken, RefusesClaimsThatItCannotKeep) {
  EXPECT_EQ(read(R"({"access":[{"collection":"a","access":"r","payload":{"user":1}}]})").fault, TokenFault::kClaims);
  EXPECT_EQ(read(R"({"access":[{"collection":"a","access":"r"},{"collection":"a","access":"rw"}]})").fault, TokenFault::kClaims);
  EXPECT_EQ(read(R"({"nbf":1031})").fault, TokenFault::kExpired);
  EXPECT_EQ(read(R"({"nbf":1030})").fault, TokenFault::kNone);
}

TEST(JsonWebToken, ReadsWhatMustExist) {
  const TokenResult result = read(
      R"({"value_exists":{"collection":"t","matches":[{"key":"id","value":"x"},{"key":"n","value":7},{"key":"b","value":true}]}})");
  ASSERT_EQ(result.fault, TokenFault::kNone) << result.message;
  EXPECT_EQ(result.claims.value_exists->collection, "t");
  EXPECT_EQ(result.claims.value_exists->filter.must.size(), 3U);
}

// One changed bit anywhere makes it another text, which nobody has signed.
TEST(JsonWebToken, IsRefusedWithAnyBitChanged) {
  std::mt19937_64 random(test::random_seed());
  const std::string good = make_token(R"({"access":"m","exp":9999999999})", "secret");
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    const TokenFault fault = read_token(bad, "secret", 0).fault;
    EXPECT_TRUE(fault == TokenFault::kSignature || fault == TokenFault::kNoToken) << bad;
  }
}

}  // namespace
}  // namespace orthant::service
