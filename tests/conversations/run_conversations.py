#!/usr/bin/env python3
"""Holds HTTP conversations with a daemon of its own and compares the answers. Needs nothing but Python's standard library.

    python3 run_conversations.py --orthantd build/dev/bin/orthantd FILE.conv [...]

A conversation is a text file; blank lines part its steps, lines that begin with '#' are comments:

    PUT /collections/c/points?wait=true          a request line
    header: api-key: secret                      any number of these
    within: 10                                   seconds in which the expected answer must come: asked again until then
    {"points": [{"id": 1, "vector": [1, 2]}]}    the body, sent as it stands; may have several lines
    -> 200                                       the status that is expected
    {"result": {"status": "completed"}}          what the answer must hold
    raw ~ "operation_id":                        a piece that the answer's text must hold (raw !~: must not hold)

Bodies that cannot be written as text: `bytes: caf\\xe9` takes Python's escapes, `times 5000: [` repeats.
An expected object needs its members only (more may be there), lists need equal length unless the last element is "...";
numbers written with a point agree within 1e-4. Strings with a meaning: "<any>", "<absent>", "<null>", "<int>", "<number>",
"<string>", "<list>", "<object>", "<contains WORDS>".

Steps without request: `restart` (SIGTERM, which must end well, then a new start; `restart --flag value` starts with these options
from then on), `kill` (SIGKILL, then a new start), `options --flag value` (the daemon is started anew with these, in an empty
directory; {golden} is tests/encoder/golden).
Exit status 77 (skipped) when the default model is not in the cache.
"""

import argparse
import http.client
import json
import math
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "encoder" / "golden"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS")


