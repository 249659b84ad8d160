// The dashboard's files as they go over the wire. What they show is tested in a browser: tests/api/clients/dashboard_test.py.

#include "api/dashboard/routes.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "api/dashboard/assets.h"
#include "api/http/client.h"
#include "api/http/dispatcher.h"
#include "api/http/server.h"

namespace orthant::dashboard {
namespace {

std::filesystem::path asset_folder() {
  return std::filesystem::path(ORTHANT_SOURCE_DIR) / "api/dashboard/assets";
}

class DashboardRoutes : public testing::Test {
 protected:
  void SetUp() override {
    Router router;
    add_routes(router);
    dispatcher_ = std::make_unique<Dispatcher>(std::move(router), DispatcherOptions{});
    server_ = HttpServer::start({}, [this](Request& request) { return dispatcher_->handle(request); }).value();
    client_ = std::make_unique<HttpClient>(HttpClient::create("127.0.0.1:" + std::to_string(server_->port())).value());
  }
  void TearDown() override { server_->stop(std::chrono::seconds(5)); }

  HttpReply get(std::string_view target, const HttpHeaderList& headers = {}) {
    auto reply = client_->send("GET", target, {}, "", headers);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply.value_or(HttpReply());
  }

  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(DashboardRoutes, ServesEveryFileOfTheFolderAsItIs) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(asset_folder())) {
    const std::string name = entry.path().filename().string();
    names.insert(name);
    const HttpReply reply = get("/dashboard/" + name);
    EXPECT_EQ(reply.status, 200) << name;
    std::ifstream file(entry.path(), std::ios::binary);
    EXPECT_EQ(reply.body, std::string(std::istreambuf_iterator<char>(file), {})) << name;
    EXPECT_FALSE(reply.header("content-type").starts_with("application/json")) << name;
    EXPECT_EQ(reply.header("x-content-type-options"), "nosniff") << name;
    EXPECT_TRUE(reply.header("content-security-policy").starts_with("default-src 'none'")) << name;
  }
  EXPECT_EQ(names.size(), assets().size());
}

TEST_F(DashboardRoutes, LeadsToThePage) {
  const HttpReply reply = get("/dashboard/");
  EXPECT_EQ(reply.status, 302);
  EXPECT_EQ(reply.header("location"), "/dashboard/index.html");
  EXPECT_EQ(get("/dashboard/../orthantd.cpp").status, 404);
}

TEST_F(DashboardRoutes, SendsAFileOnceToABrowserThatKeepsIt) {
  const std::string etag(get("/dashboard/app.js").header("etag"));
  ASSERT_FALSE(etag.empty());
  const HttpReply again = get("/dashboard/app.js", {{"If-None-Match", etag}});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_NE(get("/dashboard/style.css").header("etag"), etag);
}

// The content security policy would refuse these: a page that needs them would be broken.
TEST(DashboardAssets, TakeNothingFromElsewhereAndHaveNoInlineCode) {
  const std::regex outside(R"((src|href)=["']https?:|url\(\s*["']?https?:|import[^;]*["']https?:)");
  const std::regex inline_code(
      R"(<script(?![^>]*src=)|\son\w+=["']|\sstyle=["']|innerHTML|outerHTML|insertAdjacentHTML|document\.write)");
  for (const Asset& asset : assets()) {
    const std::string content(asset.content);
    EXPECT_FALSE(std::regex_search(content, outside)) << asset.name;
    EXPECT_FALSE(std::regex_search(content, inline_code)) << asset.name;
  }
}

}  // namespace
}  // namespace orthant::dashboard
