#include "api/http/router.h"

#include <gtest/gtest.h>

namespace orthant {
namespace {

Router make_router() {
  Router router;
  const auto add = [&](Method method, std::string pattern) { router.add({method, std::move(pattern), nullptr, nullptr}); };
  add(Method::kGet, "/");
  add(Method::kGet, "/collections/{collection}/points/{id}");
  add(Method::kPost, "/collections/{collection}/points/{id}");
  add(Method::kPost, "/collections/{collection}/points/query");
  return router;
}

const Route* match(const Router& router, Method method, std::string_view target, Request& request) {
  request.method = method;
  EXPECT_TRUE(parse_target(target, request));
  return router.match(request);
}

TEST(Router, GivesTheValuesOfAPattern) {
  const Router router = make_router();
  Request request;
  const Route* route = match(router, Method::kGet, "/collections/a%20b/points/17", request);
  ASSERT_NE(route, nullptr);
  EXPECT_EQ(request.path_value("collection"), "a b");
  EXPECT_EQ(request.path_value("id"), "17");
}

TEST(Router, PrefersLiteralPartsOverVariables) {
  const Router router = make_router();
  Request request;
  EXPECT_EQ(match(router, Method::kPost, "/collections/a/points/query", request)->pattern,
            "/collections/{collection}/points/query");
  Request other;
  EXPECT_EQ(match(router, Method::kPost, "/collections/a/points/7", other)->pattern, "/collections/{collection}/points/{id}");
}

TEST(Router, ServesHeadAsGetAndRootWithTrailingSlashes) {
  const Router router = make_router();
  Request request;
  EXPECT_NE(match(router, Method::kHead, "/", request), nullptr);
  Request slashes;
  EXPECT_NE(match(router, Method::kGet, "/collections/a/points/7//", slashes), nullptr);
}

TEST(Router, TellsUnknownPathsFromUnknownMethods) {
  const Router router = make_router();
  Request unknown;
  EXPECT_EQ(match(router, Method::kGet, "/nothing", unknown), nullptr);
  EXPECT_TRUE(router.allowed_methods(unknown).empty());
  Request wrong_method;
  EXPECT_EQ(match(router, Method::kDelete, "/", wrong_method), nullptr);
  EXPECT_EQ(router.allowed_methods(wrong_method), std::vector<Method>{Method::kGet});
}

}  // namespace
}  // namespace orthant
