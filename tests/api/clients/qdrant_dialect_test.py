"""What clients of Qdrant's REST interface count on beyond answers: statuses, texts of errors, defaults, forms of input and output.
Plain requests, so that no client's own checks come before the server's."""

import gzip
import hashlib
import json
import math
import sys
import unittest
import urllib.error
import urllib.request

URL = sys.argv.pop(1)
COLLECTION = "/collections/dialect"
POINTS = COLLECTION + "/points"
VECTOR = [0.05, 0.61, 0.76, 0.74]
ONE_VECTOR = {"vectors": {"size": 4, "distance": "Dot"}}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode(errors="replace")

    def result(self):
        return json.loads(self.text)["result"]


def call(method, path, body=None, headers=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method, headers={"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, refusal.headers, refusal.read())


class Dialect(unittest.TestCase):
    settings = ONE_VECTOR

    def setUp(self):
        call("DELETE", COLLECTION)
        self.ok("PUT", COLLECTION, self.settings)

    def ok(self, method, path, body=None, **options):
        answer = call(method, path, body, **options)
        self.assertEqual(answer.status, 200, f"{method} {path} {body}: {answer.text[:500]}")
        return answer.result() if answer.text.startswith("{\"result") else answer

    def refused(self, status, text, method, path, body=None, **options):
        answer = call(method, path, body, **options)
        self.assertEqual(answer.status, status, f"{method} {path} {body}: {answer.text[:500]}")
        self.assertIn(text, answer.text)
        return answer

    def upsert(self, points, query="?wait=true", **more):
        return self.ok("PUT", POINTS + query, {"points": points, **more})

    def query(self, body, path="/query"):
        return self.ok("POST", POINTS + path, body)

    def point(self, point_id):
        return self.ok("GET", f"{POINTS}/{point_id}")

    def payload(self, point_id):
        return self.point(point_id)["payload"]

    def refused_query(self, status, text, body, path="/query"):
        self.refused(status, text, "POST", POINTS + path, body)


class Envelope(Dialect):
    def test_answers_have_one_form(self):
        body = json.loads(call("GET", "/collections").text)
        self.assertEqual(body["status"], "ok")
        self.assertIsInstance(body["time"], float)
        about = json.loads(call("GET", "/").text)
        self.assertNotIn("result", about)
        self.assertLessEqual({"title", "version", "commit"}, set(about))
        self.assertTrue(about["version"].startswith(("1.19.", "1.20.")))
        for path, text in (("/healthz", "healthz check passed"), ("/livez", "healthz check passed"), ("/readyz", "all shards are ready")):
            self.assertEqual(call("GET", path).text, text)

    def test_refusals_say_what_is_wrong(self):
        self.refused(409, "Wrong input: Collection `dialect` already exists!", "PUT", COLLECTION, ONE_VECTOR)
        self.refused(404, "Not found: Collection `nobody` doesn't exist!", "GET", "/collections/nobody")
        self.refused(404, "No point with id 77 found", "GET", POINTS + "/77")
        self.refused(404, "", "GET", "/nothing/here")
        self.refused(405, "Qdrant is running in standalone mode", "POST", COLLECTION + "/cluster", {"drop_replica": {"shard_id": 0, "peer_id": 1}})
        self.assertIs(self.ok("DELETE", "/collections/nobody"), False)

    def test_bodies_that_are_wrong_in_form_differ_from_those_wrong_in_value(self):
        new = "/collections/never"
        self.refused(400, "Format error in JSON body", "PUT", new, b"{")
        self.refused(400, "Format error in JSON body", "PUT", new, {**ONE_VECTOR, "shard_number": -1})
        self.refused(400, "Format error", "PUT", new, {"vectors": {"size": 4, "distance": "Foo"}})
        self.refused(422, "Validation error in JSON body: [shard_number: value 0 invalid, must be 1 or larger]", "PUT", new,
                     {**ONE_VECTOR, "shard_number": 0})
        for size in (0, 65537):
            self.refused(422, f"value {size} invalid, must be from 1 to 65536", "PUT", new, {"vectors": {"size": size, "distance": "Dot"}})
        self.refused(422, "Validation error", "PUT", new, {**ONE_VECTOR, "hnsw_config": {"ef_construct": 3}})
        self.refused(422, "Validation error", "PUT", new, {**ONE_VECTOR, "quantization_config": {"scalar": {"type": "int8", "quantile": 0.3}}})
        self.refused(422, "", "PUT", new, {"vectors": {"size": 4, "distance": "Dot", "memory": "pinned"}})
        self.refused(422, "path", "PUT", "/collections/" + "a" * 256, ONE_VECTOR)
        self.refused(422, "", "PUT", "/collections/a%2Fb", ONE_VECTOR)

    def test_parameters_of_the_query_are_checked(self):
        point = {"points": [{"id": 3, "vector": VECTOR}]}
        for ordering in ("weak", "medium", "strong"):
            self.ok("PUT", f"{POINTS}?wait=true&ordering={ordering}", point)
        self.refused(400, "query parameters", "PUT", POINTS + "?ordering=foo", point)
        self.refused(400, "query parameters", "PUT", POINTS + "?wait=foo", point)
        self.refused(422, "timeout", "PUT", POINTS + "?wait=true&timeout=0", point)
        self.refused(422, "timeout", "POST", POINTS + "/query?timeout=0", {})
        for consistency in ("1", "majority", "quorum", "all"):
            self.ok("POST", f"{POINTS}/query?consistency={consistency}", {"query": VECTOR})

    def test_the_road_is_forgiving_within_limits(self):
        self.ok("GET", "/collections/")
        self.ok("GET", "//collections/dialect")
        self.refused(400, "", "PUT", POINTS, b"{" + b" " * (33 << 20) + b"}")
        packed = gzip.compress(b'{"exact":true}')
        self.assertEqual(self.ok("POST", POINTS + "/count", packed, headers={"content-encoding": "gzip"}), {"count": 0})
        self.assertIsNotNone(call("GET", "/collections", headers={"origin": "http://x"}).headers["access-control-allow-origin"])

    def test_a_node_alone_answers_for_the_cluster(self):
        for path in ("/cluster", "/issues", "/quotas", "/aliases", "/telemetry?details_level=3", COLLECTION + "/optimizations",
                     COLLECTION + "/cluster", COLLECTION + "/aliases", COLLECTION + "/exists"):
            self.ok("GET", path)
        telemetry = self.ok("GET", "/telemetry")
        self.assertEqual(telemetry["app"]["name"], "qdrant")
        self.assertIs(telemetry["app"]["features"]["staging"], False)
        self.assertIn("PUT /collections/{collection_name}", telemetry["requests"]["rest"]["responses"])

    def test_metrics_bear_the_names_that_dashboards_know(self):
        self.upsert([{"id": 1, "vector": VECTOR}])
        metrics = call("GET", "/metrics").text
        for name in ("app_info{name=", "collections_total", "collection_points{id=", "collection_vectors", "rest_responses_total{method=",
                     "rest_responses_avg_duration_seconds", "memory_active_bytes", "memory_resident_bytes", "process_"):
            self.assertIn(name, metrics)
        self.assertIn('collection="dialect"', call("GET", "/metrics?per_collection=true").text)


class Writes(Dialect):
    def test_waiting_shows_in_the_status(self):
        done = self.upsert([{"id": 1, "vector": VECTOR}])
        self.assertEqual(done["status"], "completed")
        self.assertIsInstance(done["operation_id"], int)
        self.assertEqual(self.upsert([{"id": 2, "vector": VECTOR}], "")["status"], "acknowledged")
        self.refused(400, "Wrong input: Vector dimension error: expected dim: 4, got 3", "PUT", POINTS, {"points": [{"id": 2, "vector": [1, 2, 3]}]})
        self.refused(400, "", "PUT", POINTS, {"points": [{"id": 2, "vector": [1, 2, 3, None]}]})

    def test_numbers_come_back_as_they_went_in(self):
        self.upsert([{"id": 1, "vector": VECTOR, "payload": {"whole": 9007199254740993, "tiny": 1e-7}}])
        text = call("GET", POINTS + "/1").text
        self.assertIn('"vector":[0.05,0.61,0.76,0.74]', text)
        self.assertIn("9007199254740993", text)
        self.assertEqual(self.payload(1)["tiny"], 1e-7)

    def test_points_are_replaced_as_the_mode_and_the_filter_say(self):
        self.ok("PUT", POINTS + "?wait=true", {"batch": {"ids": [10, 11], "vectors": [VECTOR, VECTOR], "payloads": [{"k": 1}, None]}})
        self.refused(422, "number of ids and vectors must be equal", "PUT", POINTS, {"batch": {"ids": [10, 11], "vectors": [VECTOR]}})
        self.upsert([{"id": 10, "vector": VECTOR, "payload": {"k": 2}}], update_mode="insert_only")
        self.upsert([{"id": 12, "vector": VECTOR}], update_mode="update_only")
        self.refused(404, "", "GET", POINTS + "/12")
        other = {"must": [{"key": "k", "match": {"value": 99}}]}
        self.upsert([{"id": 10, "vector": VECTOR, "payload": {"k": 3}}, {"id": 13, "vector": VECTOR}], update_filter=other)
        self.assertEqual(self.payload(10), {"k": 1})
        self.point(13)

    def test_payloads_are_merged_overwritten_and_cleared(self):
        self.upsert([{"id": 1, "vector": VECTOR, "payload": {"a": 1, "b": {"c": [1, 2]}}}])
        self.ok("POST", POINTS + "/payload?wait=true", {"payload": {"z": 1}, "points": [1]})
        self.ok("POST", POINTS + "/payload?wait=true", {"payload": {"y": 1}, "key": "b", "points": [1]})
        self.assertEqual(self.payload(1), {"a": 1, "b": {"c": [1, 2], "y": 1}, "z": 1})
        self.ok("POST", POINTS + "/payload/delete?wait=true", {"keys": ["b.y", "z"], "points": [1]})
        self.assertEqual(self.payload(1), {"a": 1, "b": {"c": [1, 2]}})
        self.ok("PUT", POINTS + "/payload?wait=true", {"payload": {"n": 1}, "points": [1]})
        self.assertEqual(self.payload(1), {"n": 1})
        self.ok("POST", POINTS + "/payload/clear?wait=true", {"points": [1]})
        self.assertEqual(self.payload(1), {})
        for path in ("/payload", "/payload/delete"):
            self.refused(422, "At least one parameter should be specified", "POST", POINTS + path, {"payload": {}, "keys": ["a"]})

    def test_lists_of_points_are_not_empty(self):
        for method, path, body in (("PUT", "", {}), ("POST", "/delete", {}), ("POST", "/payload", {"payload": {"a": 1}}),
                                   ("PUT", "/payload", {"payload": {}}), ("POST", "/payload/delete", {"keys": ["a"]}),
                                   ("POST", "/payload/clear", {}), ("POST", "/vectors/delete", {"vector": [""]})):
            self.refused(400, "Bad request: Empty update request", method, POINTS + path, {"points": [], **body})
        self.refused(422, "points: must specify points to update", "PUT", POINTS + "/vectors", {"points": []})

    def test_ids_are_whole_numbers_or_uuids_in_any_form(self):
        uuid = "936da01f-9abd-4d9d-80c7-02af85c822a8"
        for point_id in (18446744073709551615, uuid.upper(), uuid.replace("-", ""), "urn:uuid:" + uuid):
            self.upsert([{"id": point_id, "vector": VECTOR}])
        for point_id in (-1, "x", 1.5, 18446744073709551616, None):
            self.refused(400, "", "PUT", POINTS, {"points": [{"id": point_id, "vector": VECTOR}]})
        page = self.query({"limit": 100, "with_payload": False}, "/scroll")
        self.assertEqual([point["id"] for point in page["points"]], [18446744073709551615, uuid])


class Kinds(Dialect):
    settings = {"vectors": {"size": 2, "distance": "Cosine"}, "sparse_vectors": {"s": {"modifier": "idf"}}}

    def test_vectors_come_back_in_the_form_of_the_collection(self):
        self.upsert([{"id": 1, "vector": {"": [3, 4], "s": {"indices": [9, 3], "values": [1, 2]}}}, {"id": 2, "vector": [1, 0]}])
        self.assertEqual(self.point(1)["vector"], {"": [0.6, 0.8], "s": {"indices": [3, 9], "values": [2.0, 1.0]}})
        self.assertEqual(self.point(2)["vector"], [1.0, 0.0])
        found = self.query({"query": {"indices": [3], "values": [1]}, "using": "s"})["points"]
        self.assertEqual([point["id"] for point in found], [1])
        self.assertAlmostEqual(found[0]["score"], 2 * math.log(0.5 / 1.5 + 1), places=5)

    def test_wrong_vectors_are_named(self):
        for sparse, text in (({"indices": [1, 1], "values": [1, 2]}, "must be unique"),
                             ({"indices": [1], "values": [1, 2]}, "must be the same length as indices")):
            self.refused(422, text, "PUT", POINTS, {"points": [{"id": 1, "vector": {"s": sparse}}]})
        self.refused(400, "Not existing vector name", "PUT", POINTS, {"points": [{"id": 1, "vector": {"zz": [1, 2]}}]})
        self.refused_query(400, "Wrong input: Not existing vector name error: zz", {"query": [1, 2], "using": "zz"})

    def test_vectors_come_and_go(self):
        self.ok("PUT", COLLECTION + "/vectors/late", {"dense": {"size": 2, "distance": "Euclid"}})
        self.ok("PUT", COLLECTION + "/vectors/words", {"sparse": {}})
        self.ok("DELETE", COLLECTION + "/vectors/late")
        self.assertEqual(set(self.ok("GET", COLLECTION)["config"]["params"]["sparse_vectors"]), {"s", "words"})


class Filters(Dialect):
    payloads = [
        {"s": "a", "n": 1, "b": True, "arr": [1, 2], "t": "Hello big World", "d": "2023-01-01T00:00:00Z", "g": {"lat": 52.5, "lon": 13.4},
         "o": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "q.k": 5},
        {"s": "b", "n": 2.5, "arr": [None], "e": None},
        {"s": ["a", "b"], "e": [], "n": 10},
        {},
    ]

    def setUp(self):
        super().setUp()
        self.upsert([{"id": i + 1, "vector": VECTOR, "payload": payload} for i, payload in enumerate(self.payloads)])

    def ids(self, condition):
        wanted = condition if isinstance(condition, dict) and not {"key", "has_id", "is_empty", "is_null", "has_vector", "nested",
                                                                  "slice"} & set(condition) else {"must": condition}
        return [point["id"] for point in self.query({"filter": wanted, "limit": 100}, "/scroll")["points"]]

    def test_matches(self):
        for key, test, wanted in (
                ("s", {"value": "a"}, [1, 3]), ("s", {"any": ["a"]}, [1, 3]), ("s", {"any": []}, []), ("s", {"except": ["a"]}, [2, 3]),
                ("s", {"except": []}, [1, 2, 3]), ("e", {"except": ["x"]}, []), ("b", {"value": True}, [1]), ("n", {"value": 1}, [1]),
                ("arr", {"value": 2}, [1]), ("t", {"text": "world hello"}, [1]), ("t", {"text": "wor"}, []), ("t", {"text": ""}, []),
                ("t", {"text_any": "zzz big"}, [1]), ("t", {"phrase": "big world"}, [1]), ("t", {"prefix": "Hel"}, [1]),
                ("t", {"substring": "lo bi"}, [1]), ("o[].x", {"value": 3}, [1]), ("o[0].x", {"value": 3}, []), ('"q.k"', {"value": 5}, [1])):
            self.assertEqual(self.ids({"key": key, "match": test}), wanted, (key, test))

    def test_ranges_places_and_absence(self):
        ring = [{"lat": 50, "lon": 10}, {"lat": 50, "lon": 20}, {"lat": 55, "lon": 20}, {"lat": 55, "lon": 10}, {"lat": 50, "lon": 10}]
        for condition, wanted in (
                ({"key": "n", "range": {"gt": 1, "lte": 10}}, [2, 3]),
                ({"key": "d", "range": {"gte": "2023-01-01", "lt": "2023-01-02T00:00:00+01:00"}}, [1]),
                ({"key": "arr", "values_count": {"gte": 2}}, [1]),
                ({"key": "g", "geo_radius": {"center": {"lat": 52.5, "lon": 13.4}, "radius": 100}}, [1]),
                ({"key": "g", "geo_bounding_box": {"top_left": {"lat": 53, "lon": 13}, "bottom_right": {"lat": 52, "lon": 14}}}, [1]),
                ({"key": "g", "geo_polygon": {"exterior": {"points": ring}}}, [1]),
                ({"is_empty": {"key": "e"}}, [1, 2, 3, 4]), ({"is_null": {"key": "e"}}, [2]), ({"is_null": {"key": "arr"}}, [2]),
                ({"key": "s", "is_empty": True}, [4]), ({"key": "s", "is_empty": False}, [1, 2, 3])):
            self.assertEqual(self.ids(condition), wanted, condition)

    def test_whole_conditions_and_clauses(self):
        both = lambda y: {"nested": {"key": "o", "filter": {"must": [{"key": "x", "match": {"value": 1}}, {"key": "y", "match": {"value": y}}]}}}
        a = {"key": "s", "match": {"value": "a"}}
        for condition, wanted in (
                ({"has_id": [1, 9]}, [1]), ({"has_vector": ""}, [1, 2, 3, 4]), (both(2), [1]), (both(4), []), ({}, [1, 2, 3, 4]),
                ({"min_should": {"conditions": [a, {"key": "n", "range": {"gt": 5}}], "min_count": 2}}, [3]), ({"must_not": a}, [2, 4]),
                ({"must": [{"should": [{"has_id": [1]}, {"has_id": [2]}]}]}, [1, 2])):
            self.assertEqual(self.ids(condition), wanted, condition)
        parts = [self.ids({"slice": {"total": 2, "index": i}}) for i in (0, 1)]
        self.assertEqual(sorted(parts[0] + parts[1]), [1, 2, 3, 4])

    def test_wrong_conditions(self):
        for status, condition in ((422, {"slice": {"total": 2, "index": 2}}), (422, {"key": "a"}), (400, {"key": "a", "match": {"foo": 1}})):
            self.refused_query(status, "", {"filter": {"must": condition}}, "/scroll")
        self.refused_query(422, "At least one field condition must be specified", {"filter": {"must": [{"key": "a"}]}}, "/scroll")

    def test_fields_need_an_index_for_order_and_facets(self):
        self.refused(400, "Index required but not found for \\\"s\\\" of one of the following types: [", "POST", COLLECTION + "/facet", {"key": "s"})
        self.refused_query(400, "Index required but not found", {"order_by": "n"}, "/scroll")
        self.refused_query(400, "Index required but not found", {"query": {"order_by": "n"}})
        index = lambda field, schema: self.ok("PUT", COLLECTION + "/index?wait=true", {"field_name": field, "field_schema": schema})
        index("s", "keyword")
        index("n", {"type": "float", "is_principal": True, "on_disk": True})
        schema = self.ok("GET", COLLECTION)["payload_schema"]
        self.assertEqual(schema["s"], {"data_type": "keyword", "points": 3})
        self.assertEqual(schema["n"]["params"], {"type": "float", "is_principal": True, "on_disk": True})
        self.assertEqual(self.ok("POST", COLLECTION + "/facet", {"key": "s"})["hits"], [{"value": "a", "count": 2}, {"value": "b", "count": 2}])
        self.refused(422, "limit", "POST", COLLECTION + "/facet", {"key": "s", "limit": 0})
        page = self.query({"order_by": {"key": "n", "direction": "desc"}}, "/scroll")
        self.assertEqual([(point["id"], point["order_value"]) for point in page["points"]], [(3, 10.0), (2, 2.5), (1, 1.0)])
        self.assertIsNone(page["next_page_offset"])
        self.assertEqual([point["id"] for point in self.query({"order_by": {"key": "n", "start_from": 2}}, "/scroll")["points"]], [2, 3])
        self.refused_query(400, "", {"order_by": "n", "offset": 2}, "/scroll")
        self.ok("DELETE", COLLECTION + "/index/s?wait=true")
        self.refused(400, "", "PUT", COLLECTION + "/index", {"field_name": "x", "field_schema": "foo"})
        self.refused(422, "", "PUT", COLLECTION + "/index", {"field_name": "x", "field_schema": {"type": "integer", "lookup": False, "range": False}})


class Queries(Dialect):
    def setUp(self):
        super().setUp()
        self.upsert([{"id": i, "vector": [i, 1, 0, 0], "payload": {"s": "ab"[i % 2], "n": i}} for i in (1, 2, 3, 4)])

    def test_wrong_queries(self):
        for status, text, body in (
                (422, "limit", {"query": VECTOR, "limit": 0}), (404, "No point with id 99 found", {"query": 99}), (400, "", {"query": [1, None, 2, 3]}),
                (400, "Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query.", {"prefetch": {"query": VECTOR}}),
                (400, "Bad request: Fusion queries cannot be combined with the 'using' field.",
                 {"prefetch": [{"query": VECTOR}], "query": {"fusion": "rrf"}, "using": "x"}),
                (400, "", {"query": {"fusion": "rrf"}}), (422, "", {"query": {"recommend": {}}}), (404, "", {"query": 1, "lookup_from": {"collection": "nobody"}}),
                (400, "Wrong input: Not existing vector name error: zz", {"query": 1, "lookup_from": {"collection": "dialect", "vector": "zz"}}),
                (400, "Wrong input: Vector dimension error: expected dim: 4, got 2", {"query": [1, 2]}),
                (422, "", {"query": {"nearest": VECTOR, "mmr": {"diversity": 1.3}}}), (422, "", {"query": {"nearest": VECTOR, "mmr": {"candidates_limit": 16385}}}),
                (422, "", {"query": VECTOR, "params": {"quantization": {"oversampling": 0.5}}}), (422, "", {"prefetch": [{"query": VECTOR}], "query": {"rrf": {"k": 0}}}),
                (422, "", {"query": {"text": "a", "model": ""}})):
            self.refused_query(status, text, body)
        self.refused_query(422, "limit", {"limit": 0}, "/scroll")
        self.refused_query(422, "group_size", {"query": VECTOR, "group_by": "s", "group_size": 0}, "/query/groups")
        self.refused_query(404, "", {"query": VECTOR, "group_by": "s", "with_lookup": {"collection": "nobody"}}, "/query/groups")
        for body in ({"sample": 1}, {"limit": 0}):
            self.refused_query(422, "", body, "/search/matrix/pairs")

    def test_scores_of_fusions_and_formulas(self):
        first = lambda body: self.query(body)["points"][0]["score"]
        self.assertAlmostEqual(first({"prefetch": [{"query": VECTOR}] * 2, "query": {"fusion": "rrf"}}), 1.0, places=6)
        self.assertEqual(first({"prefetch": [{"query": VECTOR, "limit": 1}], "query": {"fusion": "dbsf"}}), 0.5)
        formula = lambda expression, **more: {"prefetch": {"query": VECTOR, "limit": 10}, "query": {"formula": expression, **more}}
        self.assertEqual(first(formula({"div": {"left": 1, "right": 0, "by_zero_default": 7}})), 7)
        self.assertGreater(first(formula({"sum": ["$score", {"mult": [2, {"key": "n", "range": {"gt": 3}}]}]})), 2)
        self.query(formula({"sum": ["$score", "absent"]}, defaults={"absent": 1}))
        for expression in ({"sum": ["$score", "absent"]}, {"div": {"left": 1, "right": 0}}, {"ln": -1}):
            self.refused_query(400, "", formula(expression))

    def test_older_endpoints_and_names(self):
        self.assertEqual(len(self.query({"vector": VECTOR, "top": 2}, "/search")), 2)
        self.assertEqual(len(self.query({"searches": [{"vector": {"name": "", "vector": VECTOR}, "limit": 1}]}, "/search/batch")[0]), 1)
        self.assertNotIn(1, [point["id"] for point in self.query({"positive": [1], "limit": 2}, "/recommend")])
        self.query({"target": VECTOR, "context": [{"positive": 1, "negative": 2}], "limit": 2}, "/discover")
        self.assertEqual({group["id"] for group in self.query({"vector": VECTOR, "group_by": "s", "limit": 2, "group_size": 1}, "/search/groups")["groups"]}, {"a", "b"})
        for name in ("with_vector", "with_vectors"):
            self.assertIn("vector", self.query({"query": VECTOR, name: True})["points"][0])

    def test_defaults(self):
        self.assertEqual(set(self.query({"query": VECTOR})["points"][0]), {"id", "version", "score"})
        self.assertEqual([point["id"] for point in self.query({"limit": 2})["points"]], [1, 2])
        found = self.ok("POST", POINTS, {"ids": [1, 99]})
        self.assertEqual([(point["id"], "payload" in point, "vector" in point) for point in found], [(1, True, False)])
        self.assertEqual(self.query({}, "/count"), {"count": 4})
        self.assertIsNone(self.query({"offset": None}, "/scroll")["next_page_offset"])
        self.assertEqual(set(self.query({}, "/search/matrix/offsets")), {"offsets_row", "offsets_col", "scores", "ids"})
        self.query({"query": VECTOR, "stray": {}, "vector": 3})


class Collections(Dialect):
    def config(self):
        return self.ok("GET", COLLECTION)["config"]

    def test_info_echoes_the_defaults(self):
        info = self.ok("GET", COLLECTION)
        self.assertEqual((info["status"], info["optimizer_status"]), ("green", "ok"))
        self.assertEqual(info["config"]["hnsw_config"],
                         {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "on_disk": False})
        optimizer = info["config"]["optimizer_config"]
        self.assertEqual([optimizer[name] for name in ("deleted_threshold", "vacuum_min_vector_number", "default_segment_number",
                                                      "indexing_threshold", "flush_interval_sec")], [0.2, 1000, 0, 10000, 5])
        self.assertEqual([info["config"]["wal_config"][name] for name in ("wal_capacity_mb", "wal_segments_ahead")], [32, 0])
        self.assertIn("update_queue", info)

    def test_changes_are_echoed(self):
        for quantization in ({"scalar": {"type": "int8"}}, {"product": {"compression": "x16"}}, {"turbo": {"bits": "bits2"}},
                             {"binary": {"encoding": "two_bits", "query_encoding": "scalar8bits", "always_ram": True}}):
            self.ok("PATCH", COLLECTION, {"quantization_config": quantization, "metadata": {"a": 1}})
            self.assertEqual(self.config()["quantization_config"], quantization)
        self.assertEqual(self.config()["metadata"], {"a": 1})
        self.ok("PATCH", COLLECTION, {"quantization_config": "Disabled"})
        self.assertIsNone(self.config()["quantization_config"])
        self.refused(400, "zz", "PATCH", COLLECTION, {"vectors": {"zz": {"on_disk": True}}})

    def test_aliases(self):
        change = lambda **action: {"actions": [action]}
        self.ok("POST", "/collections/aliases", change(create_alias={"collection_name": "dialect", "alias_name": "dialect-a"}))
        self.ok("POST", "/collections/aliases", change(rename_alias={"old_alias_name": "dialect-a", "new_alias_name": "dialect-b"}))
        self.ok("POST", "/collections/dialect-b/points/count", {})
        self.refused(404, "", "POST", "/collections/aliases", change(create_alias={"collection_name": "nobody", "alias_name": "x"}))
        self.refused(409, "", "POST", "/collections/aliases", change(create_alias={"collection_name": "dialect", "alias_name": "dialect"}))
        self.ok("POST", "/collections/aliases", change(delete_alias={"alias_name": "dialect-b"}))

    def test_snapshots(self):
        made = self.ok("POST", COLLECTION + "/snapshots", {})
        self.assertEqual(call("POST", COLLECTION + "/snapshots?wait=false", {}).status, 202)
        path = COLLECTION + "/snapshots/" + made["name"]
        file = call("GET", path)
        self.assertEqual((hashlib.sha256(file.body).hexdigest(), len(file.body)), (made["checksum"], made["size"]))
        self.assertEqual(call("GET", path, headers={"range": "bytes=0-9"}).status, 206)
        for name in ("nobody", "..%2F..%2Fx", "%2e%2e%2fx"):
            self.assertIn(call("GET", f"{COLLECTION}/snapshots/{name}").status, (400, 403, 404))
        self.refused(400, "", "PUT", COLLECTION + "/snapshots/recover", {"location": "file:///nobody"})
        self.ok("DELETE", path)
        self.refused(404, "", "DELETE", path)

    def test_strict_mode(self):
        self.upsert([{"id": 1, "vector": VECTOR}])
        for limit, query, body, text in (
                ({"max_query_limit": 3}, "", {"query": VECTOR, "limit": 4}, "limit"), ({"max_timeout": 2}, "?timeout=5", {"query": VECTOR, "limit": 1}, "timeout"),
                ({"search_allow_exact": False}, "", {"query": VECTOR, "limit": 1, "params": {"exact": True}}, "xact"),
                ({"search_max_hnsw_ef": 4}, "", {"query": VECTOR, "limit": 1, "params": {"hnsw_ef": 5}}, "hnsw_ef"),
                ({"unindexed_filtering_retrieve": False}, "", {"query": VECTOR, "limit": 1, "filter": {"must": {"key": "x", "match": {"value": "1"}}}},
                 "Index required but not found for \\\"x\\\"")):
            self.ok("PATCH", COLLECTION, {"strict_mode_config": {"enabled": True, **limit}})
            self.refused(400, text, "POST", POINTS + "/query" + query, body)
        self.refused(422, "max_query_limit", "PATCH", COLLECTION, {"strict_mode_config": {"enabled": True, "max_query_limit": 0}})


unittest.main()