class Mismatch(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """orthantd on a free port in a directory of its own."""

    def __init__(self, program):
        self.program = program
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="orthant-conversation-"))
        self.log = open(self.directory / "log", "ab")
        self.options = []
        self.process = None
        self.connection = None

    def start(self):
        self.port = free_port()
        command = [self.program, "--data", str(self.directory / "data"), "--host", "127.0.0.1", "--http-port", str(self.port)]
        self.process = subprocess.Popen(command + self.options, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Mismatch(f"orthantd ended with status {self.process.returncode} before it was ready")
            try:
                if self.exchange("GET", "/readyz", {}, b"")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise Mismatch(f"orthantd was not ready after {START_TIMEOUT_S} s")

    def stop(self):
        self.hang_up()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Mismatch(f"orthantd did not end within {STOP_TIMEOUT_S} s of SIGTERM") from None
        if status != 0:
            raise Mismatch(f"orthantd ended with status {status} after SIGTERM")

    def kill(self):
        self.hang_up()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart_with(self, options):
        self.stop()
        shutil.rmtree(self.directory / "data", ignore_errors=True)
        self.options = options
        self.start()

    def hang_up(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def exchange(self, method, target, headers, body):
        """Status and body. The connection is kept, as clients do; a request that finds it closed is sent once more."""
        for attempt in (1, 2):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self.connection.request(method, target, body=body or None, headers=headers)
                response = self.connection.getresponse()
                return response.status, response.read()
            except (http.client.HTTPException, OSError):
                self.hang_up()
                if fresh or attempt == 2:
                    raise
        raise AssertionError

    def log_tail(self, lines=30):
        return "".join(open(self.directory / "log", errors="replace").readlines()[-lines:])

    def clean_up(self):
        self.kill()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Step:
    """One step of a conversation: a directive, or a request with what is expected of its answer."""

    def __init__(self, line_number, lines):
        self.line_number = line_number
        self.headers = {"Content-Type": "application/json"}
        self.patience_s = 0
        self.words = lines[0].split()
        self.is_request = self.words[0] in METHODS
        if not self.is_request:
            if self.words[0] not in ("restart", "kill", "options") or len(lines) > 1:
                raise SystemExit(f"line {line_number}: unknown step {lines[0]!r}")
            return
        arrow = next((n for n, line in enumerate(lines) if line.startswith("->")), None)
        if arrow is None or len(self.words) != 2:
            raise SystemExit(f"line {line_number}: expected METHOD TARGET ... -> STATUS")
        self.status = int(lines[arrow][2:])
        self.body = self.read_body(lines[1:arrow])
        self.raw_held = [line[6:].strip() for line in lines[arrow + 1:] if line.startswith("raw ~")]
        self.raw_absent = [line[7:].strip() for line in lines[arrow + 1:] if line.startswith("raw !~")]
        expected = "\n".join(line for line in lines[arrow + 1:] if not line.startswith("raw "))
        try:
            self.expected = json.loads(expected) if expected.strip() else None
        except ValueError as error:
            raise SystemExit(f"line {line_number}: the expected answer is not JSON: {error}") from None

    def read_body(self, lines):
        plain, body = [], b""
        for line in lines:
            if line.startswith("header:"):
                name, value = line[len("header:"):].split(":", 1)
                self.headers[name.strip()] = value.strip()
            elif line.startswith("within:"):
                self.patience_s = float(line[len("within:"):])
            elif line.startswith("bytes:"):
                body += line[len("bytes:"):].strip().encode().decode("unicode_escape").encode("latin-1")
            elif line.startswith("times "):
                count, text = re.fullmatch(r"times (\d+): ?(.*)", line).groups()
                body += text.encode() * int(count)
            else:
                plain.append(line)
        return body + "\n".join(plain).encode()


def read_steps(path):
    steps, block, start = [], [], 0
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n") + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            start = start if block else number
            block.append(line)
        elif block:
            steps.append(Step(start, block))
            block = []
    return steps


KINDS = {
    "<any>": lambda found: True,
    "<null>": lambda found: found is None,
    "<int>": lambda found: isinstance(found, int) and not isinstance(found, bool),
    "<number>": lambda found: isinstance(found, (int, float)) and not isinstance(found, bool),
    "<string>": lambda found: isinstance(found, str),
    "<list>": lambda found: isinstance(found, list),
    "<object>": lambda found: isinstance(found, dict),
}


def differences(expected, found, where="answer"):
    """Sentences on where `found` is not as expected."""
    if isinstance(expected, str) and expected in KINDS:
        return [] if KINDS[expected](found) else [f"{where}: expected {expected}, found {json.dumps(found)}"]
    if isinstance(expected, str) and expected.startswith("<contains "):
        words = expected[len("<contains "):-1]
        held = isinstance(found, str) and words in found
        return [] if held else [f"{where}: expected text with {words!r}, found {json.dumps(found)}"]
    if isinstance(expected, dict) and isinstance(found, dict):
        return [d for key, value in expected.items() for d in member_differences(key, value, found, f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(found, list):
        return list_differences(expected, found, where)
    if isinstance(expected, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        close = math.isclose(expected, found, rel_tol=1e-4, abs_tol=1e-6)
        return [] if close else [f"{where}: expected {expected}, found {found}"]
    same = type(expected) is type(found) and expected == found
    return [] if same else [f"{where}: expected {json.dumps(expected)}, found {json.dumps(found)}"]


def member_differences(key, expected, found, where):
    if expected == "<absent>":
        return [f"{where}: expected nothing, found {json.dumps(found[key])}"] if key in found else []
    if key not in found:
        return [f"{where}: is missing"]
    return differences(expected, found[key], where)


def list_differences(expected, found, where):
    open_ended = expected[-1:] == ["..."]
    expected = expected[:-1] if open_ended else expected
    if len(found) < len(expected) or (len(found) > len(expected) and not open_ended):
        return [f"{where}: expected {len(expected)} elements, found {len(found)}: {json.dumps(found)[:2000]}"]
    return [d for n, (e, f) in enumerate(zip(expected, found)) for d in differences(e, f, f"{where}[{n}]")]


def check_answer(step, status, body):
    text = body.decode("utf-8", "replace")
    wrong = [] if status == step.status else [f"status: expected {step.status}, found {status}"]
    wrong += [f"expected the text {piece!r}" for piece in step.raw_held if piece not in text]
    wrong += [f"did not expect the text {piece!r}" for piece in step.raw_absent if piece in text]
    if step.expected is not None:
        try:
            answer = json.loads(text, parse_constant=lambda name: f"<{name} is not JSON>")
            wrong += differences(step.expected, answer)
            text = json.dumps(answer, indent=2, ensure_ascii=False)
        except ValueError:
            wrong.append("the answer is not JSON")
    if wrong:
        raise Mismatch("\n".join("  " + line for line in wrong) + f"\nthe answer was {status}:\n{text[:4000]}")


def run_step(daemon, step):
    if step.is_request:
        method, target = step.words
        deadline = time.monotonic() + step.patience_s
        while True:
            status, body = daemon.exchange(method, target, step.headers, step.body)
            try:
                return check_answer(step, status, body)
            except Mismatch:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)
    elif step.words[0] == "options":
        daemon.restart_with([word.replace("{golden}", str(GOLDEN)) for word in step.words[1:]])
    else:
        daemon.stop() if step.words[0] == "restart" else daemon.kill()
        daemon.options = step.words[1:] or daemon.options
        daemon.start()


def run_conversation(program, path, keep_going):
    """The number of steps that failed."""
    steps = read_steps(path)
    daemon = Daemon(program)
    failures = 0
    try:
        daemon.start()
        for step in steps:
            try:
                run_step(daemon, step)
            except (Mismatch, OSError, http.client.HTTPException) as error:
                failures += 1
                print(f"\n{path.name}:{step.line_number}: {' '.join(step.words)}\n{error or type(error).__name__}", flush=True)
                if daemon.process.poll() is not None:
                    print(f"orthantd ended with status {daemon.process.returncode}")
                    return failures + report_log(daemon)
                if not keep_going:
                    return failures + report_log(daemon)
        daemon.stop()
    except Mismatch as error:
        print(f"{path.name}: {error}")
        failures += 1 + report_log(daemon)
    finally:
        daemon.clean_up()
    print(f"{path.name}: {len(steps)} steps, {failures} failed")
    return failures


def report_log(daemon):
    print("---- the end of orthantd's log\n" + daemon.log_tail())
    return 0


def default_model_cached():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/"), ".cache")
    home = os.environ.get("ORTHANT_HOME") or os.path.join(cache, "orthant")
    return os.path.isdir(os.path.join(home, "models", "all-MiniLM-L6-v2"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orthantd", required=True)
    parser.add_argument("--stop-at-first", action="store_true", help="end a conversation at its first failure")
    parser.add_argument("conversations", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    if not default_model_cached():
        print("skipped: needs the default model, which is not in the cache")
        return SKIPPED
    failed = sum(run_conversation(arguments.orthantd, path, not arguments.stop_at_first) for path in arguments.conversations)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
