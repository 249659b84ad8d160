#!/usr/bin/env python3
"""Makes the tables of docs/quantization.md: one model at every weight precision: memory, speed, cosine to float32, and nDCG@10 on
retrieval sets, beside other encoders.

    bench/quantization_table.py --orthant build/release/bin/orthant --data DIR [--sets scifact,medquad,xquad/en] [--model NAME]
        [--peers FILE.json] [--work DIR] [--only WORDS] [--docs docs/quantization.md]

DIR holds the sets in BEIR's layout. Speed and cosine are of passages and queries cut from scifact (peers/encoder/texts.py); all
models run one after the other in each of several rounds, so that a busy machine slows all of them alike, and medians count. What is
finished is kept in --work: a run that was interrupted goes on where it stopped. Needs Python's standard library alone.
"""

import argparse
import array
import json
import math
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench/peers/encoder"))
import texts  # noqa: E402

PRECISIONS = {
    "float32": None,
    "bfloat16": ["--scheme", "bfloat16"],
    "int8, dynamic activations": ["--scheme", "int8"],
    "int8, static activations": ["--scheme", "int8-static"],
    "int4, to the nearest": ["--scheme", "int4"],
    "int4, GPTQ": ["--scheme", "int4-gptq"],
    "NF4": ["--scheme", "nf4"],
    "mixed, linear layers in 20 %": ["--scheme", "mixed", "--budget", "memory=20%"],
}
ROUNDS = 3
BEGIN, END = "<!-- made by bench/quantization_table.py -->", "<!-- end of what it made -->"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def read_rows(path):
    """Rows of a float32 .npy file as `orthant` writes it."""
    data = path.read_bytes()
    length = int.from_bytes(data[8:10], "little")
    columns = int(data[10:10 + length].decode().split("shape")[1].split(",")[1].strip(" ()}'"))
    values = array.array("f")
    values.frombytes(data[10 + length:])
    return [values[i:i + columns] for i in range(0, len(values), columns)]


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


class Kept:
    """Figures by name in a file, written as soon as they are known."""

    def __init__(self, file):
        self.file = file
        self.figures = json.loads(file.read_text()) if file.exists() else {}

    def get(self, precision, name, make):
        figures = self.figures.setdefault(precision, {})
        if name not in figures:
            print(f"{precision}: {name}", file=sys.stderr, flush=True)
            figures[name] = make()
            self.file.write_text(json.dumps(self.figures, indent=1) + "\n")
        return figures[name]


def make_folder(options, precision):
    """The folder of the model in a precision, quantized if that has not been done."""
    if PRECISIONS[precision] is None:
        return options.model
    folder = options.work / "models" / precision.replace(" ", "-").replace(",", "").replace("%", "percent")
    if not folder.exists():
        print(f"quantizing: {precision}", file=sys.stderr, flush=True)
        folder.parent.mkdir(exist_ok=True)
        run(options.orthant, "quantize", options.model, *PRECISIONS[precision], "--out", folder)
    return folder


def measure_speed(options, folders):
    """Medians over interleaved rounds."""
    figures = {precision: [] for precision in folders}
    for _ in range(ROUNDS):
        for precision, folder in folders.items():
            out = options.work / "bench.json"
            rows = options.work / f"rows-{list(folders).index(precision)}.npy"
            run(options.orthant, "bench", "encoder", "--model", folder, "--rounds", 1, "--passages", options.work / "texts/passages.txt",
                "--queries", options.work / "texts/queries.txt", "--json", out, "--embeddings", rows)
            figures[precision].append(json.loads(out.read_text()))
    reference = read_rows(options.work / f"rows-{list(folders).index('float32')}.npy")
    result = {}
    for position, (precision, rounds) in enumerate(figures.items()):
        cosines = [cosine(a, b) for a, b in zip(read_rows(options.work / f"rows-{position}.npy"), reference, strict=True)]
        result[precision] = {name: statistics.median(one[name] for one in rounds)
                             for name in ("passages_per_second", "query_p50_ms", "query_p99_ms", "model_bytes", "peak_memory_bytes")}
        result[precision] |= {"cosine_mean": statistics.mean(cosines), "cosine_min": min(cosines), "cpu": rounds[0]["cpu"],
                              "cpu_level": rounds[0]["cpu_level"]}
    return result


