#!/usr/bin/env python3
"""Makes tests/api/exchange/golden: files of vectors as today's packages write them, and what the same packages read from them.

Run by hand, in an environment with numpy, faiss-cpu, pyarrow, polars and duckdb; the results are committed. Beside each file stand
NAME.vectors.npy (float32, or uint8 codes of binary indexes), NAME.ids (one a line; absent where the file has none) and NAME.payloads
(JSON a line; absent where all are empty).
"""

import datetime
import json
import pathlib
import uuid

import duckdb
import faiss
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

OUTPUT = pathlib.Path(__file__).resolve().parent.parent / "tests/api/exchange/golden"
ROWS, DIM = 12, 8
RANDOM = np.random.default_rng(5)
VECTORS = RANDOM.standard_normal((ROWS, DIM)).astype(np.float32)
IDS = np.array([7, 3, 1000000007, 0, 12, 13, 14, 99, 2**40, 5, 6, 2], np.int64)


def put(name, vectors, ids=None, payloads=None):
    np.save(OUTPUT / f"{name}.vectors.npy", vectors)
    if ids is not None:
        (OUTPUT / f"{name}.ids").write_text("".join(f"{i}\n" for i in ids))
    if payloads is not None:
        (OUTPUT / f"{name}.payloads").write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in payloads))


def put_matrices():
    np.save(OUTPUT / "float32.npy", VECTORS)
    put("float32.npy", VECTORS)
    np.save(OUTPUT / "float16.npy", VECTORS.astype(np.float16))
    put("float16.npy", VECTORS.astype(np.float16).astype(np.float32))
    np.save(OUTPUT / "float64.npy", VECTORS.astype(np.float64))
    put("float64.npy", VECTORS)
    lengths = np.full((ROWS, 1), DIM, np.int32)
    (OUTPUT / "rows.fvecs").write_bytes(np.hstack([lengths.view(np.uint8), VECTORS.view(np.uint8)]).tobytes())
    put("rows.fvecs", VECTORS)
    small = RANDOM.integers(0, 256, (ROWS, DIM)).astype(np.uint8)
    (OUTPUT / "rows.bvecs").write_bytes(np.hstack([lengths.view(np.uint8), small]).tobytes())
    put("rows.bvecs", small.astype(np.float32))
    np.save(OUTPUT / "ids_int64.ids.npy", IDS)
    np.save(OUTPUT / "ids_text.ids.npy", np.array([f"é{i}" if i % 2 else str(uuid.UUID(int=i)) for i in range(ROWS)]))
    (OUTPUT / "rows.ivecs").write_bytes(np.stack([np.ones(ROWS, np.int32), np.arange(ROWS, dtype=np.int32) * 3], 1).tobytes())


def listed(index):
    """Vectors and ids of an inverted file, list by list."""
    ids = []
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if size:
            ids.extend(faiss.rev_swig_ptr(index.invlists.get_ids(number), size).copy())
    index.make_direct_map()
    vectors = np.stack([index.reconstruct(int(i)) for i in ids])
    index.set_direct_map_type(faiss.DirectMap.NoMap)
    return vectors, ids


