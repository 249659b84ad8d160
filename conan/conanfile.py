"""How Orthant gets what it builds with.

The default (system_packages=True) installs Debian's packages and lets CMake find them. With system_packages=False the same
libraries come from ConanCenter, for machines that are not Debian; that way is for users who reach it and is not run by our CI.
"""

import os
import pathlib

from conan import ConanFile
from conan.tools.cmake import CMakeDeps, CMakeToolchain
from conan.tools.system.package_manager import Apt

HERE = pathlib.Path(__file__).parent


def system_packages():
    lines = (HERE / "system_packages.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class Orthant(ConanFile):
    name = "orthant"
    license = "Apache-2.0"
    description = "Vector retrieval engine around quantized embeddings"
    settings = "os", "compiler", "build_type", "arch"
    options = {
        "system_packages": [True, False],
        "preset": ["dev", "release", "bench", "asan", "tsan", "clang"],
    }
    default_options = {"system_packages": True, "preset": "release"}
    exports = "system_packages.txt"

    def layout(self):
        self.folders.root = ".."
        self.folders.source = "."
        self.folders.build = f"build/{self.options.preset}"
        self.folders.generators = f"build/{self.options.preset}/conan"

    def requirements(self):
        if self.options.system_packages:
            return
        for reference in (
            "boost/1.81.0", "cli11/2.3.2", "faiss/1.8.0", "fmt/9.1.0", "onednn/3.4", "openssl/[>=3 <4]", "roaring/2.0.4",
            "rocksdb/8.8.1", "simdjson/3.1.1", "snappy/1.1.9", "spdlog/1.11.0", "xxhash/0.8.1", "yaml-cpp/0.7.0", "zlib/[>=1.2.11 <2]",
            "zstd/1.5.4",
        ):
            self.requires(reference)
        self.test_requires("gtest/1.12.1")
        self.test_requires("benchmark/1.7.1")

    def system_requirements(self):
        if self.options.system_packages:
            Apt(self).install(system_packages(), update=True, check=True)

    def generate(self):
        if self.options.system_packages:
            return
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        toolchain.generate()

    def build(self):
        """Configures the preset and builds ORTHANT_TARGETS (all where unset)."""
        preset = str(self.options.preset)
        configure = f"cmake --preset {preset}"
        if not self.options.system_packages:
            toolchain = os.path.join(self.generators_folder, "conan_toolchain.cmake")
            configure += f' -DCMAKE_TOOLCHAIN_FILE="{toolchain}"'
        targets = os.environ.get("ORTHANT_TARGETS", "")
        self.run(configure + " -Wno-dev --log-level=WARNING", cwd=self.source_folder)
        self.run(
            f"cmake --build --preset {preset}" + (f" --target {targets}" if targets else ""),
            cwd=self.source_folder,
        )
