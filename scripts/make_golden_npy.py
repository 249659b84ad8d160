#!/usr/bin/env python3
"""Makes the .npy files in tests/base/golden/ with NumPy. Run by hand; the results are committed."""

import pathlib

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/base/golden"


def main():
    GOLDEN.mkdir(parents=True, exist_ok=True)
    values = np.array([[0.0, -1.5, 0.25, 65504.0], [np.inf, 6e-8, -0.0, 3.0]])
    for name, dtype in (("float32", "<f4"), ("float64", "<f8"), ("float16", "<f2"), ("big_endian", ">f4"), ("complex64", "<c8")):
        np.save(GOLDEN / f"{name}.npy", values.astype(dtype))
    codes = np.array([[-128, -1, 0], [1, 2, 127]], np.int8)
    np.save(GOLDEN / "int8.npy", codes)
    np.save(GOLDEN / "uint8.npy", codes.view(np.uint8))
    np.save(GOLDEN / "int64.npy", codes.astype(np.int64))
    np.save(GOLDEN / "fortran_order.npy", np.asfortranarray(codes))
    np.save(GOLDEN / "one_dimension.npy", codes[0])
    np.save(GOLDEN / "three_dimensions.npy", codes[None])
    np.save(GOLDEN / "no_rows.npy", np.zeros((0, 5), np.float32))
    for version in ((2, 0), (3, 0)):
        with open(GOLDEN / f"version_{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, codes, version=version)


if __name__ == "__main__":
    main()
