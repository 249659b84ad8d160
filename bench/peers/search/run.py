#!/usr/bin/env python3
"""Measures the peers and Orthant over the same vectors on one core; keeps each form's results; writes tables, JSON and curves.

    run.py WORK_DIR [--sizes 99000,499000] [--only WORDS] [--quick] [--redo] [--results DIR] [--report-only]

WORK_DIR holds what vectors.py made, a folder a size. Each form runs in a process of its own (worker.py; ours: search_curve), pinned to
--core, for --limit seconds at most; its lines are kept in WORK_DIR/SIZE/results, and a form that is there is not run again (--redo runs
it). What a form had measured when its time was over counts; a form that fails is reported with its own words.
"""

import argparse
import ctypes
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import adapters
import report

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS",
                                     "LANCE_CPU_THREADS", "LANCE_IO_THREADS")}

# Our own forms: options of search_curve. Beside the calibrated settings, efforts as the peers' settings have them.
GRAPH_EFFORTS = ["--efforts", "24,32,40,44,48,56,64,80,96,112,128,160,192,256,320"]
LIST_EFFORTS = ["--efforts", "16,32,64,96,128,192,256,384,512"]
ORTHANT = {"Orthant": ["--structure", "auto"], "Orthant flat": ["--structure", "flat"],
           "Orthant graph": ["--structure", "graph", *GRAPH_EFFORTS], "Orthant lists": ["--structure", "lists", *LIST_EFFORTS],
           "Orthant lean graph": ["--structure", "graph", "--codes-on-disk", "FOLDER", *GRAPH_EFFORTS]}


def slug(form):
    return re.sub(r"[^a-z0-9]+", "-", form.lower()).strip("-")


def command(form, folder, options):
    pinned = ["taskset", "-c", str(options.core)]
    if form in ORTHANT:
        return pinned + [str(options.search_curve), "--vectors", folder / "base.npy", "--queries", folder / "queries.npy", "--truth",
                         folder / "truth.npy", "--updates", str(options.updates), "--rounds", str(options.rounds), "--snapshot", folder / "orthant.snapshot",
                         *(folder if word == "FOLDER" else word for word in ORTHANT[form])]
    return pinned + [sys.executable, str(HERE / "worker.py"), form, str(folder), "--updates", str(options.updates), "--queries",
                     str(options.queries), "--rounds", str(options.rounds)]


def last_words(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def end_with_parent():
    """Linux's PR_SET_PDEATHSIG: a run that is ended leaves no worker behind that builds for an hour."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def run_form(form, folder, options):
    """Writes WORK_DIR/SIZE/results/FORM.jsonl: the form's lines, and how it ended."""
    kept = folder / "results" / f"{slug(form)}.jsonl"
    beside, words = kept.with_suffix(".part"), kept.with_suffix(".stderr")
    begin = time.monotonic()
    with open(beside, "w") as out, open(words, "w") as errors:
        out.write(json.dumps({"event": "form", "form": form}) + "\n")
        out.flush()
        try:
            code = subprocess.run(command(form, folder, options), stdout=out, stderr=errors, stdin=subprocess.DEVNULL, timeout=options.limit,
                                  env={**os.environ, **ONE_THREAD}, cwd=HERE, preexec_fn=end_with_parent).returncode
            ended = "whole" if code == 0 else f"failed ({code}): {last_words(words.read_text(errors='replace'))}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {options.limit} s"
        except OSError as error:
            ended = f"failed: {error}"
        out.write(json.dumps({"event": "end", "how": ended, "seconds": time.monotonic() - begin}) + "\n")
    beside.rename(kept)
    words.unlink()
    # What a worker that was stopped left of its peer's files.
    for files in folder.glob("peer-*"):
        shutil.rmtree(files, ignore_errors=True)
    return ended


def wanted(form, options):
    return any(word.strip().lower() in form.lower() for word in options.only.split(","))


def measure(folder, options):
    (folder / "results").mkdir(exist_ok=True)
    (folder / "results/versions.json").write_text(json.dumps(versions()))
    ours = list(ORTHANT) if options.search_curve.exists() else []
    for form in [*ours, *adapters.FORMS]:
        if not wanted(form, options) or (not options.redo and (folder / "results" / f"{slug(form)}.jsonl").exists()):
            continue
        print(f"{folder.name}: {form} ...", file=sys.stderr, flush=True)
        print(f"{folder.name}: {form}: {run_form(form, folder, options)}", file=sys.stderr, flush=True)
        write(folder, options)


def read_results(folder):
    files = sorted((folder / "results").glob("*.jsonl"))
    return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]


def versions():
    import importlib.metadata
    found = {distribution.metadata["Name"].lower(): distribution.version for distribution in importlib.metadata.distributions()}
    return {name: found.get(name, "not installed") for name in adapters.PACKAGES}


def cpu_name():
    with open("/proc/cpuinfo") as info:
        return next((line.split(": ")[1].strip() for line in info if line.startswith("model name")), "unknown")


def write(folder, options):
    """bench/results/search-SIZE.{md,json,svg}."""
    kept = folder / "results/versions.json"
    found = {"date": datetime.date.today().isoformat(), "cpu": cpu_name(), "rows": folder.name,
             "versions": json.loads(kept.read_text()) if kept.exists() else versions(),
             "forms": [report.digest(lines) for lines in read_results(folder)]}
    options.results.mkdir(parents=True, exist_ok=True)
    report.write(found, options.results / f"search-{folder.name}")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--sizes", default="99000", help="folders of WORK_DIR, with commas between them")
    parser.add_argument("--only", default="", help="words of which a form's name must hold one, with commas between them")
    parser.add_argument("--quick", action="store_true", help="200 queries, one round, no updates")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--updates", type=float, default=0.2, help="share of the rows that is deleted and inserted again; 0: none")
    parser.add_argument("--limit", type=int, default=1800, help="seconds a form may take")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--search-curve", type=pathlib.Path, default=ROOT / "build/release/bin/search_curve")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench/results")
    parser.add_argument("--redo", action="store_true", help="run forms again that have results")
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.queries, options.rounds, options.updates = 200, 1, 0.0
    return options


def main():
    options = arguments()
    for size in options.sizes.split(","):
        folder = options.work.resolve() / size
        if not options.report_only:
            measure(folder, options)
        write(folder, options)


if __name__ == "__main__":
    main()
