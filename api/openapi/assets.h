#pragma once
// The files of assets/, compiled in. Immutable; any thread.

#include <string_view>

namespace orthant::openapi {

extern const std::string_view kOperations;
extern const std::string_view kSchemas;
extern const std::string_view kPage;        // HTML
extern const std::string_view kPageStyle;   // CSS
extern const std::string_view kPageScript;  // JavaScript

}  // namespace orthant::openapi
