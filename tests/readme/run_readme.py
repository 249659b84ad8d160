#!/usr/bin/env python3
"""Runs every command of README.md as a reader would, so that the page stays true.

The blocks marked ```sh are taken in order. `scripts/serve ...` is started in the background on a free port with a temporary data
directory and waited for; `scripts/test` is what runs this very test, and is passed over; every other line runs in a shell with
the port replaced and must succeed. A block marked ```output after it names pieces of text that must appear.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_SECONDS = 300


def blocks(text):
    """(kind, lines) of each fenced block that has a kind."""
    for kind, body in re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield kind, body


def commands(body):
    """Shell commands of a block: comments dropped; a line that ends inside quotes or with a backslash goes on in the next."""
    command = ""
    for line in body.splitlines():
        if not command and (not line.strip() or line.startswith("#")):
            continue
        command += line + "\n"
        try:
            shlex.split(command)
        except ValueError:
            continue
        if not line.endswith("\\"):
            yield command.strip()
            command = ""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """scripts/serve in the background."""

    def __init__(self, command, port, folder):
        self.port = port
        self.log = open(os.path.join(folder, "serve.log"), "w+")
        command = f"exec {command} --http-port {port} --data {folder}/data"
        self.process = subprocess.Popen(command, shell=True, cwd=ROOT, stdout=self.log, stderr=self.log, start_new_session=True)

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def wait(self, until):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"scripts/serve ended with {self.process.returncode}:\n{self.text()}")
            if until():
                return
            time.sleep(0.2)
        sys.exit(f"scripts/serve was not ready after {START_SECONDS} s:\n{self.text()}")

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        if code != 0:
            sys.exit(f"SIGTERM: expected a clean stop, found exit code {code}:\n{self.text()}")


class Reader:
    """Does what the page says, from top to bottom."""

    def __init__(self, folder):
        self.folder, self.port, self.daemon, self.output = folder, free_port(), None, ""

    def serve(self, command):
        self.daemon = Daemon(command, self.port, self.folder)
        self.daemon.wait(self.daemon.ready)
        if "--demo" in command:
            self.daemon.wait(lambda: "Try a search" in self.daemon.text())

    def run(self, command):
        command = command.replace("6333", str(self.port))
        print(f"$ {command}", flush=True)
        if command.startswith("scripts/serve"):
            self.serve(command)
            return
        environment = {**os.environ, "ORTHANT_URL": f"http://127.0.0.1:{self.port}"}
        result = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
        self.output += result.stdout + result.stderr
        print(result.stdout, result.stderr, flush=True)
        if result.returncode != 0:
            sys.exit(f"exit code {result.returncode}: {command}")

    def expect(self, body):
        for piece in filter(str.strip, body.splitlines()):
            if piece.strip() not in self.output:
                sys.exit(f"expected in the output: {piece.strip()}\nfound:\n{self.output}")

    def read(self, page):
        for kind, body in blocks(page):
            if kind == "output":
                self.expect(body)
            if kind == "sh":
                self.output = ""
                for command in commands(body):
                    if not command.startswith("scripts/test"):
                        self.run(command)
        if self.daemon:
            self.daemon.stop()

    def close(self):
        if self.daemon and self.daemon.process.poll() is None:
            self.daemon.process.kill()


def main():
    if not shutil.which("curl"):
        print("SKIPPED: curl is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(folder)
        try:
            reader.read((ROOT / "README.md").read_text())
        finally:
            reader.close()


if __name__ == "__main__":
    main()
