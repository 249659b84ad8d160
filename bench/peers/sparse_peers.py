#!/usr/bin/env python3
"""Writes sparse vectors for sparse_bench, and measures scipy's product of the same rows and queries.

  sparse_peers.py FILE [--rows 200000] [--kind bm25|splade]

bm25: some 40 of 300,000 words a row, 6 a query. splade: some 120 of 30,000 tokens a row, 30 a query. Words by Zipf's law, values as
such encoders give them. Run with one thread (OMP_NUM_THREADS=1).
"""

import argparse
import time

import numpy as np
import scipy.sparse as sp

KINDS = {"bm25": (300_000, 40, 6, 1.05), "splade": (30_000, 120, 30, 0.8)}


def matrix(rng, rows, space, mean, power):
    weights = 1 / np.arange(2, space + 2) ** power
    bounds = np.cumsum(weights / weights.sum())
    counts = np.maximum(1, rng.poisson(mean, rows))
    columns = np.searchsorted(bounds, rng.random(counts.sum())).clip(max=space - 1)
    values = rng.gamma(2.0, 0.5, counts.sum()).astype(np.float32)
    made = sp.csr_matrix((values, columns, np.concatenate([[0], np.cumsum(counts)])), shape=(rows, space))
    made.sum_duplicates()
    return made


def write(file, made):
    np.array([made.shape[0]], dtype=np.uint64).tofile(file)
    made.indptr.astype(np.uint64).tofile(file)
    made.indices.astype(np.uint32).tofile(file)
    made.data.astype(np.float32).tofile(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--kind", choices=KINDS, default="splade")
    arguments = parser.parse_args()
    rng = np.random.default_rng(7)
    space, mean, asked, power = KINDS[arguments.kind]
    rows = matrix(rng, arguments.rows, space, mean, power)
    queries = matrix(rng, 100, space, asked, power)
    with open(arguments.file, "wb") as file:
        write(file, rows)
        write(file, queries)
    by_column = rows.tocsc()
    times = []
    for _ in range(3):
        begin = time.thread_time()
        for i in range(queries.shape[0]):
            query = queries[i]
            scores = np.asarray(by_column[:, query.indices] @ query.data).ravel()
            np.argpartition(scores, -10)[-10:]
        times.append((time.thread_time() - begin) / queries.shape[0] * 1e3)
    print(f"scipy, columns of the query only: {min(times):.3f} ms a query")


main()
