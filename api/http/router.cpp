#include "api/http/router.h"

#include <algorithm>

namespace orthant {
namespace {

bool is_variable(std::string_view part) {
  return part.starts_with('{');
}

std::vector<std::string> split_pattern(std::string_view pattern) {
  std::vector<std::string> parts;
  for (std::string_view rest = pattern.substr(1); !rest.empty();) {
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    parts.emplace_back(part);
  }
  return parts;
}

std::size_t variable_count(const std::vector<std::string>& parts) {
  return static_cast<std::size_t>(std::ranges::count_if(parts, is_variable));
}

}  // namespace

void Router::add(Route route) {
  std::vector<std::string> parts = split_pattern(route.pattern);
  std::vector<Entry>& entries = entries_by_length_[parts.size()];
  const auto position =
      std::ranges::upper_bound(entries, variable_count(parts), {}, [](const Entry& entry) { return variable_count(entry.parts); });
  entries.insert(position, Entry{std::move(parts), routes_.size()});
  routes_.push_back(std::move(route));
}

bool Router::fits(const Entry& entry, const std::vector<std::string>& segments) {
  return std::ranges::equal(entry.parts, segments, [](const std::string& part, const std::string& segment) {
    return is_variable(part) || part == segment;
  });
}

const Route* Router::match(Request& request) const {
  const auto entries = entries_by_length_.find(request.segments.size());
  if (entries == entries_by_length_.end()) return nullptr;
  const Method method = request.method == Method::kHead ? Method::kGet : request.method;
  for (const Entry& entry : entries->second) {
    const Route& route = routes_[entry.route];
    if (route.method != method || !fits(entry, request.segments)) continue;
    request.path_values.clear();
    for (std::size_t i = 0; i < entry.parts.size(); ++i) {
      if (!is_variable(entry.parts[i])) continue;
      request.path_values.emplace_back(std::string_view(entry.parts[i]).substr(1, entry.parts[i].size() - 2), request.segments[i]);
    }
    return &route;
  }
  return nullptr;
}

std::vector<Method> Router::allowed_methods(const Request& request) const {
  std::vector<Method> methods;
  const auto entries = entries_by_length_.find(request.segments.size());
  if (entries == entries_by_length_.end()) return methods;
  for (const Entry& entry : entries->second) {
    const Method method = routes_[entry.route].method;
    if (fits(entry, request.segments) && std::ranges::find(methods, method) == methods.end()) methods.push_back(method);
  }
  return methods;
}

}  // namespace orthant
