#!/usr/bin/env python3
"""Builds one form of a peer over one set of vectors, measures its settings, updates a share of the rows, measures again.

    worker.py FORM FOLDER [--updates 0.2] [--queries N] [--rounds N]

FOLDER is one that vectors.py made. Prints a JSON line for what is done as it is done ("built", "point", "updated"), in the same words as
`search_curve`, so that a run that is cut off keeps what it had.
"""

import argparse
import gc
import json
import pathlib
import tempfile
import time

import numpy as np

import adapters
import measure

ENOUGH = 0.998


def say(event, **figures):
    print(json.dumps({"event": event, **figures}), flush=True)


def build(peer, vectors):
    peer.load()
    gc.collect()
    before = measure.anonymous_memory()
    watch = measure.Watch()
    peer.build(vectors)
    cpu, wall = watch.stop()
    gc.collect()
    grown = measure.anonymous_memory() - before
    say("built", cpu_seconds=cpu, wall_seconds=wall, bytes_measured=grown / len(vectors), bytes_computed=peer.bytes_per_vector(*vectors.shape))


def curve(peer, queries, truth, rounds, updated):
    for setting in peer.settings():
        try:
            found, times = measure.search_times(peer.searcher(setting), queries, rounds)
        except Exception as error:  # noqa: BLE001 (a setting that the peer refuses costs that setting only)
            say("refused", setting=setting, updated=updated, why=f"{type(error).__name__}: {error}")
            continue
        point = measure.figures(found, times, truth)
        say("point", setting=setting, updated=updated, **point)
        # With one knob, more of it finds no more that a table or a curve shows.
        if len(setting) == 1 and point["recall"] >= ENOUGH:
            break


def update(peer, vectors, share):
    rows = np.sort(np.random.default_rng(7).choice(len(vectors), int(share * len(vectors)), replace=False))
    watch = measure.Watch()
    try:
        peer.update(rows, np.asarray(vectors[rows]))
    except adapters.NoUpdates:
        say("no updates")
        return False
    cpu, wall = watch.stop()
    say("updated", rows=len(rows), cpu_seconds=cpu, wall_seconds=wall)
    return True


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=list(adapters.FORMS))
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--updates", type=float, default=0.2)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    return parser.parse_args()


def main():
    options = arguments()
    # Copy on write: some bindings refuse arrays that cannot be written.
    vectors = np.load(options.folder / "base.npy", mmap_mode="c")
    queries = np.load(options.folder / "queries.npy")[:options.queries]
    truth = np.load(options.folder / "truth.npy")[:options.queries]
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="peer-") as files:
        peer = adapters.make(options.form, pathlib.Path(files))
        say("yardstick", us=measure.yardstick())
        build(peer, vectors)
        curve(peer, queries, truth, options.rounds, updated=False)
        if options.updates and update(peer, vectors, options.updates):
            curve(peer, queries, truth, options.rounds, updated=True)
        say("yardstick", us=measure.yardstick())
        say("done", at=time.time())


if __name__ == "__main__":
    main()
