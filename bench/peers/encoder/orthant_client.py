"""Orthant in the place of a peer: one `orthant bench encoder` a turn, which loads, makes one pass that is not counted, and measures."""

import json
import pathlib
import subprocess
import tempfile

import numpy as np


class Orthant:
    def __init__(self, binary, folder, weights, variables):
        self.binary, self.model, self.weights, self.variables = binary, folder, weights, variables
        self.precision = weights
        self.run(queries=["load"])
        self.loaded = {"resident": self.figures["memory_after_load_bytes"] / 2**20}

    def run(self, **lists):
        """Lists: passages or queries. Keeps the figures and, of passages, the embeddings."""
        with tempfile.TemporaryDirectory() as name:
            folder, command = pathlib.Path(name), [self.binary, "bench", "encoder", "--model", self.model, "--weights", self.weights]
            batch = lists.pop("batch", 1)
            for kind, texts in lists.items():
                (folder / kind).with_suffix(".txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
                command += [f"--{kind}", folder / f"{kind}.txt"]
            command += ["--batch", str(batch), "--rounds", "1", "--json", folder / "figures.json", "--embeddings", folder / "embeddings.npy"]
            done = subprocess.run(command, env=self.variables, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"orthant bench encoder --weights {self.weights}: {done.stderr.strip()}")
            self.figures = json.loads((folder / "figures.json").read_text())
            self.memory = {"peak": self.figures["peak_memory_bytes"] / 2**20}
            return np.load(folder / "embeddings.npy") if "passages" in lists else None

    def embed(self, judged):
        return self.run(passages=judged)

    def passages(self, passages, batch):
        """A second by CPU and by wall time; texts of like length together, as the peers get them."""
        self.run(passages=sorted(passages, key=len, reverse=True), batch=batch)
        return [self.figures["passages_per_second"], self.figures["passages_per_second_wall"]]

    def queries(self, queries):
        """p50 and p99 in ms: CPU time, then wall time."""
        self.run(queries=queries)
        return [self.figures[f"query_{figure}_ms"] for figure in ("p50", "p99", "p50_wall", "p99_wall")]

    def stop(self):
        pass
