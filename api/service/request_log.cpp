#include "api/service/request_log.h"

#include <chrono>
#include <ctime>
#include <limits>

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"

namespace orthant::service {
namespace {

double milliseconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

bool changes(RouteAccess access) {
  return access == RouteAccess::kManage || access == RouteAccess::kWritePoints || access == RouteAccess::kWriteCollection;
}

// Scrapes come every few seconds and read no data.
bool is_scrape(const Route& route) {
  return route.access == RouteAccess::kFree || route.pattern == "/metrics" || route.pattern.ends_with("/telemetry");
}

bool is_refusal(int status) {
  return status == 401 || status == 403 || status == 429;
}

std::string_view outcome(int status) {
  if (is_refusal(status)) return "denied";
  return status < 400 ? "done" : "failed";
}

// UTC, with milliseconds: 2026-01-31T10:20:30.123Z
std::string time_text() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto part = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  return fmt::format("{}.{:03}Z", text, part);
}

LogFields fields_of(const Route* route, const Request& request, const Response& response, double milliseconds) {
  return {{"request_id", std::string_view(request.id)},
          {"client", std::string_view(request.client)},
          {"caller", request.caller.kind},
          {"subject", std::string_view(request.caller.subject)},
          {"method", method_name(request.method)},
          {"path", std::string_view(request.path)},
          {"route", route == nullptr ? std::string_view() : std::string_view(route->pattern)},
          {"status", std::int64_t{response.status}},
          {"ms", milliseconds},
          {"body_bytes", static_cast<std::int64_t>(request.content_bytes)},
          {"answer_bytes", static_cast<std::int64_t>(response.body.size())}};
}

}  // namespace

RequestLog::RequestLog(const Settings& settings, std::unique_ptr<AuditFile> audit)
    : log_all_(settings.log_requests),
      slow_ms_(settings.slow_request_ms == 0 ? std::numeric_limits<double>::infinity()
                                             : static_cast<double>(settings.slow_request_ms)),
      audit_reads_(settings.audit_reads),
      audit_(std::move(audit)) {}

Result<std::unique_ptr<RequestLog>> RequestLog::open(const Settings& settings) {
  std::unique_ptr<AuditFile> audit;
  if (!settings.audit_log.empty()) audit = ORTHANT_TRY(AuditFile::open(settings.audit_log));
  return std::unique_ptr<RequestLog>(new RequestLog(settings, std::move(audit)));
}

void RequestLog::observe(const Route* route, const Request& request, const Response& response) const {
  const double milliseconds = milliseconds_since(request.received);
  const bool timed = route != nullptr && route->body == BodyUse::kWhole && route->access != RouteAccess::kFree;
  const bool slow = timed && milliseconds >= slow_ms_;
  if (slow) {
    static Counter& slow_requests = counter("orthant_slow_requests_total", "Requests slower than slow_request_ms");
    slow_requests.add();
    log_warning("slow request", fields_of(route, request, response, milliseconds));
  } else if (log_all_) {
    log_info("request", fields_of(route, request, response, milliseconds));
  }
  if (audit_ != nullptr) audit(route, request, response, milliseconds);
}

void RequestLog::audit(const Route* route, const Request& request, const Response& response, double milliseconds) const {
  const bool wanted =
      is_refusal(response.status) || (route != nullptr && !is_scrape(*route) && (audit_reads_ || changes(route->access)));
  if (!wanted) return;
  std::string line = fmt::format(R"({{"time":"{}","outcome":"{}")", time_text(), outcome(response.status));
  append_json_fields(line, fields_of(route, request, response, milliseconds));
  const std::string_view collection = request.path_value("collection");
  if (!collection.empty()) append_json_fields(line, {{"collection", collection}});
  line += '}';
  audit_->add(line);
}

}  // namespace orthant::service