def put_faiss():
    faiss.omp_set_num_threads(1)

    def write(name, index, vectors, ids=None):
        faiss.write_index(index, str(OUTPUT / f"{name}.faiss"))
        put(f"{name}.faiss", vectors.astype(np.float32), ids)

    def made(factory, metric=faiss.METRIC_L2):
        index = faiss.index_factory(DIM, factory, metric)
        index.train(VECTORS)
        return index

    for name, factory in (("flat", "Flat"), ("hnsw", "HNSW4"), ("hnsw_sq8", "HNSW4,SQ8"), ("sq8", "SQ8"), ("sq4", "SQ4"), ("sq6", "SQ6"),
                          ("sqfp16", "SQfp16"), ("sqbf16", "SQbf16"), ("rotated", "RR8,Flat"), ("reduced", "PCA5,Flat"),
                          ("normalized", "L2norm,Flat"), ("rotated_sq8", "PCAR8,SQ8")):
        metric = faiss.METRIC_INNER_PRODUCT if name == "flat" else faiss.METRIC_L2
        index = made(factory, metric)
        index.add(VECTORS)
        write(name, index, index.reconstruct_n(0, ROWS))
    for kind in ("QT_8bit_uniform", "QT_4bit_uniform", "QT_8bit_direct", "QT_8bit_direct_signed"):
        index = faiss.IndexScalarQuantizer(DIM, getattr(faiss.ScalarQuantizer, kind))
        index.train(VECTORS)
        index.add(np.round(VECTORS * 20) + (50 if kind == "QT_8bit_direct" else 0))
        write(kind.lower(), index, index.reconstruct_n(0, ROWS))
    centred = faiss.IndexPreTransform(faiss.CenteringTransform(DIM), faiss.IndexFlatL2(DIM))
    centred.train(VECTORS)
    centred.add(VECTORS)
    write("centred", centred, centred.reconstruct_n(0, ROWS))
    for name, factory in (("ivf", "IVF3,Flat"), ("ivf_sq8", "IVF3,SQ8"), ("ivf_hnsw", "IVF3_HNSW4,Flat")):
        index = made(factory)
        index.add_with_ids(VECTORS, IDS) if name == "ivf" else index.add(VECTORS)
        vectors, ids = (None, None) if name == "ivf" else listed(index)
        if name == "ivf":  # ids out of order have no direct map
            order = []
            for number in range(index.nlist):
                size = index.invlists.list_size(number)
                order.extend(faiss.rev_swig_ptr(index.invlists.get_ids(number), size).copy() if size else [])
            vectors, ids = np.stack([VECTORS[list(IDS).index(i)] for i in order]), order
        write(name, index, vectors, ids)
    sparse = made("IVF8,Flat")
    sparse.add(np.repeat(VECTORS[:1], 3, 0))
    write("ivf_sparse", sparse, *listed(sparse))
    # Residuals are what makes a scalar-quantized inverted file hard: off and on.
    plain = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatL2(DIM), DIM, 3, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2, False)
    plain.train(VECTORS)
    plain.add(VECTORS)
    write("ivf_sq8_plain", plain, *listed(plain))
    for name, factory in (("idmap", "IDMap,Flat"), ("idmap2", "IDMap2,Flat"), ("idmap_rotated", "IDMap2,RR8,SQfp16")):
        index = made(factory)
        index.add_with_ids(VECTORS, IDS)
        base = faiss.downcast_index(index.index)
        write(name, index, base.reconstruct_n(0, ROWS), IDS)
    lists = faiss.IndexIDMap(made("IVF3,Flat"))
    lists.add_with_ids(VECTORS, IDS)
    inside = faiss.downcast_index(lists.index)
    vectors, places = listed(inside)
    write("idmap_ivf", lists, vectors, [IDS[i] for i in places])

    codes = RANDOM.integers(0, 256, (ROWS, 4)).astype(np.uint8)

    def write_binary(name, index, expected, ids=None):
        faiss.write_index_binary(index, str(OUTPUT / f"{name}.faiss"))
        put(f"{name}.faiss", expected, ids)

    flat = faiss.IndexBinaryFlat(32)
    flat.add(codes)
    write_binary("binary", flat, codes)
    graph = faiss.IndexBinaryHNSW(32, 4)
    graph.add(codes)
    write_binary("binary_hnsw", graph, codes)
    mapped = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(32))
    mapped.add_with_ids(codes, IDS)
    write_binary("binary_idmap2", mapped, codes, IDS)
    lists = faiss.IndexBinaryIVF(faiss.IndexBinaryFlat(32), 32, 3)
    lists.train(codes)
    lists.add(codes)
    order = [i for n in range(3) for i in faiss.rev_swig_ptr(lists.invlists.get_ids(n), lists.invlists.list_size(n)).copy()]
    write_binary("binary_ivf", lists, codes[order], order)

    # What exports must equal, byte for byte: points of idmap2.faiss and binary_idmap2.faiss by ascending id.
    order = np.argsort(IDS)
    for name, factory in (("written_flat", "IDMap2,Flat"), ("written_sq8", "IDMap2,SQ8")):
        index = made(factory)
        index.train(VECTORS)
        index.add_with_ids(VECTORS[order], IDS[order])
        write(name, index, faiss.downcast_index(index.index).reconstruct_n(0, ROWS), IDS[order])
    written = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(32))
    written.add_with_ids(codes[order], IDS[order])
    write_binary("written_binary", written, codes[order], IDS[order])

    # Kinds that are refused.
    scaled = faiss.IndexPreTransform(faiss.PCAMatrix(DIM, 4, -0.5), faiss.IndexFlatL2(4))
    scaled.train(VECTORS)
    scaled.add(VECTORS)
    faiss.write_index(scaled, str(OUTPUT / "refused_whitened.faiss"))
    product = faiss.index_factory(DIM, "PQ2x2")
    product.train(VECTORS)
    product.add(VECTORS)
    faiss.write_index(product, str(OUTPUT / "refused_pq.faiss"))


