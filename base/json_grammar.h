#pragma once
// JsonGrammar: the one strict JSON parser of Orthant (RFC 8259), a template over what is done with the parts. It checks the grammar
// of the whole text, escapes (no lone surrogates) and depth; UTF-8 is the caller's to check, since it is done faster over the whole
// text at once. Numbers may be of any size: they stay text. A sink gets byte offsets:
//
//   void scalar(JsonPart part, size_t begin, size_t end);   null, bool, number, string (with its quotes)
//   void key(size_t begin, size_t end);                     a member's name, without quotes, still escaped
//   void begin_list();                                      what follows may be an array of nothing but numbers
//   const char* list_number(const char* p, const char* end) reads one of its numbers strictly: behind it, or nullptr
//   void abandon_list();                                    it is something else: forget its numbers, they come as scalars
//   void end_list(size_t begin, size_t end, size_t count);  it was one, and not empty: in place of its elements
//   void open(JsonPart part, size_t begin);                 any other array, or an object
//   void close(size_t end, size_t count);
//
// Why not simdjson's parsers: its DOM refuses numbers beyond 64 bits and forgets how they were written, its On-Demand interface
// checks only what is walked, and both want a padded copy. Payloads have to come back as they were given, and request bodies have
// to be checked whole.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/json_text.h"

namespace orthant {

enum class JsonPart : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

template <typename Sink>
class JsonGrammar {
 public:
  JsonGrammar(std::string_view text, std::size_t max_depth, Sink& sink)
      : begin_(text.data()), p_(begin_), end_(begin_ + text.size()), max_depth_(max_depth), sink_(sink) {}

  // False: problem() and problem_offset() say what is wrong and where.
  bool parse() {
    skip_space();
    if (!value(0)) return false;
    skip_space();
    return p_ == end_ || fail("unexpected text after the value");
  }
  const char* problem() const { return problem_; }
  std::size_t problem_offset() const { return at(p_); }

 private:
  bool fail(const char* problem) {
    problem_ = p_ == end_ ? "the text ends too early" : problem;
    return false;
  }
  std::size_t at(const char* p) const { return static_cast<std::size_t>(p - begin_); }
  char peek() const { return p_ == end_ ? '\0' : *p_; }
  void skip_space() { p_ = skip_json_space(p_, end_); }

  bool value(std::size_t depth) {
    switch (peek()) {
      case '{': return depth < max_depth_ ? object(depth + 1) : fail("nested too deeply");
      case '[': return depth < max_depth_ ? array(depth + 1) : fail("nested too deeply");
      case '"': {
        const char* start = p_;
        if (!string()) return false;
        sink_.scalar(JsonPart::kString, at(start), at(p_));
        return true;
      }
      case 't': return literal("true", JsonPart::kBool);
      case 'f': return literal("false", JsonPart::kBool);
      case 'n': return literal("null", JsonPart::kNull);
      default: return number();
    }
  }

  bool literal(std::string_view word, JsonPart part) {
    if (!std::string_view(p_, static_cast<std::size_t>(end_ - p_)).starts_with(word)) return fail("expected a value");
    sink_.scalar(part, at(p_), at(p_) + word.size());
    p_ += word.size();
    return true;
  }

  bool number() {
    const char* after = skip_json_number(p_, end_);
    if (after == nullptr) return fail("expected a value");
    sink_.scalar(JsonPart::kNumber, at(p_), at(after));
    p_ = after;
    return true;
  }

  // p_ stands on the opening quote; it is left behind the closing one.
  bool string() {
    ++p_;
    for (;;) {
      p_ = find_json_string_special(p_, end_);
      if (p_ == end_) return fail("");
      if (*p_ == '"') {
        ++p_;
        return true;
      }
      if (*p_ != '\\') return fail("a control character inside a string");
      const char* after = skip_json_escape(p_, end_);
      if (after == nullptr) return fail("an invalid escape inside a string");
      p_ = after;
    }
  }

  // An array of numbers as one part: embeddings are by far the most of what is sent. False, and p_ where it was, for anything else.
  bool number_list() {
    std::size_t count = 0;
    sink_.begin_list();
    const char* const after = list_end(count);
    if (after == nullptr) {
      sink_.abandon_list();
      return false;
    }
    sink_.end_list(at(p_), at(after), count);
    p_ = after;
    return true;
  }

  const char* list_end(std::size_t& count) {
    const char* p = p_ + 1;
    for (;;) {
      p = sink_.list_number(skip_json_space(p, end_), end_);
      if (p == nullptr) return nullptr;
      ++count;
      if (p != end_ && *p != ',') p = skip_json_space(p, end_);
      if (p == end_) return nullptr;
      if (*p == ']') return p + 1;
      if (*p++ != ',') return nullptr;
    }
  }

  bool array(std::size_t depth) {
    if (number_list()) return true;
    sink_.open(JsonPart::kArray, at(p_));
    ++p_;
    skip_space();
    std::size_t count = 0;
    if (peek() != ']') {
      for (;;) {
        if (!value(depth)) return false;
        ++count;
        skip_space();
        if (peek() == ']') break;
        if (peek() != ',') return fail("expected ',' or ']'");
        ++p_;
        skip_space();
      }
    }
    ++p_;
    sink_.close(at(p_), count);
    return true;
  }

  bool member(std::size_t depth) {
    if (peek() != '"') return fail("expected a member's name");
    const char* start = p_;
    if (!string()) return false;
    sink_.key(at(start) + 1, at(p_) - 1);
    skip_space();
    if (peek() != ':') return fail("expected ':'");
    ++p_;
    skip_space();
    return value(depth);
  }

  bool object(std::size_t depth) {
    sink_.open(JsonPart::kObject, at(p_));
    ++p_;
    skip_space();
    std::size_t count = 0;
    if (peek() != '}') {
      for (;;) {
        if (!member(depth)) return false;
        ++count;
        skip_space();
        if (peek() == '}') break;
        if (peek() != ',') return fail("expected ',' or '}'");
        ++p_;
        skip_space();
      }
    }
    ++p_;
    sink_.close(at(p_), count);
    return true;
  }

  const char* begin_;
  const char* p_;
  const char* end_;
  std::size_t max_depth_;
  Sink& sink_;
  const char* problem_ = "";
};

}  // namespace orthant
