#!/usr/bin/env python3
"""Makes tests/engine/golden/filters.json: payloads, filters in Qdrant's JSON form, and the ids that qdrant-client's local mode
finds for each. Run by hand with a Python that has qdrant-client (made with 1.20.0); the result is committed.

    python3 scripts/make_golden_filters.py
"""

import json
import pathlib
import random

from qdrant_client.http import models
from qdrant_client.local.payload_filters import calculate_payload_mask

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "engine" / "golden" / "filters.json"

CITIES = ["Berlin", "London", "Paris", "Moscow", "New York", "berlin", "Sao Paulo", "Kraków", "北京"]
TEXTS = ["The quick brown fox", "quick-brown FOX; jumps", "Über die Brücke", "fox_trot 42", "ΟΔΟΣ ΑΒΓΣ", "", "???", "naïve café 北京市",
         "brown quick the", "İstanbul is İ", "a\"quoted\\ text\n\tand more", "emoji 😀 fox"]
DATES = ["2024-01-31", "2024-01-31T23:59:59Z", "2024-02-29 12:00", "2023-02-29", "2024-01-31T23:59:59.123456789+01:00", "1969-12-31T23:59:59Z",
         "2024-06-15 12:00:00-10", "2024-06-15T12:00:00 +0100", "2024-06-15 12:00:00 UTC", "not a date", "2024-1-5", "2024-06-15T12:00:00z",
         " 2024-06-15", "2024-13-01", "2024-06-15T24:00:00", "2024-06-15T12", "2024-06-15T12:30"]
SPECIAL = [
    {},
    {"n": None}, {"n": []}, {"n": [None]}, {"n": [[None]]}, {"n": [1, None]}, {"n": [[]]}, {"n": ""}, {"n": {}}, {"n": 0}, {"n": False},
    {"n": 1}, {"n": 1.0}, {"n": True}, {"n": "1"}, {"n": 9223372036854775807}, {"n": 9223372036854775808}, {"n": 18446744073709551616},
    {"n": -5}, {"n": 1e300}, {"n": 0.1}, {"n": [1, 2, 3]}, {"n": [[1, 2], 3]}, {"n": ["a", 1, True, None]},
    {"a": {"b": 1}}, {"a": {"b": [1, 2]}}, {"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": [1, 3]}, {"c": 2}]}, {"a.b": 7}, {"a": {"b": None}},
    {"a": [{"b": None}, {"b": []}]}, {"a": []}, {"a": [[{"b": 4}]]}, {"a": {"b": {"c": "deep"}}}, {"a": "scalar"}, {"a": [5, 6]},
    {"loc": {"lat": 52.52, "lon": 13.405}}, {"loc": {"lat": 51.5, "lon": -0.12}}, {"loc": [{"lat": 0, "lon": 179}, {"lat": 1, "lon": -179}]},
    {"loc": {"lat": "52", "lon": 13}}, {"loc": {"lat": 10}}, {"loc": {"lon": 20.0, "lat": 10.0, "z": 1}}, {"loc": {"lat": True, "lon": 1}},
    {"items": [{"color": "red", "size": 1}, {"color": "blue", "size": 2}]}, {"items": [{"color": "red", "size": 2}]},
    {"items": {"color": "red", "size": 2}}, {"items": ["red", 2]}, {"deep": {"items": [{"color": "red", "tags": ["x", "y"]}]}},
    {"items": [{"color": "red", "parts": [{"k": 1}, {"k": 2, "v": 3}]}]}, {"ключ": "значение"}, {"with space": 1, "q\\\"": 2}, {"k-1_x": 5},
]