def columns(rows=ROWS):
    """Columns of every kind that becomes a payload, and that payload."""
    day = datetime.date(1969, 12, 28)
    noon = datetime.datetime(1969, 12, 31, 12, 0, 0, 500000)
    texts = [["plain", "Ünïcode \"quoted\"\n", "", None][i % 4] for i in range(rows)]
    table = {
        "flag": pa.array([None if i == 5 else i % 2 == 0 for i in range(rows)], pa.bool_()),
        "small": pa.array([-i for i in range(rows)], pa.int8()),
        "count": pa.array([2**32 - 1 - i for i in range(rows)], pa.uint32()),
        "big": pa.array([2**64 - 1 - i for i in range(rows)], pa.uint64()),
        "number": pa.array([None if i == 1 else 10**12 * (i - 4) for i in range(rows)], pa.int64()),
        "share": pa.array([i / 3 for i in range(rows)], pa.float64()),
        "half": pa.array([i / 4 for i in range(rows)], pa.float32()),
        "text": pa.array(texts, pa.string()),
        "tags": pa.array([None if i == 2 else ["a", None, "b"][: i % 4] for i in range(rows)], pa.list_(pa.string())),
        "day": pa.array([day + datetime.timedelta(i) for i in range(rows)], pa.date32()),
        "moment": pa.array([noon + datetime.timedelta(hours=i) for i in range(rows)], pa.timestamp("us")),
        "instant": pa.array([noon + datetime.timedelta(hours=i) for i in range(rows)], pa.timestamp("ms", "UTC")),
    }
    payloads = []
    for i in range(rows):
        row = {name: column[i].as_py() for name, column in table.items()}
        row["day"] = row["day"].isoformat()
        row["moment"] = row["moment"].isoformat()
        row["instant"] = row["instant"].replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        payloads.append(row)
    return table, payloads


