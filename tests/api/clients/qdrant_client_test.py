"""qdrant-client against orthantd: the same calls go to the client's own in-memory mode, and the answers are compared."""

import pathlib
import random
import sys
import unittest
import uuid

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import UnexpectedResponse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from random_seed import random_seed  # noqa: E402

URL = sys.argv.pop(1)
SEED = random_seed()
MODEL = "all-MiniLM-L6-v2"
COUNT = 300
DIM = 24


def clients():
    return QdrantClient(URL, cloud_inference=True, timeout=60), QdrantClient(":memory:")


def random_payload(rng):
    payload = {"city": rng.choice(["Berlin", "London", "Paris", "東京"]), "number": rng.randint(0, 20), "rate": rng.random()}
    if rng.random() < 0.5:
        payload["tags"] = rng.sample(["a", "b", "c", "d"], rng.randint(0, 3))
    if rng.random() < 0.3:
        payload["nested"] = {"deep": [{"x": rng.randint(0, 3), "y": rng.random() < 0.5} for _ in range(rng.randint(0, 3))]}
    if rng.random() < 0.2:
        payload["nothing"] = None
    return payload


def random_points(rng, np_rng, count=COUNT):
    points = []
    for i in range(count):
        identity = i if i % 3 else str(uuid.UUID(int=rng.getrandbits(128)))
        points.append(models.PointStruct(id=identity, vector=np_rng.normal(size=DIM).tolist(), payload=random_payload(rng)))
    return points


def condition(key, **test):
    return models.FieldCondition(key=key, **test)


FILTERS = [
    models.Filter(must=[condition("city", match=models.MatchValue(value="Berlin"))]),
    models.Filter(must_not=[condition("city", match=models.MatchAny(any=["Berlin", "東京"]))]),
    models.Filter(should=[condition("number", range=models.Range(gte=5, lt=9)), condition("tags", match=models.MatchValue(value="c"))]),
    models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="tags"))]),
    models.Filter(must=[models.IsNullCondition(is_null=models.PayloadField(key="nothing"))]),
    models.Filter(must=[condition("nested.deep[].x", match=models.MatchValue(value=2))]),
    models.Filter(must=[models.NestedCondition(nested=models.Nested(key="nested.deep", filter=models.Filter(
        must=[condition("x", range=models.Range(gt=0)), condition("y", match=models.MatchValue(value=True))])))]),
    models.Filter(min_should=models.MinShould(min_count=2, conditions=[
        condition("city", match=models.MatchValue(value="Paris")), condition("number", range=models.Range(gt=10)),
        condition("tags", values_count=models.ValuesCount(gte=1))])),
    models.Filter(must=[models.HasIdCondition(has_id=[1, 2, 4, 5, 100])]),
    models.Filter(must=[condition("city", match=models.MatchExcept(**{"except": ["London"]}))]),
]


class Compared(unittest.TestCase):
    """Two clients; `self.both(call)` gives both answers."""

    distance = models.Distance.COSINE

    def setUp(self):
        self.rng = random.Random(SEED)
        self.np_rng = np.random.default_rng(SEED)
        self.remote, self.local = clients()
        self.name = f"collection-{type(self).__name__}"
        self.remote.delete_collection(self.name)
        self.both(lambda client: client.create_collection(self.name, models.VectorParams(size=DIM, distance=self.distance)))
        self.points = random_points(self.rng, self.np_rng)
        self.both(lambda client: client.upload_points(self.name, self.points, wait=True))

    def tearDown(self):
        self.remote.delete_collection(self.name)
        self.remote.close()

    def both(self, call):
        return call(self.remote), call(self.local)

    def assert_same_records(self, call):
        remote, local = self.both(call)
        self.assertEqual([record.id for record in remote], [record.id for record in local])
        for ours, theirs in zip(remote, local):
            self.assertEqual(ours.payload, theirs.payload)
            self.assert_same_vectors(ours.vector, theirs.vector)

    def assert_same_vectors(self, ours, theirs):
        if isinstance(theirs, dict):
            self.assertEqual(set(ours), set(theirs))
            for name in theirs:
                self.assert_same_vectors(ours[name], theirs[name])
        elif theirs is None:
            self.assertIsNone(ours)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)

    def assert_same_hits(self, call):
        remote, local = self.both(call)
        np.testing.assert_allclose([hit.score for hit in remote], [hit.score for hit in local], rtol=1e-4, atol=1e-5)
        by_id = {hit.id: hit for hit in local}
        for hit in remote:
            if hit.id in by_id:
                self.assertEqual(hit.payload, by_id[hit.id].payload)
                self.assert_same_vectors(hit.vector, by_id[hit.id].vector)
        # Equal scores may stand in any order, and one of them may be cut off at the end.
        self.assertGreaterEqual(len(by_id.keys() & {hit.id for hit in remote}), len(local) - 1)

    def assert_same_contents(self):
        everything = dict(limit=10 * COUNT, with_payload=True, with_vectors=True)
        self.assert_same_records(lambda client: client.scroll(self.name, **everything)[0])

    def random_query(self):
        return self.np_rng.normal(size=DIM).tolist()


