#!/usr/bin/env python3
"""Writes tests/encoder/golden/adapters: adapters over the tiny model `cls` that the real peft package made, and the embeddings of
models/texts.json with them. Needs peft, torch, sentence-transformers (HF_HUB_OFFLINE=1)."""

import json
import math
import pathlib
import shutil

import numpy
import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "encoder" / "golden"
CASES = {
    # Parts of the fused projection without an update, and names by their ends.
    "attention": LoraConfig(r=4, lora_alpha=8, target_modules=["query", "value"]),
    "all": LoraConfig(r=2, lora_alpha=16, use_rslora=True, rank_pattern={"intermediate.dense": 3},
                      target_modules=["query", "key", "value", "attention.output.dense", "intermediate.dense",
                                      "0.output.dense", "1.output.dense"]),
}


def main():
    texts = json.loads((GOLDEN / "models" / "texts.json").read_text())
    for name, config in CASES.items():
        torch.manual_seed(7)
        model = SentenceTransformer(str(GOLDEN / "models" / "cls"), device="cpu")
        adapted = get_peft_model(model[0].auto_model, config)
        for key, value in adapted.named_parameters():
            if "lora_" in key:
                torch.nn.init.normal_(value, std=0.5 / math.sqrt(value.shape[0]))
        model[0].auto_model = adapted
        folder = GOLDEN / "adapters" / name
        shutil.rmtree(folder, ignore_errors=True)
        adapted.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        path = folder / "adapter_config.json"
        stated = json.loads(path.read_text())
        stated["base_model_name_or_path"] = "cls"
        stated["target_modules"] = sorted(stated["target_modules"])
        path.write_text(json.dumps(stated, indent=2, sort_keys=True) + "\n")
        numpy.save(folder / "expected.npy", model.encode(texts, prompt="").astype(numpy.float32))


main()
