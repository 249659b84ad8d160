#include "engine/payload/payload.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <simdjson.h>

#include "base/json_grammar.h"

namespace orthant {
namespace {

using Steps = std::span<const JsonPath::Step>;

struct IgnoreParts {
  void scalar(JsonPart, std::size_t, std::size_t) {}
  void key(std::size_t, std::size_t) {}
  void begin_list() {}
  const char* list_number(const char* p, const char* end) { return skip_json_number(p, end); }
  void abandon_list() {}
  void end_list(std::size_t, std::size_t, std::size_t) {}
  void open(JsonPart, std::size_t) {}
  void close(std::size_t, std::size_t) {}
};

// A member of an object being edited; the value's text is owned only where it was changed.
struct Member {
  std::string_view key;  // still escaped
  std::string_view value;
  std::optional<std::string> changed;
  std::string_view text() const { return changed ? std::string_view(*changed) : value; }
};
using Members = std::vector<Member>;

std::unexpected<Error> broken() {
  return data_corruption("a stored payload is not a JSON object");
}

Result<Members> members_of(std::string_view object) {
  Members members;
  const bool whole = for_each_member(object, [&members](std::string_view key, std::string_view value) {
    members.push_back({key, value, std::nullopt});
    return true;
  });
  if (!whole) return broken();
  return members;
}

Result<std::vector<std::string_view>> elements_of(std::string_view array) {
  std::vector<std::string_view> elements;
  const bool whole = for_each_element(array, [&elements](std::string_view value) {
    elements.push_back(value);
    return true;
  });
  if (!whole) return broken();
  return elements;
}

std::string plain_key(std::string_view text) {
  std::string plain;
  unescape_json(text, plain);
  return plain;
}

std::string quote_key(std::string_view key) {
  std::string text = "\"";
  for (const char c : key) {
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static constexpr std::string_view kDigits = "0123456789abcdef";
      text += "\\u00";
      text += kDigits[static_cast<unsigned char>(c) >> 4];
      text += kDigits[c & 15];
    } else {
      text += c;
    }
  }
  return text += '"';
}

std::string join_members(const Members& members) {
  std::string text = "{";
  for (const Member& member : members) {
    if (text.size() > 1) text += ',';
    text += '"';
    text += member.key;
    text += "\":";
    text += member.text();
  }
  return text += '}';
}

template <typename Texts>
std::string join_elements(const Texts& elements) {
  std::string text = "[";
  for (const auto& element : elements) {
    if (text.size() > 1) text += ',';
    text += element;
  }
  return text += ']';
}

// The last of equal names counts, as in other readers of JSON.
Member* find_member(Members& members, std::string_view plain) {
  const auto found =
      std::find_if(members.rbegin(), members.rend(), [plain](const Member& member) { return json_text_equals(member.key, plain); });
  return found == members.rend() ? nullptr : &*found;
}

void erase_member(Members& members, std::string_view plain) {
  std::erase_if(members, [plain](const Member& member) { return json_text_equals(member.key, plain); });
}

bool is_object(std::string_view value) {
  return value.starts_with('{');
}
bool is_array(std::string_view value) {
  return value.starts_with('[');
}

Result<std::string> merge_below(std::string_view value, Steps steps, std::string_view changes);

Result<std::string> merge_below_key(std::string_view value, Steps steps, std::string_view changes) {
  Members members = ORTHANT_TRY(members_of(is_object(value) ? value : "{}"));
  Member* member = find_member(members, steps.front().key);
  if (member != nullptr) {
    member->changed = ORTHANT_TRY(merge_below(member->text(), steps.subspan(1), changes));
    return join_members(members);
  }
  std::string made = ORTHANT_TRY(merge_below("{}", steps.subspan(1), changes));
  const std::string key = quote_key(steps.front().key);
  members.push_back({std::string_view(key).substr(1, key.size() - 2), {}, std::move(made)});
  return join_members(members);
}

Result<std::string> merge_below_elements(std::string_view value, Steps steps, std::string_view changes) {
  if (!is_array(value)) return "[]";
  const std::vector<std::string_view> elements = ORTHANT_TRY(elements_of(value));
  std::vector<std::string> merged;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const bool named = steps.front().kind == JsonPath::StepKind::kEach || steps.front().index == i;
    merged.push_back(named ? ORTHANT_TRY(merge_below(elements[i], steps.subspan(1), changes)) : std::string(elements[i]));
  }
  return join_elements(merged);
}

Result<std::string> merge_below(std::string_view value, Steps steps, std::string_view changes) {
  if (steps.empty()) return merge_payload(is_object(value) ? value : "{}", changes);
  if (steps.front().kind == JsonPath::StepKind::kKey) return merge_below_key(value, steps, changes);
  return merge_below_elements(value, steps, changes);
}

Result<std::string> delete_below(std::string_view value, Steps steps);

Result<std::string> delete_below_key(std::string_view value, Steps steps) {
  if (!is_object(value)) return std::string(value);
  Members members = ORTHANT_TRY(members_of(value));
  Member* member = find_member(members, steps.front().key);
  if (member == nullptr) return std::string(value);
  if (steps.size() == 1) {
    erase_member(members, steps.front().key);
  } else {
    member->changed = ORTHANT_TRY(delete_below(member->text(), steps.subspan(1)));
  }
  return join_members(members);
}

Result<std::string> delete_below_elements(std::string_view value, Steps steps) {
  if (!is_array(value)) return std::string(value);
  const bool each = steps.front().kind == JsonPath::StepKind::kEach;
  if (steps.size() == 1) return each ? std::string("[]") : std::string(value);
  const std::vector<std::string_view> elements = ORTHANT_TRY(elements_of(value));
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const bool named = each || steps.front().index == i;
    kept.push_back(named ? ORTHANT_TRY(delete_below(elements[i], steps.subspan(1))) : std::string(elements[i]));
  }
  return join_elements(kept);
}

Result<std::string> delete_below(std::string_view value, Steps steps) {
  return steps.front().kind == JsonPath::StepKind::kKey ? delete_below_key(value, steps) : delete_below_elements(value, steps);
}

}  // namespace

Status validate_payload(std::string_view text) {
  if (!is_object(text)) return invalid_argument("payload: expected a JSON object");
  IgnoreParts sink;
  JsonGrammar grammar(text, kMaxPayloadDepth, sink);
  if (!grammar.parse()) {
    return invalid_argument(std::string("payload: ") + grammar.problem() + " at byte " + std::to_string(grammar.problem_offset()));
  }
  if (!simdjson::validate_utf8(text.data(), text.size())) return invalid_argument("payload: the text is not UTF-8");
  return {};
}

Result<std::string> merge_payload(std::string_view payload, std::string_view changes) {
  Members members = ORTHANT_TRY(members_of(payload));
  for (const Member& change : ORTHANT_TRY(members_of(changes))) {
    const std::string key = plain_key(change.key);
    if (change.value == "null") {
      erase_member(members, key);
    } else if (Member* member = find_member(members, key)) {
      *member = {member->key, change.value, std::nullopt};
    } else {
      members.push_back(change);
    }
  }
  return join_members(members);
}

Result<std::string> merge_payload_at(std::string_view payload, const JsonPath& key, std::string_view changes) {
  if (!is_object(payload)) return broken();
  return merge_below(payload, key.steps(), changes);
}

Result<std::string> delete_payload_keys(std::string_view payload, std::span<const JsonPath> keys) {
  if (!is_object(payload)) return broken();
  std::string text(payload);
  for (const JsonPath& key : keys) text = ORTHANT_TRY(delete_below(text, key.steps()));
  return text;
}

}  // namespace orthant