class Queries(Compared):
    def test_nearest_by_vector_and_id(self):
        query = self.random_query()
        self.assert_same_hits(lambda client: client.query_points(self.name, query, limit=20).points)
        self.assert_same_hits(lambda client: client.query_points(self.name, query, limit=7, offset=5, with_vectors=True).points)
        self.assert_same_hits(lambda client: client.query_points(self.name, query=1, limit=9).points)
        self.assert_same_hits(lambda client: client.query_points(self.name, query=self.points[3].id, with_payload=["city"]).points)
        exact = models.SearchParams(exact=True, hnsw_ef=32, quantization=models.QuantizationSearchParams(rescore=True, oversampling=3.0))
        self.assert_same_hits(lambda client: client.query_points(self.name, query, search_params=exact).points)

    def test_filters(self):
        query = self.random_query()
        for number, filter_ in enumerate(FILTERS):
            with self.subTest(filter=number):
                self.assert_same_hits(lambda client: client.query_points(self.name, query, query_filter=filter_, limit=15).points)
                remote, local = self.both(lambda client: client.count(self.name, count_filter=filter_).count)
                self.assertEqual(remote, local)
                self.assert_same_records(lambda client: client.scroll(self.name, scroll_filter=filter_, limit=50)[0])

    def test_thresholds_and_selectors(self):
        query = self.random_query()
        scores = [hit.score for hit in self.local.query_points(self.name, query, limit=20).points]
        threshold = (scores[4] + scores[5]) / 2
        self.assert_same_hits(lambda client: client.query_points(self.name, query, score_threshold=threshold, limit=20).points)
        for selector in (models.PayloadSelectorInclude(include=["city", "nested.deep[].x"]), models.PayloadSelectorExclude(exclude=["nested"])):
            self.assert_same_hits(lambda client: client.query_points(self.name, query, with_payload=selector).points)

    def test_batches(self):
        requests = [models.QueryRequest(query=self.random_query(), limit=5, filter=filter_, with_payload=True) for filter_ in FILTERS[:4]]
        remote, local = self.both(lambda client: client.query_batch_points(self.name, requests))
        for ours, theirs in zip(remote, local, strict=True):
            np.testing.assert_allclose([hit.score for hit in ours.points], [hit.score for hit in theirs.points], rtol=1e-4)

    def test_no_query_lists_by_id(self):
        remote, local = self.both(lambda client: client.query_points(self.name, limit=12, with_payload=True).points)
        self.assertEqual([(hit.id, hit.payload) for hit in remote], [(hit.id, hit.payload) for hit in local])
        self.assertEqual({hit.score for hit in remote}, {hit.score for hit in local})

    def test_lookup_from_another_collection(self):
        other = self.name + "-other"
        self.remote.delete_collection(other)
        self.both(lambda client: client.create_collection(other, models.VectorParams(size=DIM, distance=self.distance)))
        self.both(lambda client: client.upsert(other, [models.PointStruct(id=7777, vector=self.points[8].vector)], wait=True))
        lookup = models.LookupLocation(collection=other)
        self.assert_same_hits(lambda client: client.query_points(self.name, query=7777, lookup_from=lookup).points)
        self.remote.delete_collection(other)


class DotQueries(Queries):
    distance = models.Distance.DOT


class EuclidQueries(Queries):
    distance = models.Distance.EUCLID


class ManhattanQueries(Queries):
    distance = models.Distance.MANHATTAN


