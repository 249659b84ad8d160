#pragma once
// What a training run is told. Plain values; recipes (docs/training.md) are written in these terms.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "encoder/training/lora_options.h"
#include "encoder/training/memory_options.h"
#include "encoder/training/quantization_options.h"
#include "encoder/training/search_form.h"
#include "encoder/weight_precision.h"

namespace orthant {

enum class LossKind : std::uint8_t {
  kContrastive,   // MultipleNegativesRanking: cross-entropy of the own document among all (Henderson et al. 2017)
  kCosent,        // pairs of a higher score shall have the higher cosine (Su 2022)
  kCosine,        // mean squared difference of cosine and score
  kCrossEntropy,  // embeddings are logits of labels
  kDistillation,  // similarities within the batch as the teacher's: cross-entropy of softmaxes
  kBpr,           // binary passage retrieval, Yamada et al. 2021
};

// "contrastive", "cosent", "cosine", "cross_entropy", "distillation" or "bpr".
Result<LossKind> parse_loss_kind(std::string_view name);
std::string_view loss_kind_name(LossKind kind);

struct FormWeight {
  SearchForm form = SearchForm::kFloat;
  double weight = 1;
};

struct LossOptions {
  LossKind kind = LossKind::kContrastive;
  double temperature = 0.05;  // similarities are divided by it
  double margin = 2.0;        // of BPR's candidates, in inner products of +1 and -1
  std::vector<FormWeight> forms = {{SearchForm::kFloat, 1.0}};
  std::vector<std::int64_t> lengths;  // Matryoshka: lengths of embeddings, each of the same weight; empty: whole alone
  bool soft_signs = false;            // forward of binary forms: tanh that sharpens, else signs
  double sharpness_growth = 0.1;      // annealed_sharpness()
  // Weight of distillation from the teacher beside the loss, in the same forms; 0: none.
  double distillation = 0;
};

// A Dense module behind the model's own, with a Normalize module behind it.
enum class HeadKind : std::uint8_t {
  kNone,
  kIdentity,  // starts as nothing at all
  kRotation,  // starts as the rotation for which signs lose least (ITQ, Gong & Lazebnik 2011), learned on training texts
  kLabels,    // logits of classes: no Normalize behind it
};
Result<HeadKind> parse_head_kind(std::string_view name);

struct HeadOptions {
  HeadKind kind = HeadKind::kNone;
  bool centre = false;     // rotation: the mean of the embeddings is taken off first
  std::size_t labels = 0;  // classes
};

struct TrainingOptions {
  std::filesystem::path model;    // the folder to start from
  std::filesystem::path teacher;  // a folder, for distillation; empty: the model as it was at the start
  // Embeddings of models that stay as they are are kept here from one run to the next; empty: nowhere.
  std::filesystem::path vectors_cache;
  // Gets model/, checkpoints/ and metrics.jsonl.
  std::filesystem::path output;
  // Of recipe and data: checkpoints of another one are not taken up.
  std::string fingerprint;

  LossOptions loss;
  HeadOptions head;
  // What linear layers multiply while training: rounded to this precision (QuantizedLinear). kFloat32: as they are.
  WeightPrecision weights = WeightPrecision::kFloat32;
  LoraOptions lora;
  MemoryOptions memory;
  QuantizationOptions quantization;
  ConversionOptions conversion;
  bool train_transformer = true;  // else the head alone, on embeddings that are computed once
  bool train_word_embeddings = true;

  std::size_t max_seq_length = 0;  // while training; 0: the model's
  std::size_t batch_size = 32;     // examples that are each other's negatives
  std::size_t accumulate = 1;      // batches a step
  // Tokens that go through the model at once. A larger batch is embedded in pieces whose gradients are computed afterwards, one by
  // one (GradCache, Gao et al. 2021): memory depends on this alone.
  std::size_t chunk_tokens = 4096;
  double epochs = 1;
  std::uint64_t max_steps = 0;  // 0: as epochs say
  double learning_rate = 2e-5;
  double head_rate = 0;  // 0: as learning_rate
  double warmup = 0.1;   // share of the steps
  double weight_decay = 0.01;
  double clip = 1.0;  // longest gradient
  double dropout = 0;
  bool bfloat16 = false;
  bool checkpointing = false;
  std::uint64_t seed = 1;
  std::size_t threads = 1;

  std::uint64_t checkpoint_every = 100;  // steps
  std::uint64_t evaluate_every = 0;      // steps; 0: at the end alone
  std::size_t patience = 0;              // evaluations without a better one before training stops; 0: never
  std::string dev_metric = "binary";     // "float", "int8" or "binary": what is best on the dev set
  double tolerated_float_loss = 0.005;   // a model whose float search lost more than this share is never the best
};

}  // namespace orthant
