"""Runs one test script of a real client against a fresh orthantd.

The clients come from their registries, in the pinned versions beside this file, into an environment of the build folder. Where a
registry or the default model cannot be reached the test is skipped (exit code 77) and says why.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SKIPPED = 77
HERE = pathlib.Path(__file__).resolve().parent


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def run_or_skip(command, what, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        skip(f"{what} failed: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else 'no output'}")


def environment_for(work, pins):
    """The folder for these pins, and whether it is complete already."""
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    folder = work / f"{pins.stem}-{digest}"
    return folder, (folder / "complete").exists()


def python_command(work, script):
    own = HERE / f"{pathlib.Path(script).stem.removesuffix('_test')}_requirements.txt"
    pins = own if own.exists() else HERE / "requirements.txt"
    folder, complete = environment_for(work, pins)
    python = folder / "bin" / "python"
    if not complete:
        shutil.rmtree(folder, ignore_errors=True)
        run_or_skip([sys.executable, "-m", "venv", str(folder)], "making a Python environment")
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(pins)]
        run_or_skip(install, "installing the Python clients")
        (folder / "complete").touch()
    return [str(python)]


def node_command(work):
    if shutil.which("node") is None or shutil.which("npm") is None:
        skip("node and npm are not installed")
    folder, complete = environment_for(work, HERE / "package.json")
    if not complete:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(HERE / "package.json", folder)
        run_or_skip(["npm", "install", "--no-audit", "--no-fund", "--silent"], "installing the Node client", cwd=folder)
        (folder / "complete").touch()
    # Modules are found from the script's own folder, so the script runs from a copy beside node_modules.
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, folder)
    return ["node"], folder


def model_is_cached():
    home = os.environ.get("ORTHANT_HOME") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "orthant")
    return (pathlib.Path(home) / "models" / "all-MiniLM-L6-v2").exists()


# Scripts that need more than the default model: a tiny one of 10 dimensions.
MODELS = {"dashboard_test.py": ["all-MiniLM-L6-v2", f"tiny={HERE.parents[1] / 'encoder' / 'golden' / 'models' / 'dense_half'}"]}


class Daemon:
    def __init__(self, program, folder, models):
        self.log = open(folder / "orthantd.log", "w+")
        command = [program, "--data", str(folder / "data"), "--http-port", "0"]
        for model in models:
            command += ["--model", model]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.url = self.wait_until_ready(time.monotonic() + 120)

    def wait_until_ready(self, deadline):
        url = None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"orthantd ended with {self.process.returncode}:\n{self.text()}")
            if url is None and "listening on " in self.text():
                url = self.text().split("listening on ")[1].split()[0]
            if url is not None and self.ready(url):
                return url
            time.sleep(0.05)
        sys.exit(f"orthantd is not ready:\n{self.text()}")

    @staticmethod
    def ready(url):
        try:
            return urllib.request.urlopen(url + "/readyz", timeout=5).status == 200
        except urllib.error.URLError:
            return False

    def text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("script")
    arguments = parser.parse_args()
    if not model_is_cached():
        skip("the default model is not in the cache")
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.script.endswith(".mjs"):
        command, folder = node_command(arguments.work)
    else:
        command, folder = python_command(arguments.work, arguments.script), HERE
    with tempfile.TemporaryDirectory(prefix="orthant-client-") as temporary:
        models = MODELS.get(pathlib.Path(arguments.script).name, [])
        daemon = Daemon(arguments.daemon, pathlib.Path(temporary), models)
        try:
            status = subprocess.run([*command, str(folder / arguments.script), daemon.url], timeout=500).returncode
        finally:
            stopped = daemon.stop()
        if status == SKIPPED:
            sys.exit(SKIPPED)
        if status != 0 or stopped != 0:
            print(f"script: {status}, orthantd: {stopped}\n{daemon.text()}")
        sys.exit(1 if status != 0 or stopped != 0 else 0)


main()
