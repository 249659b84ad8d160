// Configuration files of Sentence Transformers folders: what is taken, and what is refused by name.

#include "encoder/model/model_files.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

class ModelFolder : public testing::Test {
 protected:
  void SetUp() override {
    write("modules.json", R"([{"path":"","type":"sentence_transformers.models.Transformer"},
                              {"path":"1_Pooling","type":"sentence_transformers.models.Pooling"}])");
    write("config.json", kConfig);
    write("1_Pooling/config.json", R"({"word_embedding_dimension":8,"pooling_mode_mean_tokens":true})");
  }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder() / name).parent_path());
    std::ofstream(folder() / name) << text;
  }
  void write_config_with(const std::string& from, const std::string& to) {
    std::string text = kConfig;
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    write("config.json", text.replace(at, from.size(), to));
  }
  void expect_refused(ErrorCode code, std::initializer_list<const char*> words) {
    const auto files = read_model_files(folder());
    ASSERT_FALSE(files.has_value());
    EXPECT_EQ(files.error().code, code) << files.error().message;
    for (const char* word : words) EXPECT_NE(files.error().message.find(word), std::string::npos) << files.error().message;
  }
  const std::filesystem::path& folder() const { return folder_.path(); }

  static constexpr const char* kConfig =
      R"({"architectures":["BertModel"],"model_type":"bert","hidden_size":8,"num_hidden_layers":2,"num_attention_heads":2,
          "intermediate_size":16,"vocab_size":100,"max_position_embeddings":64,"type_vocab_size":2,"hidden_act":"gelu",
          "layer_norm_eps":1e-12})";
  test::TemporaryDirectory folder_;
};

TEST_F(ModelFolder, IsReadWhole) {
  const auto files = read_model_files(folder());
  ASSERT_TRUE(files.has_value()) << files.error().message;
  EXPECT_EQ(files->transformer.hidden_size, 8U);
  EXPECT_EQ(files->transformer.activation, Activation::kGeluErf);
  EXPECT_EQ(files->pooling, std::vector<PoolingMode>{PoolingMode::kMean});
  EXPECT_EQ(files->max_seq_length, 0U);
  EXPECT_EQ(files->embedding_size(), 8U);
}

TEST_F(ModelFolder, PoolsByMeanWhereThereAreNoModules) {
  std::filesystem::remove(folder() / "modules.json");
  EXPECT_EQ(read_model_files(folder())->pooling, std::vector<PoolingMode>{PoolingMode::kMean});
}

TEST_F(ModelFolder, ChoosesThePromptByPurpose) {
  write("config_sentence_transformers.json",
        R"({"prompts":{"query":"Q: ","passage":"P: ","else":"E: "},"default_prompt_name":"else"})");
  EXPECT_EQ(read_model_files(folder())->prompts.text_for(Purpose::kQuery), "Q: ");
  EXPECT_EQ(read_model_files(folder())->prompts.text_for(Purpose::kDocument), "P: ");
  write("config_sentence_transformers.json", R"({"prompts":{"query":"","else":"E: "},"default_prompt_name":"else"})");
  EXPECT_EQ(read_model_files(folder())->prompts.text_for(Purpose::kQuery), "");
  EXPECT_EQ(read_model_files(folder())->prompts.text_for(Purpose::kDocument), "E: ");
  write("config_sentence_transformers.json", R"({"prompts":{},"default_prompt_name":"else"})");
  expect_refused(ErrorCode::kDataCorruption, {"default_prompt_name", "config_sentence_transformers.json"});
}

TEST_F(ModelFolder, IsNotFoundWhereItIsEmpty) {
  std::filesystem::remove(folder() / "modules.json");
  std::filesystem::remove(folder() / "config.json");
  expect_refused(ErrorCode::kNotFound, {"modules.json", folder().c_str()});
}

TEST_F(ModelFolder, WithAnotherArchitectureIsRefusedByName) {
  write_config_with(R"("BertModel"],"model_type":"bert")", R"("DebertaV2Model"],"model_type":"deberta-v2")");
  expect_refused(ErrorCode::kInvalidArgument, {"DebertaV2Model", "BertModel", "(model_type qwen3)", "config.json"});
  write_config_with(R"("BertModel"],"model_type":"bert")", R"("BertModel"],"model_type":"roberta")");
  expect_refused(ErrorCode::kInvalidArgument, {"BertModel", "roberta", "config.json"});
  write_config_with(R"("hidden_act":"gelu")", R"("hidden_act":"gelu","position_embedding_type":"relative_key")");
  expect_refused(ErrorCode::kInvalidArgument, {"relative_key", "absolute"});
  write_config_with(R"("hidden_act":"gelu")", R"("hidden_act":"gelu","is_decoder":true)");
  expect_refused(ErrorCode::kInvalidArgument, {"is_decoder"});
  write_config_with(R"("hidden_act":"gelu")", R"("hidden_act":"mish")");
  expect_refused(ErrorCode::kInvalidArgument, {"hidden_act", "mish", "gelu_new"});
}

