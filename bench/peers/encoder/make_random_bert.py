#!/usr/bin/env python3
"""Makes a Sentence Transformers folder with BGE-small's and E5-small's shape (12 layers x 384), random weights and a real tokenizer.

    make_random_bert.py MODEL_DIR OUT_DIR        (MODEL_DIR: a BERT of 384 dimensions, whose tokenizer, pooling and lengths are taken)

No package ships those models' weights. Speed does not depend on them; figures of quality with it mean nothing and are not to be quoted.
"""

import json
import pathlib
import shutil
import sys

import torch
from transformers import BertConfig, BertModel

SKIPPED = {"model.safetensors", "config.json", "README.md"}


def main():
    source, out = (pathlib.Path(argument) for argument in sys.argv[1:])
    for file in source.rglob("*"):
        if file.is_file() and file.name not in SKIPPED or file.parent != source and file.name == "config.json":
            (out / file.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / file.relative_to(source))
    torch.manual_seed(12)
    config = BertConfig(hidden_size=384, num_hidden_layers=12, num_attention_heads=12, intermediate_size=1536, initializer_range=0.06)
    BertModel(config).eval().save_pretrained(out)
    # CTranslate2's converter asks for what transformers no longer writes.
    saved = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps({**saved, "position_embedding_type": "absolute"}, indent=2) + "\n")


if __name__ == "__main__":
    main()