def put_parquet():
    lists = pa.array(list(VECTORS), pa.list_(pa.float32()))
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(VECTORS.ravel()), DIM)
    ids = pa.array(IDS)
    table, payloads = columns()

    def write(name, arrays, expected, ids=None, payloads=None, **options):
        pq.write_table(pa.table(arrays), OUTPUT / f"{name}.parquet", **options)
        put(f"{name}.parquet", expected, ids, payloads)

    wide = {"id": ids, "vector": lists, **table}
    write("arrow", wide, VECTORS, IDS, payloads)
    write("arrow_v2_zstd", wide, VECTORS, IDS, payloads, data_page_version="2.0", compression="zstd")
    write("arrow_gzip_groups", wide, VECTORS, IDS, payloads, compression="gzip", row_group_size=5)
    write("arrow_plain", wide, VECTORS, IDS, payloads, compression="none", use_dictionary=False, store_schema=False)
    write("arrow_delta", wide, VECTORS, IDS, payloads, use_dictionary=False, data_page_version="2.0", column_encoding={
        "id": "DELTA_BINARY_PACKED", "small": "DELTA_BINARY_PACKED", "number": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY",
        "tags.list.element": "DELTA_LENGTH_BYTE_ARRAY", "vector.list.element": "BYTE_STREAM_SPLIT", "share": "BYTE_STREAM_SPLIT",
        "flag": "RLE"})
    write("arrow_old_lists", {"id": ids, "vector": lists}, VECTORS, IDS, use_compliant_nested_type=False, version="1.0")
    # A run of more rows than a page takes: pages, dictionaries and runs are many.
    many = 600
    wrapped, wrapped_payloads = np.round(RANDOM.standard_normal((many, 2)), 1).astype(np.float32), [{"kind": f"k{i // 50}", "n": i} for i in range(many)]
    write("arrow_pages", {"id": pa.array(range(many)), "vector": pa.array(list(wrapped), pa.list_(pa.float32())),
                          "kind": pa.array([p["kind"] for p in wrapped_payloads]), "n": pa.array(range(many))}, wrapped, range(many),
          wrapped_payloads, data_page_size=64, write_batch_size=16, row_group_size=350)
    write("arrow_fixed", {"_id": ids, "embedding": fixed}, VECTORS, IDS)
    write("arrow_double", {"vector": pa.array(list(VECTORS.astype(np.float64)), pa.list_(pa.float64()))}, VECTORS)
    halves = VECTORS.astype(np.float16)
    write("arrow_float16", {"vector": pa.array(list(halves), pa.list_(pa.float16()))}, halves.astype(np.float32))
    names = [str(uuid.UUID(int=2**100 + i)) for i in range(ROWS)]
    write("arrow_uuid", {"id": pa.array([uuid.UUID(n).bytes for n in names], pa.uuid()), "vector": lists}, VECTORS, names)
    pl.DataFrame({"id": IDS, "vector": list(VECTORS), "text": [p["text"] for p in payloads], "tags": [p["tags"] for p in payloads]},
                 schema_overrides={"vector": pl.List(pl.Float32)}).write_parquet(OUTPUT / "polars.parquet")
    kept = [{"text": p["text"], "tags": p["tags"]} for p in payloads]
    put("polars.parquet", VECTORS, IDS, kept)
    pl.DataFrame({"id": IDS, "vector": VECTORS}).write_parquet(OUTPUT / "polars_array.parquet", compression="snappy")
    put("polars_array.parquet", VECTORS, IDS)
    arrow = pa.table({"id": ids, "vector": fixed, "text": table["text"], "tags": table["tags"]})  # noqa: F841, seen by the query
    duckdb.sql(f"copy (select * from arrow) to '{OUTPUT}/duckdb.parquet' (format parquet)")
    put("duckdb.parquet", VECTORS, IDS, kept)
    duckdb.sql(f"copy (select * from arrow) to '{OUTPUT}/duckdb_v2.parquet' (format parquet, parquet_version v2, compression zstd)")
    put("duckdb_v2.parquet", VECTORS, IDS, kept)
    pq.write_table(pa.table({"vector": lists, "deep": pa.array([[[1]]] * ROWS)}), OUTPUT / "refused_nested.parquet")
    pq.write_table(pa.table({"vector": lists}), OUTPUT / "refused_lz4.parquet", compression="lz4")
    pq.write_table(pa.table({"id": pa.array([1, 2, 3]), "passage": ["A rose smells sweet.", None, "Iron is a hard metal."],
                             "year": [1999, 2000, 2001]}), OUTPUT / "texts.parquet")
    # Vectors that are missing or of another length are errors of their rows.
    broken = [list(map(float, row)) for row in VECTORS]
    broken[1], broken[4], broken[6] = None, broken[4][:-1], []
    pq.write_table(pa.table({"id": ids, "vector": pa.array(broken, pa.list_(pa.float32()))}), OUTPUT / "bad_rows.parquet")


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for old in OUTPUT.iterdir():
        old.unlink()
    put_matrices()
    put_faiss()
    put_parquet()


if __name__ == "__main__":
    main()
