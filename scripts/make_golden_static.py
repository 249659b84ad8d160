#!/usr/bin/env python3
"""Makes the golden static models of tests/encoder/golden/static.

Run by hand, twice; the results are committed, and the tests need neither package:

  make_golden_static.py model2vec FOLDER   with model2vec (0.10) installed; FOLDER holds potion-base-8M
  make_golden_static.py sentence           with sentence-transformers (6.2) installed

Writes texts.json, potion.npy (potion-base-8M's embeddings of the texts) and tiny models with random tables, each with its
expected.npy.
"""
import json
import pathlib
import shutil
import sys

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "encoder" / "golden" / "static"
WORDS = "the a of and river bridge stone cold water night under over runs stands quick slow 1 2 3 . , ! ? -".split()
DIM = 12
SENTENCE = "The quick brown fox jumps over the old stone bridge, 1 2 3. "
TEXTS = ["", " ", "a river", "The Bridge stands over cold water.", "quick slow xyzzyq unknown", "\u4f60\u597d \u4e16\u754c", "night " * 700,
         "stone and water - 1 2 3 !", "e\u0301tude na\u00efve", "[CLS] names [SEP] [UNK] here", SENTENCE, SENTENCE * 50,
         "\u00fc" * 3000 + " river", "What is a static embedding?"]


def tokenizer():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + WORDS + [p + c for p in ("", "##") for c in "bcdefghijklmnopqrstuwxz"]
    made = Tokenizer(models.WordPiece({word: i for i, word in enumerate(dict.fromkeys(vocabulary))}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    return made


def save(name, model):
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    expected = model.encode(TEXTS)
    np.save(folder / "expected.npy", expected.astype(np.float32))


def model2vec_models(potion):
    from model2vec import StaticModel

    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "texts.json").write_text(json.dumps(TEXTS, indent=0) + "\n")
    np.save(GOLDEN / "potion.npy", StaticModel.from_pretrained(potion).encode(TEXTS).astype(np.float32))
    random = np.random.default_rng(7)
    words = tokenizer()
    size = words.get_vocab_size()
    table = random.normal(size=(size, DIM)).astype(np.float32)
    architecture = {"model_type": "model2vec", "architectures": ["StaticModel"], "hidden_dim": DIM}
    save("plain", StaticModel(table, words, config=dict(architecture), normalize=False))
    save("half", StaticModel(table.astype(np.float16), words, config=dict(architecture), normalize=True))
    save("int8", StaticModel((table * 40).round().clip(-127, 127).astype(np.int8), words, config=dict(architecture), normalize=True))
    save("short", StaticModel(table, words, config=dict(architecture), normalize=True, max_length=20))
    save("unlimited", StaticModel(table, words, config=dict(architecture), normalize=True, max_length=None))
    save("mapped", StaticModel(table[:9], words, config=dict(architecture), normalize=True,
                               token_mapping=random.integers(0, 9, size).astype(np.int64),
                               weights=random.uniform(0.1, 2, size)))


def sentence_models():
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    random = np.random.default_rng(8)
    words = tokenizer()
    module = StaticEmbedding(words, embedding_weights=random.normal(size=(words.get_vocab_size(), DIM)).astype(np.float32))
    for name, modules in (("sentence", [module]), ("sentence_normalized", [module, Normalize()])):
        folder = GOLDEN / name
        shutil.rmtree(folder, ignore_errors=True)
        model = SentenceTransformer(modules=modules, device="cpu")
        model.save(str(folder), create_model_card=False)
        np.save(folder / "expected.npy", model.encode(TEXTS, batch_size=1).astype(np.float32))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "model2vec":
        model2vec_models(sys.argv[2])
    elif sys.argv[1:] == ["sentence"]:
        sentence_models()
    else:
        sys.exit(__doc__)
