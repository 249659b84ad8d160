#!/usr/bin/env python3
"""Builds the Debian package and looks at what it holds. Installs nothing.

    python3 package_test.py --build build/release
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    check(done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def build_package(build, directory):
    run("cmake", "--build", build, "--target", "orthantd", "orthant", "orthantd_documents")
    run("cpack", "--config", build / "CPackConfig.cmake", "-G", "DEB", "-B", directory)
    packages = list(directory.glob("*.deb"))
    check(len(packages) == 1, f"found {packages}")
    check(re.fullmatch(r"orthant_\d+\.\d+\.\d+_\w+\.deb", packages[0].name), packages[0].name)
    return packages[0]


def control_says_what_is_needed(package):
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "--field", package).splitlines() if re.match(r"[A-Z][\w-]*: ", line))
    check(fields["Package"] == "orthant" and fields["Section"] == "database", fields)
    for library in ("libc6", "libssl3", "librocksdb", "libyaml-cpp", "zlib1g"):
        check(library in fields["Depends"], f"{library} is not in {fields['Depends']}")
    check("-dev" not in fields["Depends"], fields["Depends"])
    with tempfile.TemporaryDirectory() as directory:
        run("dpkg-deb", "--control", package, directory)
        check((pathlib.Path(directory) / "conffiles").read_text() == "/etc/orthant/orthant.yaml\n", "conffiles")
        check((pathlib.Path(directory) / "md5sums").is_file(), "md5sums")


def files_are_where_debian_has_them(package, root):
    run("dpkg-deb", "--extract", package, root)
    found = {"/" + str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    wanted = {"/usr/bin/orthantd", "/usr/bin/orthant", "/usr/share/man/man8/orthantd.8.gz", "/etc/orthant/orthant.yaml",
              "/lib/systemd/system/orthantd.service", "/usr/share/bash-completion/completions/orthantd",
              "/usr/share/zsh/vendor-completions/_orthantd", "/usr/share/fish/vendor_completions.d/orthantd.fish",
              "/usr/share/doc/orthant/copyright"}
    units = {"/usr/lib/systemd/system/orthantd.service", "/lib/systemd/system/orthantd.service"}
    check((wanted - units) <= found and units & found, f"missing: {wanted - found}; found {found}")
    listing = run("dpkg-deb", "--contents", package)
    check(all(line.split()[1] == "root/root" for line in listing.splitlines()), "files of others than root")
    check(re.search(r"^-rw------- .*/etc/orthant/orthant.yaml$", listing, re.M), "a file that keys go into is readable by all")


def binaries_run(root):
    daemon = root / "usr/bin/orthantd"
    config = root / "etc/orthant/orthant.yaml"
    check(run(daemon, "--version").startswith("orthantd "), "--version")
    run(daemon, "--check-config", "--config", config)
    check("http_port: 6333  # http_port in" in run(daemon, "--print-config", "--config", config), "the file is not read")
    check("orthant" in run(root / "usr/bin/orthant", "--help"), "orthant --help")
    dynamic = run("readelf", "-d", daemon)
    check("RPATH" not in dynamic and "RUNPATH" not in dynamic, dynamic)
    check(".debug_info" not in run("readelf", "-S", daemon), "not stripped")


def documents_are_readable(root):
    page = run("gzip", "-dc", root / "usr/share/man/man8/orthantd.8.gz")
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-P-cbou"], input=page, capture_output=True, text=True)
        check(done.returncode == 0 and "warning" not in done.stderr, done.stderr)
        check("http" in done.stdout and "SYNOPSIS" in done.stdout, f"the page is empty:\n{done.stdout[:2000]}")
    run("bash", "-n", root / "usr/share/bash-completion/completions/orthantd")


def unit_is_good(root):
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not here: the unit is not examined")
        return
    unit = next(root.rglob("orthantd.service"))
    done = subprocess.run(["systemd-analyze", "verify", "--root", str(root), unit.name], capture_output=True, text=True)
    faults = [line for line in done.stderr.splitlines() if "orthantd.service" in line and "Unknown" in line]
    check(not faults, "\n".join(faults))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, type=pathlib.Path)
    build = parser.parse_args().build.resolve()
    for tool in ("dpkg-deb", "dpkg-shlibdeps", "cpack", "readelf"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not here")
            return SKIPPED
    with tempfile.TemporaryDirectory(prefix="orthant-package-") as directory:
        directory = pathlib.Path(directory)
        package = build_package(build, directory)
        root = directory / "root"
        control_says_what_is_needed(package)
        files_are_where_debian_has_them(package, root)
        binaries_run(root)
        documents_are_readable(root)
        unit_is_good(root)
        print(f"{package.name}: {package.stat().st_size >> 10} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
