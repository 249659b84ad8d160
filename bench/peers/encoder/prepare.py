#!/usr/bin/env python3
"""Makes each peer's form of a Sentence Transformers folder, and trusts none before its embeddings equal torch's.

    prepare.py MODEL_DIR OUT_DIR [--dataset BEIR_DIR]

OUT_DIR gets the folder's own files, the texts (texts.py) and, per peer: float32*.onnx and int8_*.onnx (dynamic), ctranslate2/,
openvino*.xml, *.gguf. A form that its library cannot make is left out with a message; one that is wrong stops the script.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import peers  # noqa: E402
import texts  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def copy_model(model, out):
    for file in model.rglob("*"):
        if file.is_file() and file.suffix != ".npy":
            (out / file.relative_to(model)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / file.relative_to(model))


def load_transformer(folder, attention):
    """Some architectures (MPNet) have no "sdpa"; then the plain form, which exporters and runtimes fuse by themselves."""
    import torch
    from transformers import AutoModel
    try:
        return AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention)
    except ValueError:
        return AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")


def export_onnx(out, file, attention, dynamo):
    import torch

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = load_transformer(out, attention)

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    # eval() of the whole: an exporter that finds its module training writes dropout into the graph, and says nothing.
    model, sample, names = Hidden().eval(), torch.tensor([[5, 6, 7, 8], [5, 6, 7, 1]]), ["input_ids", "attention_mask"]
    sizes = {0: torch.export.Dim("texts", min=1, max=512), 1: torch.export.Dim("tokens", min=2, max=512)}
    shapes = {"dynamic_shapes": dict.fromkeys(names, sizes)} if dynamo else {"dynamic_axes": dict.fromkeys(names, {0: "texts", 1: "tokens"})}
    torch.onnx.export(model, (sample, torch.ones_like(sample)), file, input_names=names, output_names=["last_hidden_state"], dynamo=dynamo,
                      opset_version=18 if dynamo else 17, external_data=False, **shapes)


def fuse_onnx(out):
    """ONNX Runtime's own fusions for transformers. They know attention only as the older exporter writes its plain form."""
    from onnxruntime.transformers import optimizer
    config, plain = json.loads((out / "config.json").read_text()), out / "plain.onnx"
    export_onnx(out, plain, "eager", dynamo=False)
    model = optimizer.optimize_model(str(plain), model_type="bert", num_heads=config["num_attention_heads"],
                                     hidden_size=config["hidden_size"], opt_level=0)
    print("  ", {name: count for name, count in model.get_fused_operator_statistics().items() if count})
    model.save_model_to_file(str(out / "float32_fused.onnx"))
    plain.unlink()


def quantize_onnx(out, source, suffix):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    # The types of what fused operators give are unknown to ONNX's shape inference.
    known = {"extra_options": {"DefaultTensorType": onnx.TensorProto.FLOAT}}
    quantize_dynamic(source, out / f"int8_s8{suffix}.onnx", weight_type=QuantType.QInt8, per_channel=True, reduce_range=True, **known)
    quantize_dynamic(source, out / f"int8_s8_full{suffix}.onnx", weight_type=QuantType.QInt8, per_channel=True, **known)
    quantize_dynamic(source, out / f"int8_u8{suffix}.onnx", weight_type=QuantType.QUInt8, per_channel=True, **known)


def convert_ctranslate2(out):
    from ctranslate2.converters import TransformersConverter
    TransformersConverter(str(out)).convert(str(out / "ctranslate2"), force=True)


def convert_openvino(out):
    import openvino
    openvino.save_model(openvino.convert_model(out / "float32.onnx"), out / "openvino.xml", compress_to_fp16=False)


def quantize_openvino(out):
    import nncf
    import openvino
    tokenizer = peers.load_tokenizer(out)

    def inputs(text):
        encoding = tokenizer.encode(text)
        return {"input_ids": np.array([encoding.ids]), "attention_mask": np.array([encoding.attention_mask])}

    calibration = nncf.Dataset(texts.read_texts(out, "calibration"), inputs)
    model = nncf.quantize(openvino.Core().read_model(out / "openvino.xml"), calibration, model_type=nncf.ModelType.TRANSFORMER,
                          subset_size=texts.CALIBRATION, preset=nncf.QuantizationPreset.MIXED)
    openvino.save_model(model, out / "openvino_int8.xml", compress_to_fp16=False)


def convert_gguf(out):
    """With the converter of llama.cpp's own sources, which come with llama-cpp-python's; `setup` unpacks them."""
    import llama_cpp
    converter = pathlib.Path(sys.prefix) / "llama.cpp/convert_hf_to_gguf.py"
    subprocess.run([sys.executable, converter, out, "--outfile", out / "f16.gguf", "--outtype", "f16"], check=True, capture_output=True)
    for name, kind in (("q8_0", llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0), ("q4_0", llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0)):
        settings = llama_cpp.llama_model_quantize_default_params()
        settings.ftype, settings.nthread = kind, 1
        if llama_cpp.llama_model_quantize(bytes(out / "f16.gguf"), bytes(out / f"{name}.gguf"), settings):
            raise RuntimeError(f"llama.cpp made no {name}")


def cosines(out, name, reference, judged):
    """Of a peer's embeddings to torch's, from a process of its own."""
    file = out / "check.npy"
    subprocess.run([sys.executable, HERE / "worker.py", out, name], input=json.dumps({"embed": judged, "file": str(file)}) + "\n",
                   text=True, check=True, stdout=subprocess.DEVNULL)
    return (np.load(file) * reference).sum(axis=1)


def check(out):
    """Every float32 form equals torch to rounding; every other one is near it at least."""
    judged = texts.read_texts(out, "judged")[:24] + texts.read_texts(out, "queries")[:8]
    reference = peers.SentenceTransformers(out, "float32").encode(judged)
    np.save(out / "check_reference.npy", reference)
    for name in peers.present(out):
        found = cosines(out, name, reference, judged)
        print(f"{name}: cosine to torch {found.mean():.5f} mean, {found.min():.5f} least", flush=True)
        if peers.PEERS[name][0] == "float32" and found.min() < 0.99999:
            sys.exit(f"{name} is not the same model: remove its form or mend its conversion")


def attempt(title, make, *arguments):
    print(title, flush=True)
    try:
        make(*arguments)
    except Exception as error:  # noqa: BLE001 (a library that cannot convert this architecture is left out, and said so)
        print(f"  left out: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--dataset", type=pathlib.Path, default=ROOT / "../shared/data/scifact")
    options = parser.parse_args()
    out = options.out.resolve()
    copy_model(options.model, out)
    texts.make_texts(options.dataset, out)
    attempt("ONNX float32", export_onnx, out, out / "float32.onnx", "sdpa", True)
    attempt("ONNX float32, fused", fuse_onnx, out)
    attempt("ONNX int8", quantize_onnx, out, out / "float32.onnx", "")
    attempt("ONNX int8, fused", quantize_onnx, out, out / "float32_fused.onnx", "_fused")
    attempt("CTranslate2", convert_ctranslate2, out)
    attempt("OpenVINO float32", convert_openvino, out)
    attempt("OpenVINO int8", quantize_openvino, out)
    attempt("GGUF", convert_gguf, out)
    check(out)


if __name__ == "__main__":
    main()
