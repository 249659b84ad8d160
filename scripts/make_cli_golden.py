#!/usr/bin/env python3
"""Makes tests/api/cli/golden: texts, and what Hugging Face's tokenizer and Sentence Transformers make of them with the default model.

Run by hand, in an environment with sentence-transformers; the results are committed. Usage: make_cli_golden.py MODEL_FOLDER
"""

import json
import pathlib
import sys

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.util.quantization import quantize_embeddings

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "tests/api/cli/golden"
TEXTS = [
    "Text in, ranked documents out.",
    "",
    "Who designed the first steam engine?",
    "  leading, trailing and   inner space  ",
    "Ärger in Łódź: naïve façades, straße, İstanbul",
    "東京は日本の首都です。 서울",
    "emoji 👩‍👩‍👧 and 🇩🇪, tabs\tand\x07control",
    "don't; re-rank (top-10) e.g. 3.14 or $5,000!",
    "unaffableunaffableunaffable supercalifragilisticexpialidocious",
    "x" * 300,
    "word " * 400,
    "[CLS] and [SEP] and [MASK] as text",
]


def main():
    model = SentenceTransformer(sys.argv[1], device="cpu")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with open(OUTPUT / "texts.jsonl", "w") as out:
        for number, text in enumerate(TEXTS):
            out.write(json.dumps(text if number % 2 == 0 else {"id": number, "text": text}) + "\n")
    with open(OUTPUT / "ids.jsonl", "w") as out:
        for text in TEXTS:
            ids = model.tokenizer(text, truncation=True, max_length=model.max_seq_length)["input_ids"]
            out.write(json.dumps(ids) + "\n")
    embeddings = model.encode(TEXTS).astype(np.float32)
    np.save(OUTPUT / "float32.npy", embeddings)
    # Off the embeddings themselves: a value on the border of a step would fall by the last bit of a float.
    ranges = np.vstack((embeddings.min(axis=0) * np.float32(0.8), embeddings.max(axis=0) * np.float32(1.07))).astype(np.float32)
    np.save(OUTPUT / "ranges.npy", ranges)
    for precision in ("int8", "uint8", "binary", "ubinary"):
        np.save(OUTPUT / f"{precision}.npy", quantize_embeddings(embeddings, precision, ranges=ranges))


if __name__ == "__main__":
    main()
