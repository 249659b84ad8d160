#!/usr/bin/env python3
"""Makes tests/engine/golden/payload_operations.json: what qdrant-client's local mode makes of payloads when keys are set, deleted,
included and excluded. Run by hand with a Python that has qdrant-client (made with 1.20.0); the result is committed.

    python3 scripts/make_golden_payloads.py
"""

import copy
import json
import pathlib
import random

from qdrant_client.local.json_path_parser import parse_json_path
from qdrant_client.local.payload_value_extractor import exclude_payload, include_payload
from qdrant_client.local.payload_value_setter import delete_value_by_key, merge_payload, set_value_by_key

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "engine" / "golden" / "payload_operations.json"

PATHS = ["a", "b", "a.b", "a.b.c", "a[].b", "a[0].b", "a[1].b", "a[7].b", "a[]", "a[0]", '"a.b"', '"a.b".c', "a[].b[].c", "a[].b[0]", "x.y.z",
         "x[0]", "x[].y", "ключ", '"with space"', "a.b[]", "a.b[].c", "a[][]", "a[][].b", "b.a"]
BAD_PATHS = ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a[-1]", "a]", "a b", '"a', "a[0]b", "a.[0]", "[0]", "a[1", "a[18446744073709551616]"]


def make_value(rng, depth):
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice([None, True, 1, 2.5, "text", "ü\"\\", [], {}])
    if kind < 0.65:
        return {key: make_value(rng, depth - 1) for key in rng.sample(["a", "b", "c", "a.b", "ключ", "with space"], rng.randint(0, 4))}
    return [make_value(rng, depth - 1) for _ in range(rng.randint(0, 3))]


def make_object(rng, depth):
    while not isinstance(value := make_value(rng, depth), dict):
        pass
    return value


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main():
    rng = random.Random(11)
    cases = []

    def add(operation, payload, argument, keys, result):
        cases.append({"operation": operation, "payload": payload, "argument": argument, "keys": keys, "result": result})

    for path in PATHS:
        for _ in range(12):
            payload = make_object(rng, 4)
            changes = make_object(rng, 2)
            set_ = copy.deepcopy(payload)
            set_value_by_key(set_, parse_json_path(path), copy.deepcopy(changes))
            add("set", payload, changes, [path], set_)
            deleted = copy.deepcopy(payload)
            delete_value_by_key(deleted, parse_json_path(path))
            add("delete", payload, {}, [path], deleted)
            keys = [path] + rng.sample(PATHS, rng.randint(0, 2))
            add("include", payload, {}, keys, include_payload(payload, keys))
            add("exclude", payload, {}, keys, exclude_payload(payload, keys))
    for _ in range(200):
        payload, changes = make_object(rng, 3), make_object(rng, 2)
        add("merge", payload, changes, [], merge_payload(copy.deepcopy(payload), changes))
    for path in BAD_PATHS:
        try:
            parse_json_path(path)
            raise SystemExit(f"{path!r} is a path")
        except ValueError:
            add("bad", {}, {}, [path], {})
    with open(OUT, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(dump(case) for case in cases) + "\n]\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
