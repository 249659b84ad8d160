#!/usr/bin/env python3
"""Writes tests/api/bulk/golden: small Arrow IPC and Parquet bodies as pyarrow and Polars make them, and what their rows hold.

    python3 scripts/make_bulk_golden.py          needs: pip install pyarrow==26.0.1 polars==2.1.0 numpy
"""

import datetime
import json
import pathlib

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "api" / "bulk" / "golden"
ROWS = 40
DIM = 6


def vectors(random, kind):
    return np.round(random.normal(size=(ROWS, DIM)), 3).astype(kind)


def rows():
    """The columns that every body has, as Python values."""
    random = np.random.default_rng(7)
    vector = vectors(random, np.float32)
    words = ["", "a", "twelve bytes", "longer than twelve bytes: ä€😀", "quote \" and \\ and \n"]
    return {
        "id": [i * 3 for i in range(ROWS)],
        "vector": [[float(x) for x in row] for row in vector],
        "n": [None if i % 7 == 0 else i - 20 for i in range(ROWS)],
        "big": [2**63 + i for i in range(ROWS)],
        "ratio": [None if i % 5 == 0 else i / 8 for i in range(ROWS)],
        "flag": [None if i % 4 == 0 else i % 3 == 0 for i in range(ROWS)],
        "word": [None if i % 6 == 5 else words[i % 5] for i in range(ROWS)],
        "kind": [words[i % 3] for i in range(ROWS)],
        "tags": [None if i % 9 == 8 else [words[(i + k) % 5] for k in range(i % 4)] for i in range(ROWS)],
        "day": [datetime.date(1960, 1, 1) + datetime.timedelta(days=400 * i) for i in range(ROWS)],
        "when": [datetime.datetime(1965, 5, 5, 1, 2, 3, 500_000, datetime.timezone.utc) + datetime.timedelta(days=300 * i) for i in range(ROWS)],
    }


def expected(columns):
    """One object a row: id, vector, payload without nulls."""
    out = []
    for i in range(ROWS):
        payload = {}
        for name, values in columns.items():
            value = values[i]
            if name in ("id", "vector") or value is None:
                continue
            if isinstance(value, datetime.datetime):
                value = value.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"
            elif isinstance(value, datetime.date):
                value = value.isoformat()
            payload[name] = value
        out.append({"id": columns["id"][i], "vector": columns["vector"][i], "payload": payload})
    return out


def table(columns, vector_type):
    schema = pa.schema([
        ("id", pa.uint64()), ("vector", vector_type), ("n", pa.int16()), ("big", pa.uint64()), ("ratio", pa.float64()),
        ("flag", pa.bool_()), ("word", pa.large_utf8()), ("kind", pa.utf8()), ("tags", pa.list_(pa.utf8())), ("day", pa.date32()),
        ("when", pa.timestamp("us", tz="UTC"))])
    made = pa.table(columns, schema=schema)
    return made.set_column(made.schema.get_field_index("kind"), "kind", made["kind"].dictionary_encode())


def stream(made, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, made.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(made, max_chunksize=17)
    return sink.getvalue().to_pybytes()


def several():
    """Columns for vectors of each kind, some of them null, with what each row holds."""
    random = np.random.default_rng(11)
    columns = {"id": [], "image": [], "codes": [], "tokens": [], "words": [], "note": []}
    for i in range(ROWS):
        columns["id"].append(i + 1)
        columns["image"].append(None if i % 5 == 4 else [float(x) for x in np.round(random.normal(size=DIM), 3).astype(np.float32)])
        columns["codes"].append([int(x) for x in random.integers(-128, 128, size=4)])
        rows = [[float(x) for x in np.round(random.normal(size=3), 3).astype(np.float32)] for _ in range(1 + i % 4)]
        columns["tokens"].append(None if i % 7 == 6 else rows)
        count = i % 6
        indices = sorted({int(x) for x in random.integers(0, 2**32, size=count)}, reverse=i % 2 == 0)
        values = [float(x) for x in np.round(random.random(size=len(indices)), 3).astype(np.float32)]
        columns["words"].append(None if i % 8 == 7 else {"indices": indices, "values": values})
        columns["note"].append(f"row {i}")
    return columns


def several_table(columns, number=pa.float32()):
    schema = pa.schema([
        ("id", pa.uint64()), ("image", pa.list_(number)), ("codes", pa.list_(pa.int8())), ("tokens", pa.list_(pa.list_(number))),
        ("words", pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(number))])), ("note", pa.utf8())])
    return pa.table(columns, schema=schema)


def several_expected(columns):
    out = []
    for i in range(ROWS):
        words = columns["words"][i]
        if words is not None:
            pairs = sorted(zip(words["indices"], words["values"]))
            words = {"indices": [index for index, _ in pairs], "values": [value for _, value in pairs]}
        out.append({"id": columns["id"][i], "image": columns["image"][i], "codes": columns["codes"][i], "tokens": columns["tokens"][i],
                    "words": words, "payload": {"note": columns["note"][i]}})
    return out


def write_several():
    columns = several()
    (OUT / "several.arrows").write_bytes(stream(several_table(columns)))
    (OUT / "several_wide.arrows").write_bytes(stream(several_table(columns, pa.float64()), compression="lz4"))
    pq.write_table(several_table(columns), OUT / "several.parquet", row_group_size=15, data_page_size=128)
    pq.write_table(several_table(columns, pa.float64()), OUT / "several_v2.parquet", row_group_size=23, data_page_version="2.0",
                   compression="zstd", use_dictionary=False)
    (OUT / "several.json").write_text(json.dumps(several_expected(columns), indent=None), encoding="utf-8")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    columns = rows()
    fixed = table(columns, pa.list_(pa.float32(), DIM))
    (OUT / "plain.arrows").write_bytes(stream(fixed))
    (OUT / "lz4.arrows").write_bytes(stream(fixed, compression="lz4"))
    (OUT / "zstd.arrows").write_bytes(stream(table(columns, pa.large_list(pa.float64())), compression="zstd"))
    (OUT / "half.arrows").write_bytes(stream(table(columns, pa.list_(pa.float16()))))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, fixed.schema) as writer:
        writer.write_table(fixed.unify_dictionaries(), max_chunksize=23)
    (OUT / "file.arrow").write_bytes(sink.getvalue().to_pybytes())
    frame = pl.from_arrow(fixed).with_columns(pl.col("vector").cast(pl.Array(pl.Float32, DIM)))
    frame.write_ipc_stream(OUT / "polars.arrows")
    frame.write_ipc(OUT / "polars.arrow", compression="zstd")
    pq.write_table(table(columns, pa.list_(pa.float32())), OUT / "plain.parquet", row_group_size=15)
    write_several()
    (OUT / "expected.json").write_text(json.dumps(expected(columns), indent=None, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
