#pragma once
// A page or an asset of one that is built into the program, as an answer. Free functions, any thread.

#include <string_view>

#include "api/http/message.h"

namespace orthant {

// 200, or 304 when the request names the same content: the browser asks each time, so that a new program shows its own pages.
// Nothing but what came from here may run or be shown, and no other page may frame it.
Response page_response(const Request& request, std::string_view content_type, std::string_view body);

}  // namespace orthant
