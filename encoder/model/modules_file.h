#pragma once
// What is common to all folders of Sentence Transformers: the list of modules, prompts, the longest sequence. Free functions, any
// thread.

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/embedding.h"

namespace orthant {

struct ModuleEntry {
  std::string type;  // the class alone: "Pooling"
  std::filesystem::path folder;
};

// Of modules.json; a folder without one is a bare Transformer. data_corruption names what does not fit; a path that leads out of
// the folder is refused.
Result<std::vector<ModuleEntry>> read_modules(const std::filesystem::path& folder);

// Texts that are put before the input.
struct Prompts {
  std::map<std::string, std::string> texts;  // by name
  std::string default_name;                  // empty: none

  // The prompt of the purpose's name, else the default prompt, else nothing.
  std::string_view text_for(Purpose purpose) const;
};
Result<Prompts> read_prompts(const std::filesystem::path& folder);

// Of sentence_bert_config.json beside the transformer; 0 if it says nothing.
Result<std::size_t> read_max_seq_length(const std::filesystem::path& transformer_folder);

}  // namespace orthant
