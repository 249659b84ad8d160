// Every route is in the document, and nothing else is. Whether answers fit it is tested with schemathesis: tests/api/clients.

#include "api/openapi/document.h"

#include <set>

#include <gtest/gtest.h>

#include "api/api_context.h"
#include "api/json/json_reader.h"
#include "api/routes.h"

namespace orthant::openapi {
namespace {

class OpenApiDocument : public testing::Test {
 protected:
  ApiContext context_;
  Router router_ = make_router(context_);
};

TEST_F(OpenApiDocument, DescribesEveryRoute) {
  EXPECT_EQ(undescribed_routes(router_), std::vector<std::string>());
}

TEST_F(OpenApiDocument, DescribesNothingThatIsNotThere) {
  EXPECT_EQ(unrouted_descriptions(router_), std::vector<std::string>());
}

void collect_references(JsonValue value, std::set<std::string>& references) {
  if (value.is_object()) {
    if (const auto reference = value.find("$ref"); reference && reference->is_string())
      references.insert(reference->as_string().value());
  }
  for (const JsonValue part : value.items()) collect_references(part, references);
}

TEST_F(OpenApiDocument, IsWholeInItself) {
  const auto document = JsonDocument::parse(make_document(router_, "1.2.3"));
  ASSERT_TRUE(document) << document.error().message;
  const JsonValue root = document->root();
  EXPECT_EQ(root.require("openapi")->as_string(), "3.1.0");
  EXPECT_EQ(root.require("info")->require("version")->as_string(), "1.2.3");
  const JsonValue schemas = *root.require("components")->require("schemas");
  std::set<std::string> references;
  collect_references(root, references);
  EXPECT_GT(references.size(), 50U);
  for (const std::string& reference : references) {
    ASSERT_TRUE(reference.starts_with("#/components/schemas/")) << reference;
    EXPECT_TRUE(schemas.find(reference.substr(21))) << reference;
  }
  for (const JsonValue schema : schemas.items()) {
    EXPECT_TRUE(references.contains("#/components/schemas/" + schema.key()) || schema.key() == "Error")
        << schema.key() << " is not used";
  }
}

TEST_F(OpenApiDocument, NamesEachOperationOnce) {
  const auto document = JsonDocument::parse(make_document(router_, "1"));
  ASSERT_TRUE(document);
  std::set<std::string> names;
  for (const JsonValue path : document->root().require("paths")->items()) {
    for (const JsonValue operation : path.items()) {
      EXPECT_TRUE(names.insert(operation.require("operationId")->as_string().value()).second) << path.key();
      EXPECT_TRUE(operation.find("summary")) << path.key();
    }
  }
  EXPECT_GT(names.size(), 60U);
}

}  // namespace
}  // namespace orthant::openapi
