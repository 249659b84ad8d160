#!/usr/bin/env python3
"""Measures the encoders on one core in one interleaved run; prints a table, writes JSON.

    run.py PREPARED_DIR [--level native|avx2] [--only WORDS] [--rounds N] [--core N] [--json FILE] [--orthant BINARY] [--weights LIST]

PREPARED_DIR comes from prepare.py. Every peer lives in a process of its own, all pinned to the same core, with one thread each; in every
round each has its turn, so that a busy or throttled machine slows all of them alike. Figures are medians over the rounds, seconds are
CPU seconds of the process; wall time stands beside them. Tokenization, pooling and normalization are included. Each peer keeps the best
of its batch sizes. --level avx2 takes AVX-512 from all of them.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import orthant_client
import peers
import texts

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
BATCHES = (1, 8, 32)
REFERENCE = "torch float32"

# What takes AVX-512 from each library. MKL listens on Intel CPUs only. ONNX Runtime has no setting: see onnxruntime_avx2.py.
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "CT2_FORCE_CPU_ISA": "AVX2", "ORTHANT_CPU": "avx2"}


def environment(level, folder):
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    if level == "native":
        return {**os.environ, **one_thread}
    subprocess.run([sys.executable, HERE / "onnxruntime_avx2.py", folder], check=True, stdout=subprocess.DEVNULL)
    return {**os.environ, **one_thread, **AVX2, "PYTHONPATH": folder}


class Worker:
    """A peer's process. Its memory after load is that of an interpreter with the peer and nothing else."""

    def __init__(self, folder, name, variables):
        self.process = subprocess.Popen([sys.executable, HERE / "worker.py", folder, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=variables)
        self.loaded = self.answer()["memory"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def embed(self, judged):
        with tempfile.TemporaryDirectory() as folder:
            self.ask(embed=judged, file=f"{folder}/embeddings.npy")
            return np.load(f"{folder}/embeddings.npy")

    def passages(self, passages, batch):
        answer = self.ask(passages=passages, batch=batch)
        self.memory = answer["memory"]
        return [len(passages) / seconds for seconds in answer["seconds"]]

    def queries(self, queries):
        """p50 and p99 in ms: CPU time, then wall time."""
        times = np.array(self.ask(queries=queries)["times"]) * 1e3
        return [float(np.percentile(times[:, clock], rank)) for clock in (0, 1) for rank in (50, 99)]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def multiplies_bfloat16(level):
    with open("/proc/cpuinfo") as info:
        return level == "native" and any(flag in info.read() for flag in ("avx512_bf16", "amx_bf16"))


def wanted(name, options):
    precision, kind, _ = peers.PEERS[name]
    if precision == "bfloat16" and not multiplies_bfloat16(options.level):
        return False
    # llama.cpp is compiled for this machine.
    if kind is peers.LlamaCpp and options.level != "native":
        return False
    return name == REFERENCE or any(word.lower() in name.lower() for word in options.only.split(","))


def start(options, variables):
    workers = {}
    for name in peers.present(options.folder):
        if wanted(name, options):
            print(f"loading {name}", file=sys.stderr, flush=True)
            workers[name] = Worker(options.folder, name, variables)
    for weights in options.weights.split(",") if options.orthant else []:
        workers[f"Orthant {weights}"] = orthant_client.Orthant(options.orthant, options.folder, weights, variables)
    return workers


def judge(workers, options):
    """Cosines to torch's float32 embeddings. Also warms every peer up."""
    judged = texts.read_texts(options.folder, "judged")[:options.judged]
    reference = workers[REFERENCE].embed(judged)
    return {name: (worker.embed(judged) * reference).sum(axis=1) for name, worker in workers.items()}


def measure(workers, options):
    """Peer -> round -> figures."""
    passages = texts.read_texts(options.folder, "passages")[:options.passages]
    queries = texts.read_texts(options.folder, "queries")
    rounds = {name: [] for name in workers}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
        for name, worker in workers.items():
            rounds[name].append({"queries": worker.queries(queries), "passages": {batch: worker.passages(passages, batch) for batch in BATCHES}})
    return rounds


def summary(name, worker, rounds, cosine):
    rates = {batch: [statistics.median(entry["passages"][batch][clock] for entry in rounds) for clock in (0, 1)] for batch in BATCHES}
    best = max(rates, key=lambda batch: rates[batch][0])
    times = [statistics.median(entry["queries"][index] for entry in rounds) for index in range(4)]
    return {"peer": name, "precision": peers.PEERS[name][0] if name in peers.PEERS else worker.precision, "batch": best,
            "passages_per_second": rates[best][0], "passages_per_second_wall": rates[best][1],
            "passages_per_second_by_batch": {str(batch): rate[0] for batch, rate in rates.items()},
            "query_ms": dict(zip(("p50", "p99", "p50_wall", "p99_wall"), times)),
            "cosine": {"mean": float(cosine.mean()), "min": float(cosine.min())},
            "memory_mb": {"loaded": worker.loaded["resident"], "peak": worker.memory["peak"]}, "rounds": rounds}


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((line.split(": ")[1].strip() for line in info if line.startswith("model name")), "unknown")


def versions():
    import importlib.metadata
    names = ("onnxruntime", "ctranslate2", "openvino", "nncf", "torch", "transformers", "sentence-transformers", "fastembed", "llama-cpp-python")
    found = {distribution.metadata["Name"].lower(): distribution.version for distribution in importlib.metadata.distributions()}
    return {name: found[key] for name in names if (key := name) in found or (key := name.replace("-", "_")) in found}


def table(report):
    lines = [f"{report['model']}, one core of {report['cpu']}, level {report['level']}, {report['rounds']} interleaved rounds, CPU time (wall time)", "",
             "| encoder | passages/s | batch | query p50 / p99 ms | cosine mean / min | memory MB loaded / peak |", "|---|---|---|---|---|---|"]
    for row in sorted(report["encoders"], key=lambda row: -row["passages_per_second"]):
        query, cosine, memory = row["query_ms"], row["cosine"], row["memory_mb"]
        lines.append(f"| {row['peer']} | {row['passages_per_second']:.1f} ({row['passages_per_second_wall']:.1f}) | {row['batch']} "
                     f"| {query['p50']:.2f} / {query['p99']:.2f} ({query['p50_wall']:.2f} / {query['p99_wall']:.2f}) "
                     f"| {cosine['mean']:.4f} / {cosine['min']:.4f} | {memory['loaded']:.0f} / {memory['peak']:.0f} |")
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--level", choices=("native", "avx2"), default="native")
    parser.add_argument("--only", default="", help="words of which a peer's name must hold one, with commas between them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passages", type=int, default=texts.PASSAGES)
    parser.add_argument("--judged", type=int, default=texts.JUDGED)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--orthant", type=pathlib.Path, help="the orthant binary to measure beside them")
    parser.add_argument("--weights", default="float32,int8")
    return parser.parse_args()


def main():
    options = arguments()
    os.sched_setaffinity(0, {options.core})
    with tempfile.TemporaryDirectory() as folder:
        workers = start(options, environment(options.level, folder))
        cosines = judge(workers, options)
        rounds = measure(workers, options)
        for worker in workers.values():
            worker.stop()
    report = {"date": datetime.date.today().isoformat(), "model": options.folder.resolve().name, "cpu": cpu_name(), "level": options.level,
              "rounds": options.rounds, "versions": versions(),
              "encoders": [summary(name, worker, rounds[name], cosines[name]) for name, worker in workers.items()]}
    print(table(report))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