def make_payloads(rng):
    payloads = list(SPECIAL)
    for text in TEXTS:
        payloads.append({"text": text})
    payloads.append({"text": TEXTS[:3]})
    for date in DATES:
        payloads.append({"date": date})
    payloads.append({"date": [DATES[0], 5]})
    while len(payloads) < 260:
        payload = {}
        if rng.random() < 0.8:
            payload["city"] = rng.choice(CITIES) if rng.random() < 0.7 else rng.sample(CITIES, rng.randint(0, 3))
        if rng.random() < 0.8:
            payload["price"] = rng.choice([rng.randint(-5, 20), round(rng.uniform(0, 20), 2), None])
        if rng.random() < 0.5:
            payload["a"] = [{"b": rng.randint(0, 4)} for _ in range(rng.randint(0, 3))]
        if rng.random() < 0.5:
            payload["items"] = [{"color": rng.choice(["red", "blue"]), "size": rng.randint(1, 3)} for _ in range(rng.randint(0, 3))]
        if rng.random() < 0.3:
            payload["loc"] = {"lon": round(rng.uniform(-180, 180), 3), "lat": round(rng.uniform(-90, 90), 3)}
        if rng.random() < 0.3:
            payload["text"] = " ".join(rng.choices("The quick brown fox jumps über Brücke".split(), k=rng.randint(1, 5)))
        if rng.random() < 0.3:
            payload["n"] = rng.choice([0, 1, 2, "a", True, [], [1, "a"], None, 1.5])
        payloads.append(payload)
    return payloads


KEYS = ["n", "a", "a.b", "a[].b", "a[0].b", "a[1]", "a[]", '"a.b"', "a.b.c", "n[]", "n[0]", "items", "items[].color", "items[0].color", "missing",
        "missing.x", "ключ", '"with space"', "k-1_x", "a[].b[]", "deep.items[].tags", "city", "price", "loc", "text", "date"]


def field_conditions():
    for key in KEYS:
        for value in [0, 1, 2, 7, True, False, "1", "a", "", "red", "deep", "Berlin", 9223372036854775807, "значение"]:
            yield {"key": key, "match": {"value": value}}
        for any_ in [[], [1, 2, 3], ["a", "red", "Berlin", "London"], [0], ["x"]]:
            yield {"key": key, "match": {"any": any_}}
            yield {"key": key, "match": {"except": any_}}
        for bounds in [{"gte": 1}, {"gt": 1, "lt": 10.5}, {"lte": 0}, {}, {"gt": 1e200}, {"lt": -1}, {"gte": 9.2e18}]:
            yield {"key": key, "range": bounds}
        for bounds in [{"gte": 1}, {"gt": 1}, {"lt": 1}, {"lte": 2, "gte": 2}, {"gt": 0, "lt": 3}]:
            yield {"key": key, "values_count": bounds}
        for flag in [True, False]:
            yield {"key": key, "is_empty": flag}
            yield {"key": key, "is_null": flag}
        yield {"is_empty": {"key": key}}
        yield {"is_null": {"key": key}}
    for query in ["fox", "quick fox", "FOX brown", "brücke", "ÜBER", "42", "", "???", "quick brown", "οδος", "αβγς", "ΑΒΓΣ", "北京市", "fox_trot",
                  "café naïve", "i̇stanbul", "more and", "and more", "quoted", "fox fox"]:
        for kind in ["text", "text_any", "phrase"]:
            yield {"key": "text", "match": {kind: query}}
    for part in ["", "B", "Ber", "berlin", "Kra", "ó", "北", "York", "a\"quoted\\", "\n\t", "fox", "The quick"]:
        for key in ["city", "text", "n", "price"]:
            yield {"key": key, "match": {"prefix": part}}
            yield {"key": key, "match": {"substring": part}}
    for bounds in [{"gte": "2024-01-31T00:00:00Z"}, {"lt": "2024-01-31T23:59:59Z"}, {"gt": "2024-01-31T22:59:59.123456Z"},
                   {"gte": "2024-01-31T22:59:59.123456Z"}, {"lte": "2024-06-15T11:00:00Z", "gte": "2024-06-15T11:00:00Z"},
                   {"gt": "2024-06-15T00:00:00Z", "lt": "2024-06-16T00:00:00Z"}, {"lt": "1970-01-01T00:00:00Z"}]:
        for key in ["date", "text", "n"]:
            yield {"key": key, "range": bounds}
    ring = [{"lat": -10, "lon": -10}, {"lat": -10, "lon": 60}, {"lat": 60, "lon": 60}, {"lat": 60, "lon": -10}, {"lat": -10, "lon": -10}]
    hole = [{"lat": 0, "lon": 0}, {"lat": 0, "lon": 20}, {"lat": 20, "lon": 20}, {"lat": 20, "lon": 0}, {"lat": 0, "lon": 0}]
    for key in ["loc", "n", "missing", "loc[]"]:
        for radius in [0, 1000, 500000, 5e6, 2e7]:
            yield {"key": key, "geo_radius": {"center": {"lat": 52.52, "lon": 13.405}, "radius": radius}}
        yield {"key": key, "geo_bounding_box": {"top_left": {"lat": 60, "lon": -10}, "bottom_right": {"lat": 0, "lon": 60}}}
        yield {"key": key, "geo_bounding_box": {"top_left": {"lat": 60, "lon": 170}, "bottom_right": {"lat": -60, "lon": -170}}}
        yield {"key": key, "geo_polygon": {"exterior": {"points": ring}}}
        yield {"key": key, "geo_polygon": {"exterior": {"points": ring}, "interiors": [{"points": hole}]}}


