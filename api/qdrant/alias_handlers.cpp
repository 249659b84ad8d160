// Aliases of the Qdrant dialect: lists of actions that are carried out together, and the two lists of what there is.

#include "api/http/grants.h"
#include "api/qdrant/handlers.h"
#include "api/qdrant/parse_fields.h"

namespace orthant::qdrant {
namespace {

Result<std::string> parse_name(JsonValue action, std::string_view member) {
  const JsonValue value = ORTHANT_TRY(action.require(member));
  std::string name = ORTHANT_TRY(value.as_string());
  if (const auto fault = name_fault(name)) return value.validation_error(*fault);
  return name;
}

Result<AliasAction> parse_action(JsonValue value) {
  ORTHANT_TRY(value.expect_object());
  AliasAction action;
  if (const auto create = value.find("create_alias")) {
    action.collection = ORTHANT_TRY(ORTHANT_TRY(create->require("collection_name")).as_string());
    action.alias = ORTHANT_TRY(parse_name(*create, "alias_name"));
    return action;
  }
  if (const auto remove = value.find("delete_alias")) {
    action.old_alias = ORTHANT_TRY(ORTHANT_TRY(remove->require("alias_name")).as_string());
    return action;
  }
  if (const auto rename = value.find("rename_alias")) {
    action.old_alias = ORTHANT_TRY(ORTHANT_TRY(rename->require("old_alias_name")).as_string());
    action.alias = ORTHANT_TRY(parse_name(*rename, "new_alias_name"));
    return action;
  }
  return value.expected("one of create_alias, delete_alias, rename_alias");
}

Result<std::vector<AliasAction>> parse_actions(JsonValue body) {
  const JsonValue list = ORTHANT_TRY(body.require("actions"));
  ORTHANT_TRY(list.expect_array());
  std::vector<AliasAction> actions;
  for (const JsonValue value : list.items()) actions.push_back(ORTHANT_TRY(parse_action(value)));
  return actions;
}

}  // namespace

Awaitable<Response> list_aliases(Engine& engine, Request& request) {
  const std::string_view given = request.path_value("collection");
  const auto collection = engine.resolve_name(given);
  if (!given.empty() && !collection) co_return error_response(no_such_collection(given).error());
  co_return ok_response(request.received, [&](JsonWriter& json) {
    json.begin_object().key("aliases").begin_array();
    for (const auto& [alias, target] : engine.aliases()) {
      if (!given.empty() && target != *collection) continue;
      if (!may_read(request.grants.get(), target)) continue;
      json.begin_object().key("alias_name").string(alias).key("collection_name").string(target).end_object();
    }
    json.end_array().end_object();
  });
}

Awaitable<Response> update_aliases(Engine& engine, Request& request) {
  Result<std::vector<AliasAction>> actions = co_await parse_content(engine, request, parse_actions);
  if (!actions) co_return error_response(actions.error());
  const auto change = [&](Done<void> done) { engine.update_aliases(std::move(*actions), std::move(done)); };
  const Status changed = co_await await_done<Status>(change);
  if (!changed) co_return error_response(changed.error());
  co_return ok_true(request.received);
}

}  // namespace orthant::qdrant
