#pragma once
// RequestLog: what is written down of answered requests: all of them, slow ones, and those that the audit log is for. Keys, tokens,
// bodies and query parameters never are. Safe from any thread.

#include <memory>

#include "api/http/dispatcher.h"
#include "api/service/audit_file.h"
#include "engine/settings.h"

namespace orthant::service {

class RequestLog {
 public:
  // io_error when the audit log cannot be opened.
  static Result<std::unique_ptr<RequestLog>> open(const Settings& settings);

  // `route` is null for what no route matched.
  void observe(const Route* route, const Request& request, const Response& response) const;

 private:
  RequestLog(const Settings& settings, std::unique_ptr<AuditFile> audit);
  void audit(const Route* route, const Request& request, const Response& response, double milliseconds) const;

  const bool log_all_;
  const double slow_ms_;  // infinity: none
  const bool audit_reads_;
  const std::unique_ptr<AuditFile> audit_;
};

}  // namespace orthant::service
