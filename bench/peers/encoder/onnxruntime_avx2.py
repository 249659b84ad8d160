#!/usr/bin/env python3
"""Copies the installed onnxruntime into DIR with AVX-512 hidden from it, which it has no setting for.

    onnxruntime_avx2.py DIR        (then PYTHONPATH=DIR)

Before it uses wide registers a library asks the operating system by XGETBV whether their state is kept. In the copy these three bytes
are `mov al, 7; nop`: x87, SSE and AVX state, no AVX-512 state, whatever the machine. Only for measuring the AVX2 level of a peer on a
CPU that has more; the copy stays on the machine.
"""

import importlib.util
import pathlib
import re
import shutil
import sys

# XGETBV with its register cleared before it, or with the halves of its result put together after it: calls, not other code's bytes.
XGETBV = re.compile(rb"(?<=\x31\xc9)\x0f\x01\xd0|\x0f\x01\xd0(?=\x89\xc0\x48\xc1\xe2\x20)")


def main():
    package = pathlib.Path(importlib.util.find_spec("onnxruntime").submodule_search_locations[0])
    copy = pathlib.Path(sys.argv[1]) / "onnxruntime"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(package, copy)
    for library in copy.glob("capi/*.so*"):
        code, count = XGETBV.subn(b"\xb0\x07\x90", library.read_bytes())
        library.write_bytes(code)
        print(f"{library.name}: AVX-512 hidden at {count} places")


if __name__ == "__main__":
    main()