def measure_ndcg(options, folder, name):
    out = options.work / "eval.json"
    run(options.orthant, "eval", options.data / name, "--model", folder, "--json", out)
    return next(stage["ndcg@10"] for stage in json.loads(out.read_text()) if stage["stage"] == "float32")


def speed_table(speed, peers):
    any_row = next(iter(speed.values()))
    lines = [f"{any_row['cpu']}, level {any_row['cpu_level']}, one thread, CPU time, tokenization included:", "",
             "| weights | model in memory | passages/s | query p50 / p99 | cosine to float32, mean / least |", "|---|---|---|---|---|"]
    for precision, row in speed.items():
        lines.append(f"| {precision} | {row['model_bytes'] / 2**20:.1f} MiB | {row['passages_per_second']:.1f} "
                     f"| {row['query_p50_ms']:.2f} / {row['query_p99_ms']:.2f} ms | {row['cosine_mean']:.4f} / {row['cosine_min']:.4f} |")
    if not peers:
        return lines
    lines += ["", f"Others on the same passages and queries ({peers['cpu']}, level {peers['level']}; `bench/peers/encoder/run.py`, with "
              "Orthant in the same run):", "",
              "| encoder | process in memory | passages/s | query p50 / p99 | cosine to torch, mean / least |", "|---|---|---|---|---|"]
    for row in sorted(peers["encoders"], key=lambda row: -row["passages_per_second"]):
        lines.append(f"| {row['peer']} | {row['memory_mb']['loaded']:.0f} MB | {row['passages_per_second']:.1f} "
                     f"| {row['query_ms']['p50']:.2f} / {row['query_ms']['p99']:.2f} ms "
                     f"| {row['cosine']['mean']:.4f} / {row['cosine']['min']:.4f} |")
    return lines


def ndcg_table(ndcg, sets):
    lines = ["nDCG@10 of an exact search with the float32 embeddings that each model gives, and what is retained of float32's:", "",
             "| weights | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    for precision, row in ndcg.items():
        cells = [f"{row[name]:.4f} ({row[name] / ndcg['float32'][name] * 100:.1f} %)" for name in sets]
        lines.append(f"| {precision} | " + " | ".join(cells) + " |")
    return lines


def put_into(document, lines):
    """Between the markers, which are appended where there are none."""
    text = document.read_text() if document.exists() else ""
    made = f"{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}"
    if BEGIN in text:
        text = text[:text.index(BEGIN)] + made + text[text.index(END) + len(END):]
    else:
        text = text.rstrip("\n") + "\n\n" + made + "\n"
    document.write_text(text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orthant", type=pathlib.Path, default=ROOT / "build/release/bin/orthant")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--sets", default="scifact,medquad,xquad/en,xquad/de,xquad/es,xquad/zh,xquad/ar")
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--only", default="", help="words of which a precision's name must hold one, with commas between them")
    parser.add_argument("--peers", type=pathlib.Path, help="what bench/peers/encoder/run.py --json wrote")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/quantization")
    parser.add_argument("--docs", type=pathlib.Path, default=ROOT / "docs/quantization.md")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / "bench/results/quantization.json")
    return parser.parse_args()


def main():
    options = arguments()
    options.orthant = options.orthant.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    texts.make_texts(options.data / "scifact", options.work / "texts")
    wanted = [precision for precision in PRECISIONS
              if precision == "float32" or any(word in precision for word in options.only.split(","))]
    folders = {precision: make_folder(options, precision) for precision in wanted}
    kept = Kept(options.work / "figures.json")
    if any("speed" not in kept.figures.get(precision, {}) for precision in folders):
        for precision, row in measure_speed(options, folders).items():
            kept.figures.setdefault(precision, {}).pop("speed", None)
            kept.get(precision, "speed", lambda row=row: row)
    sets = [name for name in options.sets.split(",") if name]
    for name in sets:
        for precision, folder in folders.items():
            kept.get(precision, name, lambda folder=folder, name=name: measure_ndcg(options, folder, name))
    figures = {precision: kept.figures[precision] for precision in folders}
    peers = json.loads(options.peers.read_text()) if options.peers else None
    lines = speed_table({precision: row["speed"] for precision, row in figures.items()}, peers)
    if sets:
        lines += [""] + ndcg_table(figures, sets)
    put_into(options.docs, lines)
    options.json.write_text(json.dumps({"model": options.model, "precisions": figures}, indent=1) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
