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


def main():
    for tool in ("curl", "python3"):
        if not shutil.which(tool):
            print(f"SKIPPED: {tool} is not installed")
            return
    port = free_port()
    daemon = None
    output = ""
    with tempfile.TemporaryDirectory() as folder:
        for kind, body in blocks((ROOT / "README.md").read_text()):
            if kind == "output":
                for piece in body.splitlines():
                    if piece.strip() and piece.strip() not in output:
                        sys.exit(f"expected in the output: {piece.strip()}\nfound:\n{output}")
            if kind != "sh":
                continue
            output = ""
            for command in commands(body):
                command = command.replace("6333", str(port))
                if command.startswith(("scripts/test", "git clone", "cd ")):
                    continue
                print(f"$ {command}", flush=True)
                if command.startswith("scripts/serve"):
                    daemon = Daemon(command, port, folder)
                    daemon.wait(daemon.ready)
                    if "--demo" in command:
                        daemon.wait(lambda: "Try a search" in daemon.text())
                    continue
                result = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=300,
                                        env={**os.environ, "ORTHANT_URL": f"http://127.0.0.1:{port}"})
                output += result.stdout + result.stderr
                print(result.stdout, result.stderr, flush=True)
                if result.returncode != 0:
                    sys.exit(f"exit code {result.returncode}: {command}")
        if daemon:
            daemon.stop()


if __name__ == "__main__":
    main()
