#!/usr/bin/env python3
"""What sustained ingestion costs searches: latencies of the same queries with and without a stream of documents, in turn, in one run.

    python3 bench/ingest_and_search.py --orthantd build/bench/bin/orthantd [--points 20000] [--seconds 8] [--rounds 3]

Vector queries (k = 10) and text queries are sent one after the other by one client, over one connection, at random gaps so that they
meet the ingestion at any point. The stream is texts (encoded by the default model) through the bulk endpoint, as fast as the daemon
takes them, or with --stream vectors ready vectors as bytes, so many a second. Needs Python's standard library alone. With --bound-ms the exit code is 1 where a p99 grows by more.
"""

import argparse
import http.client
import json
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

DIM = 384
WORDS = ("river stone bridge night water engine bread moon tide yeast garden letter window mountain paper copper violin harbour "
         "winter signal theory market forest history island captain mirror doctor kitchen planet").split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(connection, method, path, body=None):
    connection.request(method, path, body=json.dumps(body) if isinstance(body, dict) else body, headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]!r}")
    return json.loads(text)


def text_of(rng, words):
    return " ".join(rng.choice(WORDS) for _ in range(words)) + f" {rng.random():.6f}"


class Ingestion(threading.Thread):
    """A stream of documents that does not end before it is told to."""

    def __init__(self, port, first_id, vectors_a_second):
        super().__init__(daemon=True)
        self.port, self.next_id, self.stop, self.vectors_a_second = port, first_id, threading.Event(), vectors_a_second

    def points(self):
        """docs/http_api.md: a header, then points of 24 bytes and the vector."""
        yield struct.pack("<4sHBBII", b"ORPT", 1, 0, 0, DIM, 0)
        rng = random.Random(self.next_id)
        rows = [struct.pack(f"<{DIM}f", *(rng.gauss(0, 1) for _ in range(DIM))) for _ in range(256)]
        begin, sent = time.monotonic(), 0
        while not self.stop.is_set():
            yield b"".join(struct.pack("<IIQQ", 0, 0, self.next_id + i, 0) + rows[(self.next_id + i) % 256] for i in range(64))
            self.next_id += 64
            sent += 64
            time.sleep(max(0, begin + sent / self.vectors_a_second - time.monotonic()))

    def lines(self):
        rng = random.Random(self.next_id)
        while not self.stop.is_set():
            lines = []
            for _ in range(16):
                lines.append(json.dumps({"id": self.next_id, "text": text_of(rng, 60)}))
                self.next_id += 1
            yield ("\n".join(lines) + "\n").encode()
            time.sleep(0.02)  # 800 texts a second: more than is encoded, and not much of it waits in buffers

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        body, kind = (self.points(), "application/x-orthant-points") if self.vectors_a_second else (self.lines(), "application/x-ndjson")
        connection.request("POST", "/collections/c/documents", body=body, encode_chunked=True,
                           headers={"Content-Type": kind, "Transfer-Encoding": "chunked"})
        connection.getresponse().read()


def latencies(connection, rng, kind, seconds):
    """Milliseconds a query."""
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        query = {"text": text_of(rng, 8)} if kind == "text" else [rng.gauss(0, 1) for _ in range(DIM)]
        body = json.dumps({"query": query, "limit": 10})
        begin = time.perf_counter()
        call(connection, "POST", "/collections/c/points/query", body)
        times.append((time.perf_counter() - begin) * 1e3)
        time.sleep(rng.random() * 0.01)
    return times


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orthantd", required=True)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bound-ms", type=float, default=None, help="p99 may grow by so much")
    parser.add_argument("--stream", choices=("texts", "vectors"), default="texts")
    parser.add_argument("--vectors-a-second", type=int, default=2000)
    arguments = parser.parse_args()
    vectors_a_second = arguments.vectors_a_second if arguments.stream == "vectors" else 0
    directory, port = tempfile.mkdtemp(prefix="orthant-bench-"), free_port()
    daemon = subprocess.Popen([arguments.orthantd, "--data", directory, "--http-port", str(port)], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    failed = False
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        for _ in range(600):
            try:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    break
                time.sleep(0.1)
            except OSError:
                connection.close()
                time.sleep(0.1)
        call(connection, "PUT", "/collections/c", {"vectors": {"size": DIM, "distance": "Cosine"}})
        rng = random.Random(1)
        for begin in range(0, arguments.points, 500):
            points = [{"id": i, "vector": [rng.gauss(0, 1) for _ in range(DIM)]} for i in range(begin, begin + 500)]
            call(connection, "PUT", "/collections/c/points?wait=true", {"points": points})
        next_id = 1_000_000
        results = {}
        for _ in range(arguments.rounds):
            for ingesting in (False, True):
                before = call(connection, "POST", "/collections/c/points/count", {})["result"]["count"]
                ingestion = Ingestion(port, next_id, vectors_a_second) if ingesting else None
                if ingestion:
                    ingestion.start()
                    time.sleep(1)
                begin = time.monotonic()
                for kind in ("vector", "text"):
                    results.setdefault((kind, ingesting), []).extend(latencies(connection, rng, kind, arguments.seconds / 2))
                if ingestion:
                    accepted = call(connection, "POST", "/collections/c/points/count", {})["result"]["count"] - before
                    print(f"{accepted / (time.monotonic() - begin + 1):.0f} {arguments.stream} a second were ingested meanwhile", flush=True)
                    ingestion.stop.set()
                    ingestion.join()  # the daemon has read far ahead
                    next_id = ingestion.next_id
        print(f"{'query':8} {'ingesting':>9} {'queries':>8} {'p50 ms':>8} {'p99 ms':>8} {'most':>8}")
        for (kind, ingesting), times in sorted(results.items()):
            print(f"{kind:8} {'yes' if ingesting else 'no':>9} {len(times):8} {percentile(times, .5):8.2f} {percentile(times, .99):8.2f} "
                  f"{max(times):8.2f}")
        for kind in ("vector", "text"):
            grown = percentile(results[kind, True], .99) - percentile(results[kind, False], .99)
            print(f"{kind}: p99 grows by {grown:.2f} ms while documents stream in")
            failed = failed or (arguments.bound_ms is not None and grown > arguments.bound_ms)
    finally:
        daemon.terminate()
        daemon.wait(60)
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
