#!/usr/bin/env python3
"""Makes the golden embeddings of tests/encoder/golden with the real sentence-transformers.

Run by hand, with the default model in the cache and sentence-transformers installed (HF_HUB_OFFLINE=1); the results are committed,
and the tests need neither. Writes

  embeddings/texts.json, embeddings/default.npy    varied texts and their embeddings by the default model
  embeddings/all-mpnet-base-v2.npy                 the same texts by that model, where it is in the cache
  models/NAME/                                     tiny models with random weights, each with another feature
  models/NAME/expected_{query,document}.npy        the embeddings of models/texts.json by that model
"""
import json
import os
import pathlib
import shutil
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "encoder" / "golden"
HOME = pathlib.Path(os.environ.get("ORTHANT_HOME", pathlib.Path.home() / ".cache" / "orthant"))
WORDS = "the a of and river bridge stone cold water night under over runs stands quick slow 1 2 3 . , ! ? -".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def varied_texts():
    sentence = "The quick brown fox jumps over the lazy dog near the old stone bridge. "
    texts = ["", " ", "a", "ok", "What is quantization?", "cheap flights london to lisbon in march", "3.14159 * 2 = 6.28318"]
    texts += [sentence * n for n in (1, 2, 3, 5, 8, 12, 16, 17, 18, 30, 100)]
    texts += [
        "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u8fd9\u662f\u4e00\u4e2a\u6d4b\u8bd5\u53e5\u5b50\u3002",
        "\u65e5\u672c\u8a9e\u306e\u30c6\u30b9\u30c8",
        "\uc548\ub155\ud558\uc138\uc694 \uc138\uacc4",
        "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
        "\U0001f30d\U0001f680 to the moon \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "Stra\u00dfe, na\u00efve fa\u00e7ade, \u0130stanbul, \u0141\u00f3d\u017a",
        "e\u0301 as two code points and \u00e9 as one",
        "tab\tand\nline\r\nbreaks",
        "def f(x):\n    return x ** 2  # squares",
        "Donaudampfschifffahrtsgesellschaftskapit\u00e4n",
        "x" * 150,
        "word " * 254,
        "word " * 255,
        "! ? . , ; :",
        "[CLS] text with [SEP] special names [MASK]",
        "Aspirin inhibits the production of PGE2 in human macrophages.",
    ]
    return texts


def default_model_embeddings():
    folder = GOLDEN / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    texts = varied_texts()
    model = SentenceTransformer(str(HOME / "models" / "all-MiniLM-L6-v2"), device="cpu", model_kwargs={"dtype": torch.float32})
    assert model.max_seq_length == 256
    (folder / "texts.json").write_text(json.dumps(texts, indent=0) + "\n")
    np.save(folder / "default.npy", model.encode(texts, batch_size=1).astype(np.float32))


def mpnet_embeddings():
    model_folder = HOME / "models" / "all-mpnet-base-v2"
    if not model_folder.exists():
        print("all-mpnet-base-v2 is not in the cache: its embeddings stay as they are")
        return
    model = SentenceTransformer(str(model_folder), device="cpu", model_kwargs={"dtype": torch.float32})
    embeddings = model.encode(varied_texts(), batch_size=1).astype(np.float32)
    np.save(GOLDEN / "embeddings" / "all-mpnet-base-v2.npy", embeddings)


def tiny_tokenizer():
    vocabulary = SPECIAL + WORDS + sorted("abcdefghijklmnopqrstuvwxyz") + ["##" + c for c in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = list(dict.fromkeys(vocabulary))
    ids = {word: i for i, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
                                   sep_token="[SEP]"), len(vocabulary)


def tiny_bert(folder, seed, **config):
    tokenizer, size = tiny_tokenizer()
    torch.manual_seed(seed)
    bert = BertModel(BertConfig(vocab_size=size, **config), add_pooling_layer=False).float()
    for name, parameter in bert.named_parameters():
        parameter.data = torch.randn_like(parameter) * (0.1 if "bias" in name else 0.3)
        if name.endswith("LayerNorm.weight"):
            parameter.data += 1.0
    bert.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def rewrite_weights(folder, dtype=None, prefix="", norm_names=False):
    """Other number formats and older names of tensors, as users' files have them."""
    weights = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if norm_names:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        weights[prefix + name] = tensor if dtype is None else tensor.to(dtype)
    if prefix:
        weights["bert.embeddings.position_ids"] = torch.arange(4).unsqueeze(0)
    save_file(weights, folder / "model.safetensors")


def round_to(folder, dtype):
    weights = {name: tensor.to(dtype).float() for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def write_expected(model, texts, folder, prompts, default_prompt):
    for purpose, names in (("query", ("query",)), ("document", ("document", "passage", "corpus"))):
        name = next((n for n in names if n in prompts), default_prompt)
        prompt = prompts[name] if name else ""
        np.save(folder / f"expected_{purpose}.npy", model.encode(texts, prompt=prompt, batch_size=1).astype(np.float32))


def keep_given_prompts(folder, prompts):
    """Sentence Transformers 6 writes empty prompts "query" and "document" beside the given ones; older versions did not."""
    path = folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text())
    config["prompts"] = prompts
    path.write_text(json.dumps(config, indent=2) + "\n")


def drop_unused(folder):
    for name in ("README.md", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)


def build(name, seed, config, pooling, stages=(), prompts=None, default_prompt=None, dtype=None):
    folder = GOLDEN / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    raw = pathlib.Path("/tmp") / f"orthant-golden-{os.getpid()}"
    shutil.rmtree(raw, ignore_errors=True)
    tiny_bert(raw, seed, **config)
    if dtype is not None:
        round_to(raw, dtype)
    transformer = Transformer(str(raw), max_seq_length=24, model_kwargs={"dtype": torch.float32})
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling_mode=pooling), *stages]
    model = SentenceTransformer(modules=modules, device="cpu", prompts=prompts, default_prompt_name=default_prompt)
    texts = json.loads((GOLDEN / "models" / "texts.json").read_text())
    model.save(str(folder), create_model_card=False)
    write_expected(model, texts, folder, prompts or {}, default_prompt)
    if prompts:
        keep_given_prompts(folder, prompts)
    drop_unused(folder)
    shutil.rmtree(raw)
    if dtype is not None:
        rewrite_weights(folder, dtype=dtype)
    return folder


