#!/usr/bin/env python3
"""Measures the whole road: ingestion of texts, search by text and by vector over HTTP, memory, start-up after kill -9.

    scripts/build && scripts/bench --build-only
    python3 bench/end_to_end.py DATASET_DIR [--documents N] [--requests N] [--json FILE]

DATASET_DIR is in BEIR's layout. The daemon runs on a free port with a temporary data directory and is stopped at the end.
"""

import argparse
import json
import os
import pathlib
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/release/bin"
BENCH = ROOT / "build/bench/bin/http_bench"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def memory_mb(pid):
    fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
    return {"resident": int(fields["VmRSS"].split()[0]) // 1024, "peak": int(fields["VmHWM"].split()[0]) // 1024,
            "anonymous": int(fields["RssAnon"].split()[0]) // 1024}


class Daemon:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        begin = time.monotonic()
        log = open(f"{self.folder}/daemon.log", "a")
        self.process = subprocess.Popen([BIN / "orthantd", "--data", f"{self.folder}/data", "--http-port", str(self.port)], stderr=log, stdout=log)
        while True:
            if self.process.poll() is not None:
                sys.exit(open(f"{self.folder}/daemon.log").read())
            try:
                if urllib.request.urlopen(self.url + "/readyz", timeout=1).status == 200:
                    break
            except OSError:
                time.sleep(0.01)
        self.start_seconds = time.monotonic() - begin

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=60))["result"]


def load(daemon, mode, file, connections, requests):
    command = [BENCH, "--port", str(daemon.port), "--collection", "bench", f"--{mode}", file, "--connections", str(connections)]
    subprocess.run([*command, "--requests", str(min(200, requests))], check=True, capture_output=True)
    out = subprocess.run([*command, "--requests", str(requests)], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def answers(daemon, texts):
    found = []
    for text in texts:
        result = daemon.post("/collections/bench/points/query", {"query": {"text": text}, "limit": 10})
        found.append([(point["id"], point["score"]) for point in result["points"]])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=pathlib.Path)
    parser.add_argument("--documents", type=int, default=0, help="the first N documents only")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    report = {"date": time.strftime("%Y-%m-%d"), "cpus": os.cpu_count(), "dataset": options.dataset.name,
              "cpu": next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine()),
              "level": os.environ.get("ORTHANT_CPU", "native")}
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.dataset / "corpus.jsonl"
        if options.documents:
            with open(corpus) as source, open(f"{folder}/corpus.jsonl", "w") as part:
                part.writelines(line for _, line in zip(range(options.documents), source))
            corpus = pathlib.Path(folder) / "corpus.jsonl"
        queries = options.dataset / "queries.jsonl"
        texts = [json.loads(line)["text"] for _, line in zip(range(50), open(queries))]
        subprocess.run([BIN / "orthant", "encode", "--model", "all-MiniLM-L6-v2", "--input", queries, "--output", f"{folder}/queries.npy",
                        "--precision", "float32", "--purpose", "query"], check=True)
        daemon = Daemon(folder)
        report["first_start_seconds"] = round(daemon.start_seconds, 3)
        report["memory_mb_empty"] = memory_mb(daemon.process.pid)
        begin = time.monotonic()
        subprocess.run([BIN / "orthant", "ingest", corpus, "--collection", "bench", "--url", daemon.url], check=True, env={**os.environ, "ORTHANT_INGEST_STATE": folder})
        seconds = time.monotonic() - begin
        count = daemon.post("/collections/bench/points/count", {"exact": True})["count"]
        report["ingest"] = {"documents": count, "seconds": round(seconds, 2), "documents_per_second": round(count / seconds, 1)}
        report["memory_mb_after_ingest"] = memory_mb(daemon.process.pid)
        for mode, file in (("texts", queries), ("vectors", f"{folder}/queries.npy")):
            for connections in (1, 16):
                report[f"{mode}_{connections}_connections"] = load(daemon, mode, file, connections, options.requests)
        report["memory_mb_after_search"] = memory_mb(daemon.process.pid)
        before = answers(daemon, texts)
        daemon.kill()
        daemon.start()
        report["start_after_kill_seconds"] = round(daemon.start_seconds, 3)
        report["same_answers_after_kill"] = answers(daemon, texts) == before
        daemon.stop()
    text = json.dumps(report, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
