#!/usr/bin/env python3
"""Holds the table of docs/architecture.md: which folder may include what. Run by scripts/check and as a test."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ENCODER_DOORS = {f"encoder/{name}.h" for name in ("encoder", "embedding", "encoder_registry", "encode_batcher", "output_quantization",
                                                    "calibration_texts", "stage_times", "weight_precision")}
ENCODER_DOORS |= {f"encoder/{name}.h" for name in ("reranker", "rerank_batcher", "sparse_encoder", "sparse_batcher")}
ENCODER_DOORS.add("encoder/head_difference.h")
ENCODER_DOORS.add("encoder/tokenizer/tokenizer.h")  # TokenizedText is part of the encoder's door
TRAINING_DOORS = {f"encoder/training/{name}.h" for name in ("search_form", "trainer", "training_data", "training_options")}
INDEX_DOORS = {f"index/{name}.h" for name in ("vector_index", "index_config", "memory_budget", "float_vectors", "memory_float_vectors", "best_rows", "example_score", "row_bits", "sparse/sparse_index", "multi/multi_index",
                                                "quality")}
ENGINE_DOORS = {f"engine/{name}.h" for name in ("engine", "settings", "requests", "evaluation", "paired_difference", "quality", "vector_value", "vector_input", "bm25_options")}
ENGINE_DOORS |= {"engine/collection/collection.h", "engine/collection/collection_config.h", "engine/collection/explanation.h",
                 "engine/collection/measured_quality.h",
                 "engine/payload/filter.h", "engine/payload/field_listing.h",
                 "engine/query/query_tree.h", "engine/query/formula.h", "engine/query/fusion.h", "engine/query/grouping.h",
                 "engine/payload/payload.h", "engine/payload/field_schema.h", "engine/payload/json_path.h", "engine/payload/datetime.h",
                 "engine/payload/stemmer.h", "engine/payload/stop_words.h"}

# Folder -> (our folders it may include whole, doors it may include). The longest matching prefix counts.
OURS = {
    "base": ({"base"}, set()),
    "index": ({"base", "index"}, set()),
    "encoder": ({"base", "encoder"}, set()),
    "engine/storage": ({"base", "engine/storage"}, {"index/float_vectors.h", "index/index_config.h"}),
    "engine/payload": ({"base", "engine/payload"}, set()),
    "engine/collection": ({"base", "engine/storage", "engine/payload", "engine/collection"}, INDEX_DOORS | {"engine/requests.h", "engine/vector_value.h"}),
    "engine/query": ({"base", "engine/query", "engine/payload"},
                     INDEX_DOORS | {"engine/vector_input.h", "engine/vector_value.h", "engine/collection/collection_reader.h"}),
    "engine": ({"base", "engine"}, INDEX_DOORS | ENCODER_DOORS),
    "api": ({"base", "api"}, ENGINE_DOORS | ENCODER_DOORS | INDEX_DOORS),
    "api/train": ({"base", "api"}, ENCODER_DOORS | TRAINING_DOORS),
    "api/cli": ({"base", "api"}, ENGINE_DOORS | ENCODER_DOORS | INDEX_DOORS | {"encoder/quantize/quantize.h", "encoder/embedding_rows.h"}),
    "tests": ({"base", "index", "encoder", "engine", "api", "tests"}, set()),
    "bench": ({"base", "index", "encoder", "engine", "api", "bench"}, set()),
}

# Outside library -> the places that may include it.
LIBRARIES = {
    r"spdlog/": ["base/log.cpp"],
    r"openssl/": ["base/digest.cpp", "api/http/"],
    r"xxhash\.h": ["base/digest.cpp"],
    r"faiss/": ["index/", "api/exchange/faiss_graph.cpp", "bench/", "tests/"],
    r"snappy\.h": ["api/exchange/"],
    r"(dnnl|oneapi/dnnl)": ["encoder/kernels/", "bench/"],
    r"(ATen|c10|torch)/": ["encoder/training/", "tests/encoder/training/"],
    r"simdjson": ["encoder/model/", "encoder/tokenizer/", "encoder/training/", "engine/payload/", "api/", "tests/", "bench/"],
    r"rocksdb/": ["engine/storage/", "tests/engine/"],
    r"utf8proc\.h": ["engine/payload/"],
    r"roaring/": ["engine/payload/"],
    r"libstemmer\.h": ["engine/payload/"],
    r"oniguruma\.h": ["encoder/tokenizer/"],
    r"(CLI/|yaml-cpp/)": ["engine/settings.cpp", "api/orthant.cpp", "api/cli/", "api/train/"],
    r"boost/": ["api/http/", "api/orthantd.cpp", "tests/api/", "bench/"],
    r"(zlib|zstd)\.h": ["api/http/", "api/cli/", "api/bulk/arrow_format.cpp", "tests/"],
    r"lz4frame\.h": ["api/bulk/arrow_format.cpp"],
    r"omp\.h": ["encoder/kernels/", "bench/"],
    r"immintrin\.h": ["index/kernels/", "encoder/kernels/", "tests/encoder/kernels/", "encoder/tokenizer/", "bench/"],
    r"benchmark/": ["bench/"],
    r"gtest/": ["tests/"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^">]+)[">]')


def owner(path):
    """The key of OURS that a file falls under."""
    return max((key for key in OURS if path == key or path.startswith(key + "/")), key=len, default=None)


def complaint(path, included):
    folder = owner(path)
    if (ROOT / included).is_file() and owner(included):
        folders, doors = OURS[folder]
        home = owner(included)
        if home in folders or included in doors or any(home.startswith(allowed + "/") for allowed in folders):
            return None
        return f"{folder} may not include {included}"
    for pattern, places in LIBRARIES.items():
        if re.match(pattern, included) and not any(path.startswith(place) for place in places):
            return f"{included} belongs to {', '.join(places)}"
    return None


def main():
    complaints = []
    for file in sorted(ROOT.rglob("*")):
        path = file.relative_to(ROOT).as_posix()
        if file.suffix not in (".h", ".cpp") or not owner(path):
            continue
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            found = INCLUDE.match(line)
            reason = found and complaint(path, found.group(1))
            if reason:
                complaints.append(f"{path}:{number}: {reason}")
    print("\n".join(complaints) or "layers hold")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
