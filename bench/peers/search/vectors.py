#!/usr/bin/env python3
"""Makes what the peers search: vectors, held-out queries, exact truth. All files are .npy and are made once.

    vectors.py WORK_DIR --rows N [--titles FILE.jsonl.zst --orthant BINARY | --embeddings FILE.npy]

WORK_DIR gets titles.npy (all titles, encoded; not made where --embeddings names such a file) and N/ with base.npy (N x dim float32,
unit length), queries.npy and truth.npy. The last QUERIES titles are the queries and are never among the base. While N titles are left
the base is their first N; beyond, the base goes on with disturbed copies (`disturb`). Nothing is held in memory whole.
"""

import argparse
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
QUERIES = 1_000
NEIGHBORS = 10
# Candidates of the exact scan that are kept, so that all rows which tie with the tenth can count as found.
DEPTH = 100
CHUNK = 50_000
NOISE = 0.35
SEED = 20_261_121
# Scores that differ by less are the same: sums of floats in another order.
TIE = 1e-6


def normalize(rows):
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def disturb(source, chunk, count):
    """Rows [chunk * CHUNK, + count) of the endless sequence of disturbed copies of `source`: copy i is

        x' = (x + NOISE (y - z)) / |x + NOISE (y - z)|,   x = source[i mod n],  y and z two rows drawn at random.

    The difference of two rows has the covariance of the data (twice it). Noise of the same size in all directions would leave the
    directions in which embeddings live, and would push each copy behind its original for every query: rows that no search ever has to
    tell apart. The random generator is seeded with (SEED, chunk): any chunk can be made again alone."""
    random = np.random.default_rng([SEED, chunk])
    rows = len(source)
    first = np.arange(chunk * CHUNK, chunk * CHUNK + count) % rows
    plus = random.integers(rows, size=count)
    minus = (plus + random.integers(1, rows, size=count)) % rows
    return normalize(source[first] + np.float32(NOISE) * (source[plus] - source[minus]))


def copy_rows(source, target, count):
    for begin in range(0, count, CHUNK):
        end = min(begin + CHUNK, count)
        target[begin:end] = normalize(source[begin:end])


def stretch(source, path, count):
    """`path`: the rows of `source`, then disturbed copies, `count` in all."""
    beside = path.with_suffix(".part.npy")
    target = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float32, shape=(count, source.shape[1]))
    own = min(count, len(source))
    copy_rows(source, target, own)
    for chunk in range(-(-(count - own) // CHUNK)):
        begin = own + chunk * CHUNK
        target[begin:begin + CHUNK] = disturb(source, chunk, min(CHUNK, count - begin))
    target.flush()
    beside.rename(path)


def best_rows(base, queries, depth=DEPTH):
    """Of a blocked scan in float32: row numbers and scores, best first, queries x depth."""
    depth = min(depth, len(base))
    scores = np.full((len(queries), depth), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), depth), -1, dtype=np.int64)
    for begin in range(0, len(base), CHUNK // 4):
        block = queries @ np.asarray(base[begin:begin + CHUNK // 4]).T
        numbers = np.broadcast_to(np.arange(begin, begin + block.shape[1]), block.shape)
        scores, rows = np.hstack([scores, block]), np.hstack([rows, numbers])
        kept = np.argpartition(-scores, depth - 1, axis=1)[:, :depth]
        scores, rows = np.take_along_axis(scores, kept, axis=1), np.take_along_axis(rows, kept, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def accepted(rows, scores, k=NEIGHBORS):
    """Row numbers that count as found: the best k and those that tie with the k-th; the others are -1. float32, because that is what
    our own reader of .npy takes; row numbers are exact to 16.7 million."""
    return np.where(scores >= scores[:, k - 1:k] - TIE, rows, -1).astype(np.float32)


def recall(found, truth, k=NEIGHBORS):
    """`found`: a list of row numbers a query; `truth`: as `accepted` gives it. The mean share of k that was found."""
    hits = [min(k, len({int(row) for row in rows[:k]} & {int(row) for row in wanted if row >= 0})) for rows, wanted in zip(found, truth)]
    return sum(hits) / (k * len(hits))


def encode_titles(titles, orthant, path):
    print(f"encoding {titles}: an hour of one core for half a million titles", flush=True)
    subprocess.run([orthant, "encode", "--input", titles, "--output", path], check=True)


def write_truth(folder):
    base, queries = np.load(folder / "base.npy", mmap_mode="r"), np.load(folder / "queries.npy")
    beside = folder / "truth.part.npy"
    np.save(beside, accepted(*best_rows(base, queries)))
    beside.rename(folder / "truth.npy")


def make(embeddings, folder, rows, queries=QUERIES):
    """folder/{base,queries,truth}.npy. What is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    source = np.load(embeddings, mmap_mode="r")
    if not (folder / "queries.npy").exists():
        np.save(folder / "queries.npy", normalize(source[-queries:]))
    if not (folder / "base.npy").exists():
        stretch(source[:-queries], folder / "base.npy", rows)
    if not (folder / "truth.npy").exists():
        write_truth(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--titles", type=pathlib.Path, default=ROOT / "../shared/data/reddit-titles.jsonl.zst")
    parser.add_argument("--orthant", type=pathlib.Path, default=ROOT / "build/release/bin/orthant")
    parser.add_argument("--embeddings", type=pathlib.Path, help="ready embeddings of the titles, instead of encoding them")
    options = parser.parse_args()
    embeddings = options.embeddings or options.work / "titles.npy"
    options.work.mkdir(parents=True, exist_ok=True)
    if not embeddings.exists():
        encode_titles(options.titles, options.orthant, embeddings)
    make(embeddings, options.work / str(options.rows), options.rows)


if __name__ == "__main__":
    main()