TEST_F(ModelFolder, WithImpossibleSizesIsRefused) {
  write_config_with(R"("hidden_size":8)", R"("hidden_size":0)");
  expect_refused(ErrorCode::kDataCorruption, {"hidden_size", "config.json"});
  write_config_with(R"("hidden_size":8)", R"("hidden_size":99999999999999)");
  expect_refused(ErrorCode::kDataCorruption, {"hidden_size", "99999999999999"});
  write_config_with(R"("num_attention_heads":2)", R"("num_attention_heads":3)");
  expect_refused(ErrorCode::kDataCorruption, {"num_attention_heads", "divisor"});
  write_config_with(R"("vocab_size":100)", R"("vocab_size":"many")");
  expect_refused(ErrorCode::kDataCorruption, {"vocab_size", "\"many\""});
  write_config_with(R"("num_hidden_layers":2,)", "");
  expect_refused(ErrorCode::kDataCorruption, {"num_hidden_layers"});
  write("config.json", "{");
  expect_refused(ErrorCode::kDataCorruption, {"config.json", "JSON"});
  write("config.json", "[1]");
  expect_refused(ErrorCode::kInvalidArgument, {"config.json"});
}

TEST_F(ModelFolder, WithModulesThatWeLackIsRefused) {
  write("modules.json", R"([{"path":"","type":"sentence_transformers.models.Transformer"},
                            {"path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
                            {"path":"2_LSTM","type":"sentence_transformers.models.LSTM"}])");
  expect_refused(ErrorCode::kInvalidArgument, {"LSTM", "Normalize"});
  write("modules.json", R"([{"path":"../../etc","type":"sentence_transformers.models.Transformer"}])");
  expect_refused(ErrorCode::kDataCorruption, {"../../etc", "leads out"});
  write("modules.json", R"([{"path":"/etc","type":"sentence_transformers.models.Transformer"}])");
  expect_refused(ErrorCode::kDataCorruption, {"leads out"});
  write("modules.json", R"([{"type":1}])");
  expect_refused(ErrorCode::kDataCorruption, {"modules.json"});
  write("modules.json", R"({})");
  expect_refused(ErrorCode::kDataCorruption, {"modules.json"});
}

TEST_F(ModelFolder, WithPoolingOfAnotherSizeIsRefused) {
  write("1_Pooling/config.json", R"({"word_embedding_dimension":9,"pooling_mode_mean_tokens":true})");
  expect_refused(ErrorCode::kDataCorruption, {"9", "8"});
  write("1_Pooling/config.json", R"({"pooling_mode":"attention"})");
  expect_refused(ErrorCode::kInvalidArgument, {"attention", "weightedmean"});
  write("1_Pooling/config.json", R"({"pooling_mode":[]})");
  expect_refused(ErrorCode::kDataCorruption, {"pooling_mode"});
}

TEST_F(ModelFolder, WithDenseModulesThatDoNotFitIsRefused) {
  write("modules.json", R"([{"path":"","type":"sentence_transformers.models.Transformer"},
                            {"path":"1_Pooling","type":"sentence_transformers.models.Pooling"},
                            {"path":"2_Dense","type":"sentence_transformers.models.Dense"}])");
  write("2_Dense/config.json", R"({"in_features":7,"out_features":4})");
  expect_refused(ErrorCode::kDataCorruption, {"in_features is 7", "gives 8"});
  write("2_Dense/config.json", R"({"in_features":8,"out_features":4,"activation_function":"torch.nn.Softsign"})");
  expect_refused(ErrorCode::kInvalidArgument, {"Softsign", "Tanh"});
  write("2_Dense/config.json", R"({"in_features":8,"out_features":4,"activation_function":"torch.nn.modules.linear.Identity"})");
  EXPECT_EQ(read_model_files(folder())->embedding_size(), 4U);
}

}  // namespace
}  // namespace orthant
