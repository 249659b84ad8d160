"""The peers behind one shape: load one form of a model from the folder that prepare.py made, then encode texts to unit vectors.

Each class stands for what its library's users write: Hugging Face's tokenizer, padding to the longest text of the batch, the model,
mean pooling over the mask, normalization. One thread each. A peer is imported only in the process that measures it.
"""

import json
import pathlib

import numpy as np


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def mean_pooled(hidden, mask):
    weights = mask.astype(np.float32)[:, :, None]
    return unit((hidden * weights).sum(axis=1) / weights.sum(axis=1))


def load_tokenizer(folder, padding=True):
    """The folder's tokenizer with the length that Sentence Transformers would use, not the one that tokenizer.json has baked in."""
    from tokenizers import Tokenizer
    folder = pathlib.Path(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"])
    if padding:
        pad = next(token for token in ("[PAD]", "<pad>") if tokenizer.token_to_id(token) is not None)
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id(pad), pad_token=pad)
    else:
        tokenizer.no_padding()
    return tokenizer


class Padded:
    """A peer whose model takes rectangles of ids and masks."""

    def __init__(self, folder):
        self.tokenizer = load_tokenizer(folder)

    def encode(self, texts):
        encodings = self.tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        return mean_pooled(self.hidden(ids, mask), mask)


class OnnxRuntime(Padded):
    def __init__(self, folder, form):
        super().__init__(folder)
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(pathlib.Path(folder) / form), options, providers=["CPUExecutionProvider"])
        self.inputs = {entry.name for entry in self.session.get_inputs()}

    def hidden(self, ids, mask):
        values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return self.session.run(None, {name: value for name, value in values.items() if name in self.inputs})[0]


class FastEmbed:
    def __init__(self, folder, form):
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType
        width = json.loads((pathlib.Path(folder) / "config.json").read_text())["hidden_size"]
        TextEmbedding.add_custom_model(model="local", pooling=PoolingType.MEAN, normalization=True, dim=width, model_file=form,
                                       sources=ModelSource(hf="local/local"))
        self.model = TextEmbedding("local", specific_model_path=str(folder), threads=1, providers=["CPUExecutionProvider"])

    def encode(self, texts):
        return np.stack(list(self.model.embed(texts, batch_size=len(texts))))


class CTranslate2:
    def __init__(self, folder, form):
        import ctranslate2
        self.tokenizer = load_tokenizer(folder, padding=False)
        self.view = ctranslate2.StorageView
        self.model = ctranslate2.Encoder(str(pathlib.Path(folder) / "ctranslate2"), compute_type=form, intra_threads=1, inter_threads=1)

    def encode(self, texts):
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        hidden = np.array(self.model.forward_batch(ids).last_hidden_state)
        lengths = np.array([len(row) for row in ids])
        return mean_pooled(hidden, np.arange(hidden.shape[1])[None, :] < lengths[:, None])


class OpenVino(Padded):
    def __init__(self, folder, form):
        super().__init__(folder)
        import openvino
        name, precision = form.split(":")
        model = openvino.Core().compile_model(str(pathlib.Path(folder) / name), "CPU", {
            "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision})
        self.request = model.create_infer_request()
        self.inputs = {name for port in model.inputs for name in port.get_names()}

    def hidden(self, ids, mask):
        values = {"input_ids": ids, "attention_mask": mask}
        return self.request.infer({name: value for name, value in values.items() if name in self.inputs}, share_inputs=True, share_outputs=True)[0]


class SentenceTransformers:
    """torch; form: float32, int8 (dynamic quantization of the linear layers) or bfloat16 (autocast)."""

    def __init__(self, folder, form):
        import torch
        from sentence_transformers import SentenceTransformer
        torch.set_num_threads(1)
        self.torch, self.autocast = torch, form == "bfloat16"
        self.model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
        if form == "int8":
            torch.backends.quantized.engine = "onednn" if "onednn" in torch.backends.quantized.supported_engines else "fbgemm"
            self.model = torch.ao.quantization.quantize_dynamic(self.model, {torch.nn.Linear}, dtype=torch.qint8)

    def encode(self, texts):
        with self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.autocast):
            return self.model.encode(texts, batch_size=len(texts), normalize_embeddings=True, show_progress_bar=False).astype(np.float32)


class LlamaCpp:
    def __init__(self, folder, form):
        import llama_cpp
        # A batch holds at least one text whole; larger ones only make its attention, which is over the whole batch, slower.
        self.model = llama_cpp.Llama(str(pathlib.Path(folder) / form), embedding=True, n_threads=1, n_threads_batch=1, n_ctx=512,
                                     n_batch=512, n_ubatch=512, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_MEAN, verbose=False)

    def encode(self, texts):
        return np.array(self.model.embed(texts, normalize=True), dtype=np.float32)


# Name -> (precision it is compared at, class, form). A peer whose form is not in the folder is left out.
PEERS = {
    "torch float32": ("float32", SentenceTransformers, "float32"),
    "torch bfloat16 autocast": ("bfloat16", SentenceTransformers, "bfloat16"),
    "torch dynamic int8": ("int8", SentenceTransformers, "int8"),
    "ONNX Runtime float32": ("float32", OnnxRuntime, "float32.onnx"),
    "ONNX Runtime float32 fused": ("float32", OnnxRuntime, "float32_fused.onnx"),
    # 7-bit weights where the CPU's multiply of bytes saturates; full range is for those with VNNI.
    "ONNX Runtime int8 s8": ("int8", OnnxRuntime, "int8_s8.onnx"),
    "ONNX Runtime int8 s8 full range": ("int8", OnnxRuntime, "int8_s8_full.onnx"),
    "ONNX Runtime int8 u8": ("int8", OnnxRuntime, "int8_u8.onnx"),
    "ONNX Runtime int8 s8 fused": ("int8", OnnxRuntime, "int8_s8_fused.onnx"),
    "ONNX Runtime int8 s8 full range fused": ("int8", OnnxRuntime, "int8_s8_full_fused.onnx"),
    "ONNX Runtime int8 u8 fused": ("int8", OnnxRuntime, "int8_u8_fused.onnx"),
    "fastembed int8 u8": ("int8", FastEmbed, "int8_u8.onnx"),
    "CTranslate2 float32": ("float32", CTranslate2, "float32"),
    "CTranslate2 int8": ("int8", CTranslate2, "int8"),
    "OpenVINO float32": ("float32", OpenVino, "openvino.xml:f32"),
    "OpenVINO bfloat16": ("bfloat16", OpenVino, "openvino.xml:bf16"),
    "OpenVINO int8": ("int8", OpenVino, "openvino_int8.xml:f32"),
    "llama.cpp f16": ("float16", LlamaCpp, "f16.gguf"),
    "llama.cpp q8_0": ("int8", LlamaCpp, "q8_0.gguf"),
    "llama.cpp q4_0": ("int4", LlamaCpp, "q4_0.gguf"),
}


def file_of(name):
    """The file or folder that a peer needs, relative to the prepared folder."""
    _, peer, form = PEERS[name]
    if peer is CTranslate2:
        return "ctranslate2/model.bin"
    return "config.json" if peer is SentenceTransformers else form.split(":")[0]


def present(folder):
    return [name for name in PEERS if (pathlib.Path(folder) / file_of(name)).exists()]
