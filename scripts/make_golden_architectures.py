#!/usr/bin/env python3
"""Makes tests/encoder/golden/architectures: a tiny model of every family with random weights, and what transformers makes of it.

Run by hand with transformers 5 and torch installed (HF_HUB_OFFLINE=1); the results are committed, and the tests need neither.
For each NAME:

  NAME/config.json, NAME/model.safetensors    as save_pretrained() writes them (weights rounded to bfloat16 to halve the files)
  NAME/sequences.json                         token ids, and type ids where the model has some
  NAME/hidden.npy                             the last hidden states of all sequences, one below the other (float32, eager attention)

The weights are far larger than those that training starts from: with those attention is nearly uniform, and a wrong mask or position
would hide in the rounding.
"""
import json
import math
import pathlib
import re
import shutil

import numpy as np
import torch
import transformers as t
from safetensors.torch import load_file, save_file

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "encoder" / "golden" / "architectures"
VOCABULARY = 90
LENGTHS = (1, 2, 17, 33, 60)
ROPE = {"rope_type": "default"}

BERT = dict(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
            max_position_embeddings=64)
MODERN = dict(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=4, num_attention_heads=3, intermediate_size=20,
              max_position_embeddings=128, local_attention=16, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1,
              sep_token_id=2)
NOMIC = dict(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20,
             max_position_embeddings=64, rope_parameters=ROPE | {"rope_theta": 1000.0})
QWEN = dict(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, head_dim=10,
            intermediate_size=20, max_position_embeddings=128, rope_parameters=ROPE | {"rope_theta": 1000000.0})


def randomize(model, generator):
    """Activations of about one, attention that prefers some tokens clearly, norms and biases that are felt."""
    with torch.no_grad():
        for name, values in model.named_parameters():
            noise = torch.randn(values.shape, generator=generator)
            if values.dim() == 1:
                is_norm = re.search(r"norm.*\.weight$", name, re.IGNORECASE)
                noise = 1 + 0.3 * noise if is_norm else 0.5 * noise
            elif "relative_attention_bias" in name:
                noise = 2 * noise
            elif "embed" not in name:
                noise = noise * 1.5 / math.sqrt(values.shape[-1])
            values.copy_(noise.bfloat16().float())


def sequences_for(model, lengths, generator):
    type_count = getattr(model.config, "type_vocab_size", 0) or 0
    sequences = []
    for length in lengths:
        ids = torch.randint(3, VOCABULARY, (length,), generator=generator).tolist()
        sequence = {"ids": ids}
        if type_count > 1 and length > 2:
            sequence["type_ids"] = [0] * (length // 2) + [1] * (length - length // 2)
        sequences.append(sequence)
    if model.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        sequences[2]["ids"][5] = 1  # the padding's id inside of a text: it has a position of its own
    return sequences


def hidden_states(model, sequence):
    ids = torch.tensor([sequence["ids"]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "type_ids" in sequence:
        inputs["token_type_ids"] = torch.tensor([sequence["type_ids"]])
    with torch.no_grad():
        return model(**inputs).last_hidden_state[0].numpy()


def save_as_bfloat16(folder):
    """save_pretrained() in the dtype of the computation, but with the weights in half the bytes (they were rounded before)."""
    file = folder / "model.safetensors"
    save_file({name: values.bfloat16().contiguous() for name, values in load_file(file).items()}, file, {"format": "pt"})


def make(name, whole, lengths=LENGTHS, seed=1, **saving):
    """`whole` is the model to save; its base model (all but a head) makes the hidden states."""
    generator = torch.Generator().manual_seed(seed)
    randomize(whole, generator)
    whole.eval()
    base = getattr(whole, whole.base_model_prefix, whole)
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    whole.save_pretrained(folder, **saving)
    (folder / "generation_config.json").unlink(missing_ok=True)
    sequences = sequences_for(base, lengths, generator)
    (folder / "sequences.json").write_text(json.dumps(sequences) + "\n")
    np.save(folder / "hidden.npy", np.concatenate([hidden_states(base, sequence) for sequence in sequences]).astype(np.float32))
    save_as_bfloat16(folder)
    print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes; largest value",
          float(np.abs(np.load(folder / "hidden.npy")).max()))
    return folder


def eager(config):
    config._attn_implementation = "eager"
    return config


def make_nomic_as_published():
    """nomic-bert-2048 and its embedders are published with the fields of their own code; save_pretrained() keeps its names."""
    folder = make("nomic_bert_published", t.NomicBertModel(eager(t.NomicBertConfig(**NOMIC))), seed=2)
    config = {
        "activation_function": "swiglu", "architectures": ["NomicBertModel"], "causal": False, "layer_norm_epsilon": 1e-12,
        "max_trained_positions": 64, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "model_type": "nomic_bert", "n_embd": 24,
        "n_head": 3, "n_inner": 20, "n_layer": 2, "n_positions": 128, "parallel_block": False, "prenorm": False,
        "qkv_proj_bias": False, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False,
        "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "torch_dtype": "float32", "type_vocab_size": 2,
        "use_rms_norm": False, "vocab_size": VOCABULARY,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    torch.set_num_threads(1)
    make("bert", t.BertForMaskedLM(eager(t.BertConfig(**BERT))))
    make("distilbert", t.DistilBertModel(eager(t.DistilBertConfig(
        vocab_size=VOCABULARY, dim=24, n_layers=2, n_heads=3, hidden_dim=40, max_position_embeddings=64))))
    make("roberta", t.RobertaForSequenceClassification(eager(t.RobertaConfig(
        **BERT | dict(max_position_embeddings=66, layer_norm_eps=1e-5, type_vocab_size=1)))))
    make("xlm_roberta", t.XLMRobertaModel(eager(t.XLMRobertaConfig(
        **BERT | dict(max_position_embeddings=66, layer_norm_eps=1e-5, type_vocab_size=1, hidden_act="gelu_new")))))
    # Longer than the last bucket of relative positions, which begins at distance 128 less its logarithm's step.
    make("mpnet", t.MPNetForMaskedLM(eager(t.MPNetConfig(**BERT | dict(max_position_embeddings=162)))), (*LENGTHS, 160))
    make("modernbert", t.ModernBertModel(eager(t.ModernBertConfig(**MODERN))))
    make("modernbert_biased", t.ModernBertForMaskedLM(eager(t.ModernBertConfig(
        **MODERN | dict(num_hidden_layers=3, global_attn_every_n_layers=2, attention_bias=True, mlp_bias=True, norm_bias=True)))))
    make("nomic_bert", t.NomicBertModel(eager(t.NomicBertConfig(**NOMIC))), save_original_format=False)
    make_nomic_as_published()
    make("qwen3", t.Qwen3Model(eager(t.Qwen3Config(**QWEN))))
    make("qwen3_biased", t.Qwen3ForCausalLM(eager(t.Qwen3Config(
        **QWEN | dict(num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=1, attention_bias=True,
                      tie_word_embeddings=True)))))


if __name__ == "__main__":
    main()
