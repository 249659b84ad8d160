#include "encoder/training/text_embedder.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace orthant {
namespace {

// Texts that Encoder gets at once.
constexpr std::size_t kEncodedAtOnce = 64;

// Rows of chunks back in the order of the texts.
at::Tensor in_order(const std::vector<at::Tensor>& parts, std::span<const std::int64_t> places) {
  const at::Tensor rows = at::cat(parts, 0);
  std::vector<std::int64_t> inverse(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) inverse[static_cast<std::size_t>(places[i])] = static_cast<std::int64_t>(i);
  return rows.index_select(0, at::tensor(inverse, at::kLong));
}

}  // namespace

Result<at::Tensor> FrozenEmbeddings::rows(std::span<const PurposedText> texts) {
  std::vector<std::string_view> missing[2];
  for (const PurposedText& text : texts) {
    const auto purpose = static_cast<std::size_t>(text.purpose);
    if (!kept_[purpose].try_emplace(std::string(text.text)).second) continue;
    if (!take_from_file(text)) missing[purpose].push_back(text.text);
  }
  for (const Purpose purpose : {Purpose::kQuery, Purpose::kDocument}) {
    const auto& wanted = missing[static_cast<std::size_t>(purpose)];
    for (std::size_t first = 0; first < wanted.size(); first += kEncodedAtOnce) {
      ORTHANT_TRY(encode(std::span(wanted).subspan(first, std::min(kEncodedAtOnce, wanted.size() - first)), purpose));
    }
  }
  std::vector<at::Tensor> rows;
  for (const PurposedText& text : texts) rows.push_back(kept_[static_cast<std::size_t>(text.purpose)].at(std::string(text.text)));
  return at::stack(rows, 0);
}

bool FrozenEmbeddings::take_from_file(const PurposedText& text) {
  const auto row = file_ ? file_->find(text.text, text.purpose) : std::span<const float>();
  if (row.empty()) return false;
  kept_[static_cast<std::size_t>(text.purpose)][std::string(text.text)] = tensor_from(row, {static_cast<std::int64_t>(row.size())});
  return true;
}

Status FrozenEmbeddings::encode(std::span<const std::string_view> texts, Purpose purpose) {
  const EncodeResult result = ORTHANT_TRY(encoder_->encode(texts, {.purpose = purpose}));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::span<const float> row = result.embeddings.row(i);
    tokens_ += result.token_counts[i];
    kept_[static_cast<std::size_t>(purpose)][std::string(texts[i])] = tensor_from(row, {static_cast<std::int64_t>(row.size())});
    if (file_) ORTHANT_TRY(file_->add(texts[i], purpose, row));
  }
  return file_ ? file_->flush() : Status();
}

// Texts of about a length together, in an order that depends on them alone.
std::vector<TextEmbedder::Chunk> TextEmbedder::cut(std::span<const PurposedText> texts) const {
  std::vector<TokenizedText> tokenized;
  for (const PurposedText& text : texts) tokenized.push_back(model_.tokenize(text.text, text.purpose));
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return tokenized[i].ids.size(); });
  std::vector<Chunk> chunks;
  std::size_t tokens = 0;
  for (const std::size_t place : order) {
    const std::size_t length = tokenized[place].ids.size();
    if (chunks.empty() || tokens + length > chunk_tokens_) {
      chunks.emplace_back();
      tokens = 0;
    }
    tokens += length;
    chunks.back().places.push_back(place);
    chunks.back().texts.push_back(std::move(tokenized[place]));
  }
  return chunks;
}

Result<at::Tensor> TextEmbedder::embed(std::span<const PurposedText> texts) const {
  const NoGradients guard;
  if (frozen_ != nullptr) return model_.apply_appended(ORTHANT_TRY(frozen_->rows(texts)));
  ForwardOptions forward = forward_;
  forward.dropout = 0;
  forward.adapter_dropout = 0;
  std::vector<at::Tensor> parts;
  std::vector<std::int64_t> places;
  for (const Chunk& chunk : cut(texts)) {
    parts.push_back(model_.embed(chunk.texts, forward));
    places.insert(places.end(), chunk.places.begin(), chunk.places.end());
  }
  return in_order(parts, places);
}

Result<double> TextEmbedder::head_gradients(std::span<const PurposedText> texts, const Loss& loss) const {
  const at::Tensor value = loss(model_.apply_appended(ORTHANT_TRY(frozen_->rows(texts))));
  torch::autograd::backward({value}, {});
  return value.item<double>();
}

Result<double> TextEmbedder::accumulate_gradients(std::span<const PurposedText> texts, const Loss& loss,
                                                  std::size_t& tokens) const {
  if (frozen_ != nullptr) return head_gradients(texts, loss);
  const std::vector<Chunk> chunks = cut(texts);
  std::vector<std::int64_t> places;
  for (const Chunk& chunk : chunks) {
    places.insert(places.end(), chunk.places.begin(), chunk.places.end());
    for (const TokenizedText& text : chunk.texts) tokens += text.ids.size();
  }
  if (chunks.size() == 1) {
    const at::Tensor value = loss(in_order({model_.embed(chunks[0].texts, forward_)}, places));
    torch::autograd::backward({value}, {});
    return value.item<double>();
  }
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  std::vector<at::Tensor> parts;
  std::vector<at::Tensor> random;
  for (const Chunk& chunk : chunks) {
    const NoGradients guard;
    random.push_back(generator.get_state());
    parts.push_back(model_.embed(chunk.texts, forward_));
    parts.back().set_requires_grad(true);
  }
  const at::Tensor value = loss(in_order(parts, places));
  torch::autograd::backward({value}, {});
  const at::Tensor after = generator.get_state();
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    generator.set_state(random[i]);
    torch::autograd::backward({model_.embed(chunks[i].texts, forward_)}, {parts[i].grad()});
  }
  generator.set_state(after);
  return value.item<double>();
}

}  // namespace orthant
