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
    (OUT / "expected.json").write_text(json.dumps(expected(columns), indent=None, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