class Writes(Compared):
    def test_scroll_pages_through_everything(self):
        seen, offset = [], None
        while True:
            page, offset = self.remote.scroll(self.name, limit=37, offset=offset)
            seen += [record.id for record in page]
            if offset is None:
                break
        numbers = sorted(point.id for point in self.points if isinstance(point.id, int))
        uuids = sorted(point.id for point in self.points if isinstance(point.id, str))
        self.assertEqual(seen, numbers + uuids)

    def test_retrieve(self):
        ids = [self.points[9].id, self.points[1].id, 123456]
        remote, local = self.both(lambda client: client.retrieve(self.name, ids, with_vectors=True))
        self.assertEqual({record.id: record.payload for record in remote}, {record.id: record.payload for record in local})

    def test_deletes(self):
        self.both(lambda client: client.delete(self.name, models.PointIdsList(points=[point.id for point in self.points[:20]])))
        self.assert_same_contents()
        self.both(lambda client: client.delete(self.name, models.FilterSelector(filter=FILTERS[0])))
        self.assert_same_contents()
        self.assert_same_hits(lambda client: client.query_points(self.name, self.points[50].vector, limit=10).points)

    def test_replacing_points(self):
        changed = [models.PointStruct(id=point.id, vector=self.random_query(), payload={"new": True}) for point in self.points[:30]]
        self.both(lambda client: client.upsert(self.name, changed, wait=True))
        self.assert_same_contents()
        batch = models.Batch(ids=[1, 2, 9999], vectors=[self.random_query() for _ in range(3)], payloads=[{"a": 1}, {}, {"b": [1, 2]}])
        self.both(lambda client: client.upsert(self.name, batch, wait=True))
        self.assert_same_contents()

    def test_payload_changes(self):
        some = [point.id for point in self.points[10:60]]
        self.both(lambda client: client.set_payload(self.name, {"number": -1, "fresh": {"a": [1, 2.5, "x"]}}, points=some))
        self.assert_same_contents()
        self.both(lambda client: client.set_payload(self.name, {"z": 9}, points=FILTERS[1], key="fresh"))
        self.assert_same_contents()
        self.both(lambda client: client.overwrite_payload(self.name, {"only": "this"}, points=some[:5]))
        self.assert_same_contents()
        self.both(lambda client: client.delete_payload(self.name, ["number", "nested.deep"], points=FILTERS[2]))
        self.assert_same_contents()
        self.both(lambda client: client.clear_payload(self.name, points_selector=some[5:10]))
        self.assert_same_contents()

    def test_vector_changes(self):
        vectors = [models.PointVectors(id=point.id, vector=self.random_query()) for point in self.points[:15]]
        self.both(lambda client: client.update_vectors(self.name, vectors))
        self.assert_same_contents()

    def test_batched_operations(self):
        operations = [
            models.UpsertOperation(upsert=models.PointsList(points=[models.PointStruct(id=5000, vector=self.random_query(), payload={"k": 1})])),
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"k": 2, "l": 3}, points=[5000, 1])),
            models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=["l"], points=[5000])),
            models.DeleteOperation(delete=models.PointIdsList(points=[2, 4])),
        ]
        remote = self.remote.batch_update_points(self.name, operations, wait=True)
        self.local.batch_update_points(self.name, operations)
        self.assertEqual([result.status for result in remote], [models.UpdateStatus.COMPLETED] * 4)
        self.assert_same_contents()

    def test_status_without_waiting(self):
        result = self.remote.upsert(self.name, [models.PointStruct(id=1, vector=self.random_query())], wait=False)
        self.assertEqual(result.status, models.UpdateStatus.ACKNOWLEDGED)


class NamedVectors(unittest.TestCase):
    def test_named_vectors_of_different_metrics(self):
        rng = np.random.default_rng(SEED)
        remote, local = clients()
        name = "named"
        remote.delete_collection(name)
        config = {"title": models.VectorParams(size=8, distance=models.Distance.COSINE),
                  "body": models.VectorParams(size=12, distance=models.Distance.EUCLID)}
        points = []
        for i in range(80):
            vectors = {"title": rng.normal(size=8).tolist(), "body": rng.normal(size=12).tolist()}
            if i % 4 == 0:
                del vectors["body"]
            points.append(models.PointStruct(id=i, vector=vectors, payload={"i": i}))
        for client in (remote, local):
            client.create_collection(name, config)
            client.upsert(name, points, wait=True)
            client.delete_vectors(name, vectors=["title"], points=[1, 2, 3])
        has_body = models.Filter(must=[models.HasVectorCondition(has_vector="body")])
        self.assertEqual(remote.count(name, has_body).count, local.count(name, has_body).count)
        for using, size in (("title", 8), ("body", 12)):
            query = rng.normal(size=size).tolist()
            ours, theirs = (client.query_points(name, query, using=using, limit=80).points for client in (remote, local))
            self.assertEqual([hit.id for hit in ours], [hit.id for hit in theirs])
            np.testing.assert_allclose([hit.score for hit in ours], [hit.score for hit in theirs], rtol=1e-4, atol=1e-5)
        [record] = remote.retrieve(name, [4], with_vectors=["title", "body"])
        self.assertEqual(set(record.vector), {"title"})
        remote.delete_collection(name)


