#pragma once
// What stands before an answer's body: status line and headers (RFC 9112). Free functions, any thread.

#include <string>

#include "api/http/message.h"

namespace orthant {

// Answers of this status have no body, and say no length (RFC 9110, 6.4.1).
bool has_no_body(int status);

// Up to the empty line, included. `keep_alive`: whether the connection stays open behind the body.
std::string render_head(const Response& response, bool keep_alive);

}  // namespace orthant
