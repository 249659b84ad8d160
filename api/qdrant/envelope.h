#pragma once
// The frame around every answer of the Qdrant dialect: {"result": .., "status": "ok", "time": seconds} or an error with its HTTP
// status. Pure functions, any thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "api/json/json_writer.h"
#include "base/result.h"

namespace orthant::qdrant {

using Clock = std::chrono::steady_clock;
using TokenCounts = std::map<std::string, std::uint64_t>;

// Status by the error's code; the text gets the prefix that Qdrant's clients know ("Wrong input: ", "Not found: ", ...).
Response error_response(const Error& error);

// Errors whose text already carries its prefix.
std::unexpected<Error> bad_request(std::string message);      // 400 "Bad request: "
std::unexpected<Error> not_implemented(std::string message);  // 501 "Not implemented: "
// As Qdrant names it.
std::unexpected<Error> no_such_collection(std::string_view name);

// Closes an answer that so far holds {"result":<value>: adds status, time since `received` and, where texts were encoded, usage.
void finish_envelope(std::string& body, Clock::time_point received, const TokenCounts& tokens = {});

// write_result(JsonWriter&) writes one value.
template <typename WriteResult>
Response ok_response(Clock::time_point received, WriteResult&& write_result, const TokenCounts& tokens = {}) {
  Response response;
  response.body = R"({"result":)";
  JsonWriter writer(response.body);
  write_result(writer);
  finish_envelope(response.body, received, tokens);
  return response;
}

inline Response ok_true(Clock::time_point received) {
  return ok_response(received, [](JsonWriter& json) { json.boolean(true); });
}

}  // namespace orthant::qdrant
