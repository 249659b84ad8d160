// Lines of data: what they mean, what is wrong with them; and the order in which examples come.

#include "encoder/training/training_data.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "encoder/training/batch_source.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

TEST(TrainingData, ReadsLinesOfJson) {
  EXPECT_EQ(parse_json_example(R"({"query": " q ", "positive": "p", "negatives": ["n", "m"]})", ExampleKind::kPairs).value(),
            (TrainingExample{{"q", "p", "n", "m"}}));
  EXPECT_EQ(parse_json_example(R"({"anchor": "q", "document": "p", "negative": "n"})", ExampleKind::kPairs).value(),
            (TrainingExample{{"q", "p", "n"}}));
  EXPECT_EQ(parse_json_example(R"({"sentence1": "a", "sentence2": "b", "score": 3})", ExampleKind::kScored).value(),
            (TrainingExample{{"a", "b"}, 3}));
  EXPECT_EQ(parse_json_example(R"({"text": "t", "label": 4})", ExampleKind::kLabels).value(), (TrainingExample{{"t"}, 0, 4}));
  EXPECT_EQ(parse_json_example(R"("t")", ExampleKind::kTexts).value(), (TrainingExample{{"t"}}));
}

TEST(TrainingData, ReadsColumns) {
  EXPECT_EQ(parse_tab_example("q\tp\tn", ExampleKind::kPairs).value(), (TrainingExample{{"q", "p", "n"}}));
  EXPECT_EQ(parse_tab_example("a\tb\t-0.5", ExampleKind::kScored).value(), (TrainingExample{{"a", "b"}, -0.5}));
  EXPECT_EQ(parse_tab_example("a film \t1\r", ExampleKind::kLabels).value(), (TrainingExample{{"a film"}, 0, 1}));
  EXPECT_EQ(parse_tab_example("with\ttab", ExampleKind::kTexts).value(), (TrainingExample{{"with\ttab"}}));
}

TEST(TrainingData, SaysWhatIsWrongWithALine) {
  const auto json = [](std::string_view line, ExampleKind kind) { return parse_json_example(line, kind).error().message; };
  EXPECT_EQ(json(R"({"query": "q"})", ExampleKind::kPairs), "no \"positive\"");
  EXPECT_EQ(json(R"({"query": "", "positive": "p"})", ExampleKind::kPairs), "query: empty");
  EXPECT_EQ(json(R"({"query": 7, "positive": "p"})", ExampleKind::kPairs), "query: expected a text");
  EXPECT_EQ(json(R"({"query": "q", "positive": "p", "negatives": [1]})", ExampleKind::kPairs), "negatives: expected texts");
  EXPECT_EQ(json(R"({"text": "t", "label": 1.5})", ExampleKind::kLabels), "label: found 1.5, expected a whole number from 0");
  EXPECT_EQ(json(R"([1])", ExampleKind::kPairs), "expected a JSON object");
  EXPECT_EQ(json(R"({"query")", ExampleKind::kPairs).substr(0, 8), "no JSON:");
  const auto tab = [](std::string_view line, ExampleKind kind) { return parse_tab_example(line, kind).error().message; };
  EXPECT_EQ(tab("alone", ExampleKind::kPairs), "1 columns, expected 2 or more");
  EXPECT_EQ(tab("a\tb\tx", ExampleKind::kScored), "score: found \"x\", expected a number");
  EXPECT_EQ(tab("a\tb\tinf", ExampleKind::kScored), "score: found \"inf\", expected a number");
  EXPECT_EQ(tab("a\t-1", ExampleKind::kLabels), "label: found -1, expected a whole number from 0");
}

TEST(TrainingData, OrdersDependOnSeedAndEpochAlone) {
  const std::uint64_t seed = test::random_seed();
  std::vector<std::uint32_t> order = shuffled_order(100, seed, 3);
  EXPECT_EQ(order, shuffled_order(100, seed, 3));
  EXPECT_NE(order, shuffled_order(100, seed, 4));
  EXPECT_NE(order, shuffled_order(100, seed + 1, 3));
  std::ranges::sort(order);
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_EQ(order[i], i);
}

TEST(BatchSource, GoesThroughAllExamplesOfAnEpoch) {
  TrainingData data{ExampleKind::kTexts, {}};
  for (int i = 0; i < 10; ++i) data.examples.push_back({{std::to_string(i)}});
  BatchSource batches(data, 3, 5);
  EXPECT_EQ(batches.batches_an_epoch(), 3U);
  std::set<std::string_view> seen;
  for (std::uint64_t i = 0; i < 3; ++i) {
    for (const PurposedText& text : batches.batch(i).texts) seen.insert(text.text);
  }
  EXPECT_EQ(seen.size(), 9U);
  // In any order.
  const auto first = batches.batch(0).texts.front().text;
  batches.batch(4);
  EXPECT_EQ(batches.batch(0).texts.front().text, first);
}

TEST(BatchSource, AnswersOfAQueryAreNoNegatives) {
  TrainingData data{ExampleKind::kPairs, {}};
  data.examples = {{{"q", "one"}}, {{"q", "two", "bad"}}, {{"other", "one"}}};
  BatchSource batches(data, 3, 1);
  const TextBatch batch = batches.batch(0);
  ASSERT_EQ(batch.queries, 3U);
  ASSERT_EQ(batch.texts.size(), 7U);
  EXPECT_EQ(batch.texts[6].text, "bad");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(batch.texts[i].purpose, Purpose::kQuery);
    for (std::size_t j = 0; j < 4; ++j) {
      const std::string_view query = batch.texts[i].text;
      const std::string_view document = batch.texts[3 + j].text;
      const bool answers = query == "q" ? document == "one" || document == "two" : document == "one";
      const bool excluded = batch.excluded[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(j)].item<bool>();
      EXPECT_EQ(excluded, answers && i != j) << query << " " << document;
    }
  }
}

}  // namespace
}  // namespace orthant
