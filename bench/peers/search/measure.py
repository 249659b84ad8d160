"""Clocks, memory, and what a list of times says."""

import ctypes
import time

import numpy as np

import vectors

SLOW_SECONDS = 3.0
SLOW_QUERIES = 250


class Watch:
    """CPU seconds of the process, all its threads, and wall seconds."""

    def __init__(self):
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def stop(self):
        return time.process_time() - self.cpu, time.perf_counter() - self.wall


def anonymous_memory():
    """Bytes of the process that no file backs: mapped inputs are not in it, nor are the mapped files of peers that read them so. What the
    allocator holds without use is given back first."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) * 1024


def yardstick():
    """CPU microseconds of a float dot product with 20,000 rows of 384 that a loop of the same process reads: says how much the rest of the
    machine took of cache and memory when a peer was measured."""
    rows, query = np.ones((20_000, 384), dtype=np.float32), np.ones(384, dtype=np.float32)
    times = []
    for _ in range(30):
        begin = time.process_time_ns()
        rows @ query
        times.append(time.process_time_ns() - begin)
    return float(np.median(times)) / 1e3


def search_times(search, queries, rounds):
    """What a search finds for each query, and CPU and wall nanoseconds (rounds x queries x 2) after a pass that is not timed."""
    singles = [queries[i:i + 1] for i in range(len(queries))]
    watch = Watch()
    found = [list(search(query)) for query in singles]
    # A slow setting is timed by fewer queries, once.
    if watch.stop()[0] > SLOW_SECONDS:
        rounds, singles = 1, singles[:SLOW_QUERIES]
    cpu, wall = time.process_time_ns, time.perf_counter_ns
    times = np.empty((rounds, len(singles), 2))
    for turn in range(rounds):
        for position, query in enumerate(singles):
            wall_begin, cpu_begin = wall(), cpu()
            search(query)
            cpu_end, wall_end = cpu(), wall()
            times[turn, position] = cpu_end - cpu_begin, wall_end - wall_begin
    return found, times


def quietest(times):
    """Of the rounds, the one with the least CPU time: what others do on the machine only ever adds."""
    return times[times[:, :, 0].sum(axis=1).argmin()]


def figures(found, times, truth):
    chosen = quietest(times) / 1e3
    cpu, wall = chosen[:, 0], chosen[:, 1]
    return {"recall": vectors.recall(found, truth), "us_p50": float(np.median(cpu)), "us_mean": float(cpu.mean()),
            "us_p99": float(np.percentile(cpu, 99)), "wall_p50": float(np.median(wall)), "wall_p99": float(np.percentile(wall, 99)),
            "queries": len(found)}
