#!/usr/bin/env python3
"""Lets PyPI's torch run without the gigabytes of CUDA libraries that it names but never calls on a CPU.

    cuda_stand_ins.py        (with the Python of the environment that holds torch)

For every library that torch's own ones need and that is not installed, a shared library of that name is compiled beside them, which
defines the symbols looked up in it. All of them stop the program: nothing here can be mistaken for an accelerator. The small
runtime libraries that torch's static constructors really call (cudart, cupti) are installed as packages, see requirements.txt.
"""

import collections
import ctypes
import importlib.util
import pathlib
import re
import subprocess
import tempfile

LIBRARIES = pathlib.Path(importlib.util.find_spec("torch").submodule_search_locations[0]) / "lib"
NVIDIA = re.compile(r"lib(cu|nv|nccl)")
# These libraries have no symbol versions, by which the symbols of the others are told apart.
UNVERSIONED_HOME = {"cuFile": "libcufile.so.0", "cusparseLt": "libcusparseLt.so.0", "nccl": "libnccl.so.2"}
UNVERSIONED = re.compile("|".join(UNVERSIONED_HOME))


def readelf(option, file):
    return subprocess.run(["readelf", "-W", option, file], check=True, capture_output=True, text=True).stdout


def wanted_symbols(files):
    """Library -> version -> symbols that `files` look up in it."""
    wanted = collections.defaultdict(lambda: collections.defaultdict(set))
    for file in files:
        for library in re.findall(r"NEEDED.*\[(.*)\]", readelf("-d", file)):
            if NVIDIA.match(library):
                wanted[library]  # noqa: B018 (a library may be needed for no versioned symbol at all)
        home, library = {}, None
        for line in readelf("-V", file).splitlines():
            if found := re.search(r"File: (\S+)", line):
                library = found.group(1)
            elif library and (found := re.search(r"Name: (\S+)", line)):
                home[found.group(1)] = library
        for name, version in re.findall(r" UND (\w+)(?:@(\S+))?", readelf("--dyn-syms", file)):
            if NVIDIA.match(home.get(version, "")):
                wanted[home[version]][version].add(name)
            elif not version and (found := UNVERSIONED.match(name)):
                wanted[UNVERSIONED_HOME[found.group()]][""].add(name)
    return wanted


def installed(library):
    return any((LIBRARIES / "../../nvidia").resolve().rglob(library))


def compile_stand_in(library, versions):
    with tempfile.TemporaryDirectory() as folder:
        source, script = pathlib.Path(folder) / "stand_in.c", pathlib.Path(folder) / "versions.map"
        names = sorted(set().union(*versions.values())) if versions else []
        source.write_text("".join(f"void {name}(void) {{ __builtin_trap(); }}\n" for name in names))
        script.write_text("".join(f"{version} {{ {' '.join(f'{name};' for name in sorted(symbols))} }};\n" for version, symbols in versions.items() if version))
        command = ["cc", "-shared", "-fPIC", "-w", "-fno-builtin", "-o", LIBRARIES / library, f"-Wl,-soname,{library}", source]
        subprocess.run(command + ([f"-Wl,--version-script={script}"] if any(versions) else []), check=True)


def main():
    missing = {library: versions for library, versions in wanted_symbols(LIBRARIES.glob("*.so*")).items() if not installed(library)}
    for library, versions in missing.items():
        compile_stand_in(library, versions)
    ctypes.CDLL(str(LIBRARIES / "libtorch_global_deps.so"), mode=ctypes.RTLD_GLOBAL)
    print(f"{len(missing)} stand-ins for CUDA libraries in {LIBRARIES}")


if __name__ == "__main__":
    main()