def to_old_layout(folder):
    """The files as Sentence Transformers 2 wrote them."""
    modules = json.loads((folder / "modules.json").read_text())
    for module in modules:
        module["type"] = "sentence_transformers.models." + module["type"].rsplit(".", 1)[1]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2))
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    modes = pooling["pooling_mode"] if isinstance(pooling["pooling_mode"], list) else [pooling["pooling_mode"]]
    old = {"word_embedding_dimension": pooling["embedding_dimension"]}
    for flag, mode in (("cls_token", "cls"), ("mean_tokens", "mean"), ("max_tokens", "max"),
                       ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens"), ("weightedmean_tokens", "weightedmean"),
                       ("lasttoken", "lasttoken")):
        old["pooling_mode_" + flag] = mode in modes
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(old, indent=2))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24, "do_lower_case": False}))
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer["model_max_length"] = 512
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2))


def tiny_models():
    (GOLDEN / "models").mkdir(parents=True, exist_ok=True)
    texts = ["", "a river", "the bridge stands over cold water .", "quick slow unknownword", "night " * 40,
             "stone and water and stone and water runs under the bridge , 1 2 3 !"]
    (GOLDEN / "models" / "texts.json").write_text(json.dumps(texts, indent=0) + "\n")
    small = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=32)
    build("cls", 1, {**small, "hidden_act": "gelu"}, "cls")
    torch.manual_seed(2)
    build("dense_half", 2, {**small, "hidden_act": "gelu_new", "layer_norm_eps": 1e-6}, "mean",
          [Dense(16, 10), Normalize()], dtype=torch.float16)
    build("max_bfloat", 3, dict(hidden_size=20, num_hidden_layers=3, num_attention_heads=5, intermediate_size=37,
                                max_position_embeddings=24, hidden_act="relu"), "max", [Normalize()], dtype=torch.bfloat16)
    folder = build("old_layout_prompts", 4, {**small, "hidden_act": "gelu"},
                   ("cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"),
                   prompts={"query": "quick : ", "passage": "slow water - "})
    to_old_layout(folder)
    rewrite_weights(folder, prefix="bert.", norm_names=True)
    build("default_prompt", 5, {**small, "hidden_act": "gelu"}, "mean", [Normalize()],
          prompts={"other": "stone and "}, default_prompt="other")


def decoder_model():
    """All that Qwen3-Embedding has, together: its tokenizer's steps with the end token behind each text, padding on the left, causal
    attention, pooling of the last token, an instruction before queries."""
    folder, raw = GOLDEN / "models" / "qwen3_embedding", pathlib.Path("/tmp") / f"orthant-golden-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(raw, ignore_errors=True)
    backend = Tokenizer.from_file(str(GOLDEN / "tokenizers" / "qwen" / "tokenizer.json"))
    backend.no_truncation()
    backend.no_padding()
    end = "<|endoftext|>"
    backend.add_special_tokens([end])
    backend.post_processor = processors.TemplateProcessing(single=f"$A {end}", pair=f"$A {end} $B {end}",
                                                           special_tokens=[(end, backend.token_to_id(end))])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token=end, eos_token=end, padding_side="left", model_max_length=24)
    config = Qwen3Config(vocab_size=backend.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, head_dim=8, intermediate_size=24, max_position_embeddings=64, initializer_range=0.3,
                         tie_word_embeddings=True, bos_token_id=None, eos_token_id=backend.token_to_id(end))
    torch.manual_seed(6)
    Qwen3Model(config).eval().save_pretrained(raw)
    tokenizer.save_pretrained(raw)
    transformer = Transformer(str(raw), max_seq_length=24, model_kwargs={"dtype": torch.float32})
    prompts = {"query": "Instruct: find what answers it\nQuery:"}
    model = SentenceTransformer(modules=[transformer, Pooling(16, pooling_mode="lasttoken"), Normalize()], device="cpu", prompts=prompts)
    model.save(str(folder), create_model_card=False)
    texts = json.loads((GOLDEN / "models" / "texts.json").read_text())
    write_expected(model, texts, folder, prompts, None)
    keep_given_prompts(folder, prompts)
    drop_unused(folder)
    shutil.rmtree(raw)


if __name__ == "__main__":
    torch.set_num_threads(1)
    default_model_embeddings()
    mpnet_embeddings()
    tiny_models()
    decoder_model()
    sys.exit(0)
