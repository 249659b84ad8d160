#include <map>
#include <memory>
#include <utility>

#include "base/json_text.h"
#include "engine/payload/payload.h"

namespace orthant {
namespace {

// Paths merged by their common beginnings.
struct PathTree {
  bool whole = false;  // all below is named
  std::map<std::string, PathTree, std::less<>> keys;
  std::unique_ptr<PathTree> each;  // []

  void add(std::span<const JsonPath::Step> steps) {
    if (whole) return;
    if (steps.empty()) {
      whole = true;
      return;
    }
    const JsonPath::Step& step = steps.front();
    if (step.kind == JsonPath::StepKind::kKey) keys[step.key].add(steps.subspan(1));
    if (step.kind == JsonPath::StepKind::kEach) {
      if (each == nullptr) each = std::make_unique<PathTree>();
      each->add(steps.subspan(1));
    }
    // An index names nothing in a projection.
  }

  const PathTree* child(std::string_view escaped_key) const {
    if (escaped_key.find('\\') == std::string_view::npos) return child_of_plain(escaped_key);
    std::string plain;
    unescape_json(escaped_key, plain);
    return child_of_plain(plain);
  }
  const PathTree* child_of_plain(std::string_view key) const {
    const auto found = keys.find(key);
    return found == keys.end() ? nullptr : &found->second;
  }
};

void begin_member(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  out += '"';
  out += key;
  out += "\":";
}

bool append_included(std::string_view value, const PathTree& tree, std::string& out);

bool append_included_members(std::string_view object, const PathTree& tree, std::string& out) {
  out += '{';
  bool good = true;
  const bool whole = for_each_member(object, [&](std::string_view key, std::string_view value) {
    const PathTree* child = tree.child(key);
    if (child == nullptr) return true;
    begin_member(out, key);
    good = append_included(value, *child, out);
    return good;
  });
  out += '}';
  return whole && good;
}

bool append_included(std::string_view value, const PathTree& tree, std::string& out) {
  if (tree.whole || (!value.starts_with('{') && !value.starts_with('['))) {
    out += value;
    return true;
  }
  if (value.starts_with('{')) return append_included_members(value, tree, out);
  out += '[';
  bool good = true;
  const bool whole = tree.each == nullptr || for_each_element(value, [&](std::string_view element) {
                       if (out.back() != '[') out += ',';
                       good = append_included(element, *tree.each, out);
                       return good;
                     });
  out += ']';
  return whole && good;
}

bool append_remaining(std::string_view value, const PathTree& tree, std::string& out);

bool append_remaining_members(std::string_view object, const PathTree& tree, std::string& out) {
  out += '{';
  bool good = true;
  const bool whole = for_each_member(object, [&](std::string_view key, std::string_view value) {
    const PathTree* child = tree.child(key);
    if (child != nullptr && child->whole) return true;
    begin_member(out, key);
    if (child == nullptr) {
      out += value;
    } else {
      good = append_remaining(value, *child, out);
    }
    return good;
  });
  out += '}';
  return whole && good;
}

bool append_remaining(std::string_view value, const PathTree& tree, std::string& out) {
  if (value.starts_with('{')) return append_remaining_members(value, tree, out);
  if (!value.starts_with('[') || tree.each == nullptr) {
    out += value;
    return true;
  }
  out += '[';
  bool good = true;
  const bool whole = tree.each->whole || for_each_element(value, [&](std::string_view element) {
                       if (out.back() != '[') out += ',';
                       good = append_remaining(element, *tree.each, out);
                       return good;
                     });
  out += ']';
  return whole && good;
}

}  // namespace

struct PayloadProjection::Trees {
  bool includes = false;
  bool excludes = false;
  PathTree include;
  PathTree exclude;
};

PayloadProjection::PayloadProjection(std::unique_ptr<const Trees> trees) : trees_(std::move(trees)) {}
PayloadProjection::PayloadProjection(PayloadProjection&&) noexcept = default;
PayloadProjection& PayloadProjection::operator=(PayloadProjection&&) noexcept = default;
PayloadProjection::~PayloadProjection() = default;

Result<PayloadProjection> PayloadProjection::make(std::span<const std::string> include, std::span<const std::string> exclude) {
  auto trees = std::make_unique<Trees>();
  trees->includes = !include.empty();
  trees->excludes = !exclude.empty();
  for (const std::string& path : include) trees->include.add(ORTHANT_TRY(JsonPath::parse(path)).steps());
  for (const std::string& path : exclude) trees->exclude.add(ORTHANT_TRY(JsonPath::parse(path)).steps());
  return PayloadProjection(std::move(trees));
}

Result<std::string> PayloadProjection::apply(std::string_view payload) const {
  std::string included(payload);
  bool good = payload.starts_with('{');
  if (good && trees_->includes) {
    included.clear();
    good = append_included(payload, trees_->include, included);
  }
  std::string remaining;
  if (good && trees_->excludes) good = append_remaining(included, trees_->exclude, remaining);
  if (!good) return data_corruption("a stored payload is not a JSON object");
  return trees_->excludes ? remaining : included;
}

}  // namespace orthant
