#include "encoder/tokenizer/post_processor_json.h"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace orthant {
namespace {

using Source = TemplatePart::Source;

Result<std::vector<std::uint32_t>> read_special_ids(const JsonNode& processor, std::string_view name) {
  const JsonNode all = ORTHANT_TRY(processor.field("special_tokens"));
  const JsonNode token = ORTHANT_TRY(all.field(name));
  const JsonNode list = ORTHANT_TRY(token.field("ids"));
  std::vector<std::uint32_t> ids;
  for (const auto element : ORTHANT_TRY(list.array())) ids.push_back(ORTHANT_TRY(list.child(element, "id").id()));
  return ids;
}

// {"SpecialToken": {"id": "[CLS]", "type_id": 0}} or {"Sequence": {"id": "A", "type_id": 0}}.
Result<TemplatePart> read_template_part(const JsonNode& processor, const JsonNode& node, std::uint64_t max_type) {
  const auto text = ORTHANT_TRY(node.find("Sequence"));
  const JsonNode part = text ? *text : ORTHANT_TRY(node.field("SpecialToken"));
  const JsonNode type = ORTHANT_TRY(part.field("type_id"));
  const std::uint64_t type_id = ORTHANT_TRY(type.number());
  if (type_id > max_type) return type.error(fmt::format("found {}, supported: 0 to {}", type_id, max_type));
  const JsonNode id = ORTHANT_TRY(part.field("id"));
  const std::string_view name = ORTHANT_TRY(id.text());
  TemplatePart result{.type_id = static_cast<std::uint8_t>(type_id)};
  if (!text) {
    result.ids = ORTHANT_TRY(read_special_ids(processor, name));
  } else if (name == "A" || name == "B") {
    result.source = name == "A" ? Source::kFirst : Source::kSecond;
  } else {
    return id.error(fmt::format("found '{}', expected 'A' or 'B'", name));
  }
  return result;
}

Result<SequenceTemplate> read_template(const JsonNode& processor, std::string_view key, std::uint64_t max_type) {
  const JsonNode list = ORTHANT_TRY(processor.field(key));
  SequenceTemplate parts;
  for (const auto element : ORTHANT_TRY(list.array())) {
    const JsonNode node = list.child(element, fmt::format("{}", parts.size()));
    parts.push_back(ORTHANT_TRY(read_template_part(processor, node, max_type)));
  }
  const auto expect = [&](Source source, std::string_view name, std::ptrdiff_t times) -> Status {
    const auto found = std::ranges::count(parts, source, &TemplatePart::source);
    if (found != times) return list.error(fmt::format("the text '{}' stands there {} times, expected {}", name, found, times));
    return {};
  };
  ORTHANT_TRY(expect(Source::kFirst, "A", 1));
  ORTHANT_TRY(expect(Source::kSecond, "B", key == "pair" ? 1 : 0));
  return parts;
}

Result<SequenceTemplates> read_template_processing(const JsonNode& processor) {
  // Not in one initializer: GCC 12 leaks what is done when the rest fails.
  SequenceTemplates templates;
  templates.single = ORTHANT_TRY(read_template(processor, "single", 0));  // a single text's segment is not asked for: it must be 0
  templates.pair = ORTHANT_TRY(read_template(processor, "pair", std::numeric_limits<std::uint8_t>::max()));
  return templates;
}

// "cls": ["[CLS]", 101]
Result<std::uint32_t> read_token_pair(const JsonNode& processor, std::string_view key) {
  const JsonNode pair = ORTHANT_TRY(processor.field(key));
  const auto elements = ORTHANT_TRY(pair.array());
  simdjson::dom::element id;
  if (elements.size() != 2 || elements.at(1).get(id) != simdjson::SUCCESS) return pair.error("expected a token and its id");
  return pair.child(id, "1").id();
}

// Nothing where the processor adds no ids.
Result<std::optional<SequenceTemplates>> read_processor(const JsonNode& processor) {
  const std::string_view type =
      ORTHANT_TRY(processor.type({"TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence"}));
  if (type == "ByteLevel") return std::nullopt;  // it changes offsets only
  if (type == "TemplateProcessing") return read_template_processing(processor);
  if (type != "Sequence") {
    const std::uint32_t start = ORTHANT_TRY(read_token_pair(processor, "cls"));
    const std::uint32_t end = ORTHANT_TRY(read_token_pair(processor, "sep"));
    return type == "BertProcessing" ? bert_templates(start, end) : roberta_templates(start, end);
  }
  std::optional<SequenceTemplates> found;
  ORTHANT_TRY(processor.for_each("processors", [&](const JsonNode& part) -> Status {
    auto templates = ORTHANT_TRY(read_processor(part));
    if (!templates) return {};
    if (found) return part.refusal("supported: one part that adds tokens; here is another");
    found = std::move(templates);
    return {};
  }));
  return found;
}

}  // namespace

Result<SequenceTemplates> read_post_processor(const JsonNode& processor) {
  return ORTHANT_TRY(read_processor(processor)).value_or(SequenceTemplates{});
}

}  // namespace orthant
