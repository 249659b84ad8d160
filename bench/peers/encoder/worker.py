#!/usr/bin/env python3
"""One peer in a process of its own: reads requests from standard input, one JSON object a line, and answers each with one line.

    worker.py FOLDER PEER

{"embed": [texts], "file": F.npy} writes embeddings; {"passages": [texts], "batch": N} and {"queries": [texts]} measure. Seconds are
CPU seconds of the whole process (all of its threads) and wall seconds.
"""

import json
import os
import sys
import time

import numpy as np

import peers


def memory_mb():
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status if ":" in line)
    return {"resident": int(fields["VmRSS"].split()[0]) / 1024, "peak": int(fields["VmHWM"].split()[0]) / 1024}


def clocks():
    return np.array([time.process_time(), time.perf_counter()])


def sorted_batches(texts, size):
    """Texts of like length together, as Sentence Transformers does, for every peer."""
    order = sorted(texts, key=len, reverse=True)
    return [order[begin:begin + size] for begin in range(0, len(order), size)]


def answer(peer, request):
    if "embed" in request:
        np.save(request["file"], np.concatenate([peer.encode([text]) for text in request["embed"]]))
        return {}
    if "passages" in request:
        begin = clocks()
        for batch in sorted_batches(request["passages"], request["batch"]):
            peer.encode(batch)
        return {"seconds": list(clocks() - begin), "memory": memory_mb()}
    times = []
    for query in request["queries"]:
        begin = clocks()
        peer.encode([query])
        times.append(list(clocks() - begin))
    return {"times": times, "memory": memory_mb()}


def main():
    # Libraries print at will: answers go to a copy of standard output, the rest to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    folder, name = sys.argv[1:]
    _, kind, form = peers.PEERS[name]
    peer = kind(folder, form)
    loaded = memory_mb()
    print(json.dumps({"memory": loaded}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(peer, json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
