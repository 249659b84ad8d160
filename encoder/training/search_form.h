#pragma once
// SearchForm: what queries and documents are when they are compared.

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace orthant {

enum class SearchForm : std::uint8_t {
  kFloat,
  kInt8,
  kBinary,      // signs on both sides: Hamming search
  kAsymmetric,  // float queries against signs
};

// "float", "int8", "binary" or "asymmetric".
Result<SearchForm> parse_search_form(std::string_view name);
std::string_view search_form_name(SearchForm form);

}  // namespace orthant
