#!/usr/bin/env python3
"""Makes tests/encoder/golden/quantization/ with Sentence Transformers' quantize_embeddings.

Run by hand where the package is installed; the results are committed. Each folder is a case: embeddings.npy, ranges.npy and, where
the ranges were not given, calibration.npy; then what the package makes of the embeddings, one .npy a precision.
"""

import pathlib

import numpy as np
from sentence_transformers.util import quantize_embeddings

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/encoder/golden/quantization"
RNG = np.random.default_rng(20261121)


def save(name, embeddings, ranges=None, calibration=None):
    folder = GOLDEN / name
    folder.mkdir(parents=True, exist_ok=True)
    embeddings = embeddings.astype(np.float32)
    np.save(folder / "embeddings.npy", embeddings)
    if calibration is not None:
        calibration = calibration.astype(np.float32)
        np.save(folder / "calibration.npy", calibration)
        np.save(folder / "ranges.npy", np.vstack((calibration.min(axis=0), calibration.max(axis=0))))
    else:
        np.save(folder / "ranges.npy", ranges.astype(np.float32))
    for precision in ("int8", "uint8", "binary", "ubinary"):
        with np.errstate(all="ignore"):
            made = quantize_embeddings(embeddings, precision, ranges=ranges, calibration_embeddings=calibration)
        np.save(folder / f"{precision}.npy", made)


def unit(rows, dim):
    values = RNG.standard_normal((rows, dim)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def edges():
    """Odd values in each of 19 dimensions (no multiple of 8), under ranges of every kind."""
    values = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 1e-45, -1e-45, 1e-38, 3e38, -3e38, np.inf, -np.inf, 1 / 3, 0.1, -0.1, 254 / 255]
    embeddings = np.repeat(np.array(values, np.float32)[:, None], 19, axis=1)
    embeddings[:, 1::2] = np.roll(embeddings[:, 1::2], 5, axis=0)
    minima = np.array([-1, 0, 0, -1, 0.5, -2, 0, 1e-45, -0.1, 0.3, 1, -1e-3, -3, 0, -1e-38, 0, -1, 5, 0.1], np.float32)
    maxima = np.array([1, 1, 0, -1, 0.5, 2, 255, 2e-45, 0.1, 0.4, -1, 1e-3, 3, 2.55, 1e-38, 1e-45, 3e38, 5, 0.1], np.float32)
    return embeddings, np.vstack((minima, maxima))


def boundaries():
    """Every bucket's edge as float32 computes it, and its neighbours."""
    minima = np.array([-1, -0.3, 0.001, -0.0217, -7], np.float32)
    maxima = np.array([1, 0.7, 0.9, 0.0313, 9.3], np.float32)
    steps = (maxima - minima) / np.float32(255)
    edge = minima + np.arange(-1, 258, dtype=np.float32)[:, None] * steps
    below, above = np.nextafter(edge, np.float32(-np.inf)), np.nextafter(edge, np.float32(np.inf))
    return np.vstack((edge, below, above)), np.vstack((minima, maxima))


def main():
    save("edges", *edges())
    save("boundaries", *boundaries())
    save("calibrated", unit(24, 100), calibration=unit(150, 100) * np.float32(0.8))
    save("one_row", unit(1, 384), ranges=np.vstack((np.full(384, -0.15), np.full(384, 0.15))))


if __name__ == "__main__":
    main()