class Texts(unittest.TestCase):
    def test_documents_are_encoded_inside(self):
        remote, _ = clients()
        name = "texts"
        remote.delete_collection(name)
        remote.create_collection(name, models.VectorParams(size=384, distance=models.Distance.COSINE))
        texts = ["The moon pulls the oceans and makes tides.", "Copper conducts electricity well.", "A recipe for bread with rye flour."]
        document = lambda text: models.Document(text=text, model=MODEL)
        remote.upsert(name, [models.PointStruct(id=i, vector=document(text), payload={"text": text}) for i, text in enumerate(texts)])
        hits = remote.query_points(name, document("why is there high and low water at the coast?"), limit=3, with_payload=True).points
        self.assertEqual(hits[0].payload["text"], texts[0])
        hits = remote.query_points(name, document("baking"), limit=1).points
        self.assertEqual(hits[0].id, 2)
        with self.assertRaises(UnexpectedResponse) as caught:
            remote.query_points(name, models.Document(text="x", model="no-such-model"))
        self.assertIn("no-such-model", str(caught.exception))
        remote.delete_collection(name)


class Collections(unittest.TestCase):
    def setUp(self):
        self.remote, _ = clients()
        self.remote.delete_collection("settings")

    def tearDown(self):
        self.remote.delete_collection("settings")

    def test_life_of_a_collection(self):
        self.assertFalse(self.remote.collection_exists("settings"))
        self.remote.create_collection("settings", models.VectorParams(size=4, distance=models.Distance.DOT))
        self.assertTrue(self.remote.collection_exists("settings"))
        self.assertIn("settings", [collection.name for collection in self.remote.get_collections().collections])
        with self.assertRaises(UnexpectedResponse) as caught:
            self.remote.create_collection("settings", models.VectorParams(size=4, distance=models.Distance.DOT))
        self.assertEqual(caught.exception.status_code, 409)
        self.assertTrue(self.remote.delete_collection("settings"))
        self.assertFalse(self.remote.delete_collection("settings"))
        with self.assertRaises(UnexpectedResponse) as caught:
            self.remote.get_collection("settings")
        self.assertEqual(caught.exception.status_code, 404)

    def test_configuration_is_given_back(self):
        params = models.VectorParams(size=64, distance=models.Distance.COSINE, on_disk=True, hnsw_config=models.HnswConfigDiff(m=8),
                                     quantization_config=models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)))
        self.remote.create_collection(
            "settings", {"a": params, "b": models.VectorParams(size=8, distance=models.Distance.MANHATTAN)},
            hnsw_config=models.HnswConfigDiff(ef_construct=55), optimizers_config=models.OptimizersConfigDiff(indexing_threshold=77),
            wal_config=models.WalConfigDiff(wal_capacity_mb=3), replication_factor=2,
            quantization_config=models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99)),
            metadata={"owner": "tests"})
        config = self.remote.get_collection("settings").config
        self.assertEqual(config.params.vectors["a"], params)
        self.assertEqual(config.params.vectors["b"].distance, models.Distance.MANHATTAN)
        self.assertEqual((config.hnsw_config.ef_construct, config.hnsw_config.m), (55, 16))
        self.assertEqual(config.optimizer_config.indexing_threshold, 77)
        self.assertEqual(config.wal_config.wal_capacity_mb, 3)
        self.assertEqual(config.params.replication_factor, 2)
        self.assertEqual(config.quantization_config.scalar.quantile, 0.99)
        self.assertEqual(config.metadata, {"owner": "tests"})
        self.remote.update_collection("settings", optimizers_config=models.OptimizersConfigDiff(indexing_threshold=99),
                                      vectors_config={"a": models.VectorParamsDiff(on_disk=False)}, quantization_config=models.Disabled.DISABLED)
        config = self.remote.get_collection("settings").config
        self.assertEqual(config.optimizer_config.indexing_threshold, 99)
        self.assertFalse(config.params.vectors["a"].on_disk)
        self.assertIsNone(config.quantization_config)

    def test_payload_indexes_are_built_shown_and_removed(self):
        self.remote.create_collection("settings", models.VectorParams(size=2, distance=models.Distance.DOT))
        self.remote.upsert("settings", [models.PointStruct(id=i, vector=[1, i], payload={"k": "x"} if i % 2 else {}) for i in range(10)])
        self.remote.create_payload_index("settings", "k", models.PayloadSchemaType.KEYWORD, wait=True)
        self.remote.create_payload_index("settings", "t", models.TextIndexParams(type=models.TextIndexType.TEXT, lowercase=True), wait=True)
        schema = self.remote.get_collection("settings").payload_schema
        self.assertEqual(schema["k"].data_type, models.PayloadSchemaType.KEYWORD)
        self.assertEqual(schema["k"].points, 5)
        self.assertTrue(schema["t"].params.lowercase)
        self.remote.delete_payload_index("settings", "k", wait=True)
        self.assertEqual(set(self.remote.get_collection("settings").payload_schema), {"t"})

    def test_every_type_of_payload_index_answers_as_the_payloads_do(self):
        self.remote.create_collection("settings", models.VectorParams(size=2, distance=models.Distance.DOT))
        payloads = [{"k": "xyz"[i % 3], "n": i, "f": i / 4, "b": i % 2 == 0, "t": f"row {i} of many", "at": f"2024-01-{i % 28 + 1:02}",
                     "g": {"lat": i / 10, "lon": -i / 10}, "u": f"00000000-0000-0000-0000-{i:012}", "o": [{"c": i % 5}]} for i in range(100)]
        self.remote.upsert("settings", [models.PointStruct(id=i, vector=[1, i], payload=p) for i, p in enumerate(payloads)])
        field = models.FieldCondition
        conditions = [field(key="k", match=models.MatchAny(any=["x", "y"])), field(key="k", match=models.MatchExcept(**{"except": ["x"]})),
                      field(key="n", range=models.Range(gte=10, lt=50)), field(key="f", range=models.Range(gt=20)),
                      field(key="b", match=models.MatchValue(value=True)), field(key="t", match=models.MatchText(text="ROW 7")),
                      field(key="at", range=models.DatetimeRange(gte="2024-01-10", lt="2024-01-12")),
                      field(key="g", geo_radius=models.GeoRadius(center=models.GeoPoint(lat=5, lon=-5), radius=100_000)),
                      field(key="u", match=models.MatchValue(value=payloads[3]["u"])), field(key="o[].c", match=models.MatchValue(value=2)),
                      models.NestedCondition(nested=models.Nested(key="o", filter=models.Filter(must=[field(key="c", range=models.Range(gte=3))])))]
        filters = [models.Filter(must=[c]) for c in conditions] + [models.Filter(must_not=[c]) for c in conditions]
        filters += [models.Filter(min_should=models.MinShould(conditions=conditions, min_count=n)) for n in range(1, 6)]

        def found():
            return [[p.id for p in self.remote.scroll("settings", f, limit=100)[0]] for f in filters]

        before = found()
        types = models.PayloadSchemaType
        for key, schema in {"k": models.KeywordIndexParams(type="keyword", is_tenant=True), "n": models.IntegerIndexParams(type="integer", lookup=True, range=True),
                            "f": types.FLOAT, "b": types.BOOL, "t": models.TextIndexParams(type="text", tokenizer=models.TokenizerType.WORD),
                            "at": types.DATETIME, "g": types.GEO, "u": types.UUID, "o[].c": types.INTEGER}.items():
            self.remote.create_payload_index("settings", key, schema, wait=True)
        self.assertEqual(found(), before)
        schema = self.remote.get_collection("settings").payload_schema
        self.assertEqual({key: info.points for key, info in schema.items()}, dict.fromkeys(["k", "n", "f", "b", "t", "at", "g", "u", "o[].c"], 100))
        self.assertTrue(schema["k"].params.is_tenant)

    def test_wrong_input_changes_nothing(self):
        self.remote.create_collection("settings", models.VectorParams(size=2, distance=models.Distance.DOT))
        for vector in ([1.0], [1.0, 2.0, 3.0], [1.0, float("nan")]):
            with self.assertRaises(Exception):
                self.remote.upsert("settings", [models.PointStruct(id=1, vector=[1, 2]), models.PointStruct(id=2, vector=vector)], wait=True)
        self.assertEqual(self.remote.count("settings").count, 0)

    def test_service_calls(self):
        self.assertRegex(self.remote.info().version, r"^1\.19\.")
        self.assertEqual(self.remote.get_aliases().aliases, [])
        self.remote.create_collection("settings", models.VectorParams(size=2, distance=models.Distance.DOT))
        self.assertEqual(self.remote.get_collection_aliases("settings").aliases, [])
        self.assertEqual(self.remote.get_collection("settings").status, models.CollectionStatus.GREEN)

    def test_aliases_stand_for_collections(self):
        for name in ("one", "two"):
            self.remote.create_collection(name, models.VectorParams(size=2, distance=models.Distance.DOT))
        self.remote.upsert("two", [models.PointStruct(id=7, vector=[1, 0])], wait=True)
        create = models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="one", alias_name="now"))
        self.assertTrue(self.remote.update_collection_aliases([create]))
        self.assertEqual(self.remote.count("now").count, 0)
        self.remote.update_collection_aliases([
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name="now")),
            models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name="two", alias_name="now"))])
        self.assertEqual([hit.id for hit in self.remote.query_points("now", query=[1.0, 0.0]).points], [7])
        rename = models.RenameAlias(old_alias_name="now", new_alias_name="then")
        self.remote.update_collection_aliases([models.RenameAliasOperation(rename_alias=rename)])
        self.assertEqual([alias.alias_name for alias in self.remote.get_collection_aliases("two").aliases], ["then"])
        with self.assertRaises(UnexpectedResponse):
            self.remote.count("now")
        for name in ("one", "two"):
            self.remote.delete_collection(name)
        self.assertEqual(self.remote.get_aliases().aliases, [])

    def test_snapshots_are_made_fetched_recovered_and_deleted(self):
        self.remote.create_collection("kept", models.VectorParams(size=2, distance=models.Distance.DOT))
        self.remote.upsert("kept", [models.PointStruct(id=i, vector=[i, 1], payload={"i": i}) for i in range(20)], wait=True)
        made = self.remote.create_snapshot("kept", wait=True)
        self.assertEqual([snapshot.name for snapshot in self.remote.list_snapshots("kept")], [made.name])
        self.assertEqual(len(made.checksum), 64)
        self.remote.delete("kept", [1, 2, 3], wait=True)
        self.remote.recover_snapshot("other", f"{URL}/collections/kept/snapshots/{made.name}", checksum=made.checksum, wait=True)
        self.assertEqual((self.remote.count("kept").count, self.remote.count("other").count), (17, 20))
        with self.assertRaises(UnexpectedResponse):
            self.remote.recover_snapshot("other", f"{URL}/collections/kept/snapshots/{made.name}", checksum="0" * 64, wait=True)
        self.assertTrue(self.remote.delete_snapshot("kept", made.name, wait=True))
        self.assertEqual(self.remote.list_snapshots("kept"), [])
        full = self.remote.create_full_snapshot(wait=True)
        self.assertEqual([snapshot.name for snapshot in self.remote.list_full_snapshots()], [full.name])
        self.assertTrue(self.remote.delete_full_snapshot(full.name, wait=True))
        for name in ("kept", "other"):
            self.remote.delete_collection(name)

    def test_rates_are_refused_with_the_time_to_wait(self):
        self.remote.create_collection("slow", models.VectorParams(size=2, distance=models.Distance.DOT),
                                      strict_mode_config=models.StrictModeConfig(enabled=True, write_rate_limit=30))
        points = [models.PointStruct(id=i, vector=[i, 1]) for i in range(40)]
        with self.assertRaisesRegex(UnexpectedResponse, "request larger than than rate limiter capacity"):
            self.remote.upsert("slow", points, wait=True)
        self.remote.upsert("slow", points[:29], wait=True)
        with self.assertRaises(ResourceExhaustedResponse) as refused:
            self.remote.upsert("slow", points[:20], wait=True)
        self.assertGreater(refused.exception.retry_after_s, 0)
        self.remote.delete_collection("slow")

    def test_uploads_without_waiting_become_visible(self):
        self.remote.create_collection("settings", models.VectorParams(size=DIM, distance=models.Distance.COSINE))
        vectors = np.random.default_rng(SEED).normal(size=(2000, DIM)).astype(np.float32)
        self.remote.upload_collection("settings", vectors=vectors, ids=range(2000), batch_size=100, parallel=1)
        self.assertEqual(self.remote.count("settings").count, 2000)
        hits = self.remote.query_points("settings", vectors[77].tolist(), limit=3).points
        self.assertEqual(hits[0].id, 77)


unittest.main(verbosity=1)
