#include "api/cli/beir_dataset.h"

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

class BeirDatasetTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((directory_.path() / name).parent_path());
    std::ofstream(directory_.path() / name, std::ios::binary) << text;
  }
  void write_small_set() {
    write("corpus.jsonl",
          "{\"_id\": \"d1\", \"title\": \"One\", \"text\": \"first \"}\n{\"_id\": \"d2\", \"text\": \"second\"}\n\n"
          "{\"_id\": 3, \"title\": \"\", \"text\": \"\"}\n");
    write("queries.jsonl",
          "{\"_id\": \"q1\", \"text\": \"which?\"}\n{\"_id\": \"q2\", \"text\": \"unjudged\"}\n{\"_id\": \"q3\", \"text\": "
          "\"third\"}\n");
    write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq3\t3\t2\nq1\td1\t1\nq1\tabsent\t1\nq1\td2\t0\nq9\td1\t1\n");
  }

  test::TemporaryDirectory directory_;
};

TEST_F(BeirDatasetTest, ReadsJudgedQueriesWithoutTheCorpus) {
  write_small_set();
  std::filesystem::remove(directory_.path() / "corpus.jsonl");
  const auto set = read_judged_queries(directory_.path(), "test");
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_EQ(set->query_ids, (std::vector<std::string>{"q1", "q3"}));
  EXPECT_EQ(set->queries, (std::vector<std::string>{"which?", "third"}));
  using Judged = std::vector<std::pair<std::string, std::int32_t>>;
  EXPECT_EQ(set->judgements[0], (Judged{{"absent", 1}, {"d1", 1}, {"d2", 0}}));
  EXPECT_EQ(set->judgements[1], (Judged{{"3", 2}}));
  EXPECT_FALSE(read_judged_queries(directory_.path(), "dev"));
}

TEST_F(BeirDatasetTest, KeepsJudgedQueriesInTheirOrder) {
  write_small_set();
  const auto set = read_beir_dataset(directory_.path(), "test");
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_EQ(set->documents, (std::vector<std::string>{"One first", "second", ""}));
  EXPECT_EQ(set->query_ids, (std::vector<std::string>{"q1", "q3"}));
  EXPECT_EQ(set->queries, (std::vector<std::string>{"which?", "third"}));
  ASSERT_EQ(set->judgements.size(), 2u);
  EXPECT_EQ(set->judgements[0].size(), 3u);
  ASSERT_EQ(set->judgements[1].size(), 1u);
  EXPECT_EQ(set->judgements[1][0].document, 2u);
  EXPECT_EQ(set->judgements[1][0].relevance, 2);
  EXPECT_EQ(set->judged_documents_missing, 1u);
  EXPECT_EQ(set->judged_queries_missing, 1u);
}

TEST_F(BeirDatasetTest, TakesOneQrelsFileWhereTheSetIsNotSplit) {
  write_small_set();
  std::filesystem::rename(directory_.path() / "qrels/test.tsv", directory_.path() / "qrels.tsv");
  EXPECT_FALSE(read_beir_dataset(directory_.path(), "test").has_value());
  std::filesystem::remove(directory_.path() / "qrels");
  EXPECT_TRUE(read_beir_dataset(directory_.path(), "test").has_value());
}

TEST_F(BeirDatasetTest, NamesWhatIsMissingOrWrong) {
  write_small_set();
  EXPECT_NE(read_beir_dataset(directory_.path(), "train").error().message.find("train.tsv"), std::string::npos);
  EXPECT_EQ(read_beir_dataset(directory_.path() / "absent", "test").error().code, ErrorCode::kNotFound);
  write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\thigh\n");
  EXPECT_NE(read_beir_dataset(directory_.path(), "test").error().message.find("test.tsv:2: the score is `high`"),
            std::string::npos);
  write("qrels/test.tsv", "q1 d1 1\n");
  EXPECT_NE(read_beir_dataset(directory_.path(), "test").error().message.find("test.tsv:1:"), std::string::npos);
  write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq7\td1\t1\n");
  EXPECT_NE(read_beir_dataset(directory_.path(), "test").error().message.find("no query"), std::string::npos);
  write("corpus.jsonl", "{\"_id\": \"d1\", \"text\": \"t\"}\n{\"text\": \"no id\"}\n");
  EXPECT_NE(read_beir_dataset(directory_.path(), "test").error().message.find("corpus.jsonl:2:"), std::string::npos);
}

}  // namespace
}  // namespace orthant