def nested_conditions():
    red2 = {"must": [{"key": "color", "match": {"value": "red"}}, {"key": "size", "range": {"gte": 2}}]}
    for key in ["items", "items[]", "deep.items", "a", "missing", "n", "a[].b", "items[0]"]:
        yield {"nested": {"key": key, "filter": red2}}
        yield {"nested": {"key": key, "filter": {"must_not": [{"key": "color", "match": {"value": "red"}}]}}}
        yield {"nested": {"key": key, "filter": {"must": [{"is_empty": {"key": "b"}}]}}}
    yield {"nested": {"key": "items", "filter": {"must": [{"nested": {"key": "parts", "filter": {"must": [
        {"key": "k", "match": {"value": 2}}, {"key": "v", "match": {"value": 3}}]}}}]}}}
    yield {"nested": {"key": "items", "filter": {"must_not": [{"has_id": [1]}]}}}
    yield {"nested": {"key": "deep.items", "filter": {"should": [{"key": "tags", "match": {"any": ["y"]}}]}}}


def combined_filters(rng, simple):
    for _ in range(400):
        clauses = {}
        for clause in rng.sample(["must", "should", "must_not", "min_should"], rng.randint(1, 3)):
            conditions = [rng.choice(simple) for _ in range(rng.randint(0, 3))]
            if rng.random() < 0.2:
                conditions.append({"should": [rng.choice(simple), rng.choice(simple)], "must_not": rng.choice(simple)})
            if clause == "min_should":
                clauses[clause] = {"conditions": conditions, "min_count": rng.randint(1, 3)}
            else:
                clauses[clause] = conditions[0] if len(conditions) == 1 and rng.random() < 0.5 else conditions
        yield clauses


def main():
    rng = random.Random(7)
    payloads = make_payloads(rng)
    # Ids: mostly numbers, some UUIDs; every third point has the vector "image".
    ids = [n if n % 7 else f"00000000-0000-4000-8000-{n:012x}" for n in range(len(payloads))]
    no_image = [n % 3 != 0 for n in range(len(payloads))]
    simple = list(field_conditions()) + list(nested_conditions())
    simple += [{"has_id": [1, 2, 300]}, {"has_id": []}, {"has_id": ["00000000-0000-4000-8000-000000000007", 8]}, {"has_vector": "image"},
               {"has_vector": "other"}]
    simple += [{"slice": {"total": total, "index": index}} for total, index in [(1, 0), (2, 0), (2, 1), (7, 3), (1000, 5)]]
    simple += [{"nested": {"key": "items", "filter": {"must_not": [{"slice": {"total": 1, "index": 0}}]}}}]
    filters = [{"must": [condition]} for condition in simple] + [{}] + list(combined_filters(rng, simple))
    cases = []
    for text in filters:
        parsed = models.Filter.model_validate(text)
        mask = calculate_payload_mask(payloads, parsed, ids, {"image": no_image})
        cases.append({"filter": text, "matching": [n for n, hit in enumerate(mask) if hit]})
    hits = sum(bool(case["matching"]) for case in cases)
    print(f"{len(payloads)} payloads, {len(cases)} filters, {hits} of them match something")
    with open(OUT, "w", encoding="utf-8") as file:
        file.write('{"ids": ' + json.dumps(ids) + ',\n"payloads": [\n')
        file.write(",\n".join(json.dumps(p, ensure_ascii=rng.random() < 0.3) for p in payloads))
        file.write('\n],\n"cases": [\n')
        file.write(",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases))
        file.write("\n]}\n")


if __name__ == "__main__":
    main()
