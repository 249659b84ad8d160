"""Sparse vectors, multivectors, datatypes and vector names through qdrant-client, beside the client's own in-memory mode."""

import pathlib
import random
import sys
import unittest

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from random_seed import random_seed  # noqa: E402

URL = sys.argv.pop(1)
SEED = random_seed()
DIM = 12
COUNT = 200


class VectorKinds(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(SEED)
        self.np_rng = np.random.default_rng(SEED)
        self.remote = QdrantClient(URL, cloud_inference=True, timeout=60)
        self.local = QdrantClient(":memory:")
        self.name = "kinds"
        self.remote.delete_collection(self.name)
        self.both(lambda client: client.create_collection(
            self.name,
            vectors_config={
                "dense": models.VectorParams(size=DIM, distance=models.Distance.COSINE),
                "multi": models.VectorParams(size=DIM, distance=models.Distance.DOT, multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM)),
                "far": models.VectorParams(size=DIM, distance=models.Distance.EUCLID, multivector_config=models.MultiVectorConfig(
                    comparator=models.MultiVectorComparator.MAX_SIM)),
            },
            sparse_vectors_config={
                "sparse": models.SparseVectorParams(),
                "idf": models.SparseVectorParams(modifier=models.Modifier.IDF),
            }))
        self.points = [self.random_point(i) for i in range(COUNT)]
        self.both(lambda client: client.upsert(self.name, self.points, wait=True))

    def tearDown(self):
        self.remote.delete_collection(self.name)
        self.remote.close()

    def both(self, call):
        return call(self.remote), call(self.local)

    def random_sparse(self):
        indices = self.rng.sample(range(60), self.rng.randint(1, 12))
        return models.SparseVector(indices=indices, values=[self.rng.random() for _ in indices])

    def random_vectors(self):
        vectors = {
            "dense": self.np_rng.normal(size=DIM).tolist(),
            "multi": self.np_rng.normal(size=(self.rng.randint(1, 6), DIM)).tolist(),
            "far": self.np_rng.normal(size=(self.rng.randint(1, 6), DIM)).tolist(),
            "sparse": self.random_sparse(),
            "idf": self.random_sparse(),
        }
        return {name: vector for name, vector in vectors.items() if self.rng.random() < 0.8}

    def random_point(self, identity):
        return models.PointStruct(id=identity, vector=self.random_vectors(), payload={"n": identity % 7})

    def assert_same_vector(self, ours, theirs):
        if isinstance(theirs, models.SparseVector):
            self.assertEqual(ours.indices, sorted(theirs.indices))
            pairs = dict(zip(theirs.indices, theirs.values))
            np.testing.assert_allclose(ours.values, [pairs[index] for index in ours.indices], rtol=1e-5)
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)

    def assert_same_contents(self):
        remote, local = self.both(lambda client: client.scroll(self.name, limit=10 * COUNT, with_vectors=True)[0])
        self.assertEqual([record.id for record in remote], [record.id for record in local])
        for ours, theirs in zip(remote, local):
            self.assertEqual(set(ours.vector), set(theirs.vector))
            for name, vector in theirs.vector.items():
                self.assert_same_vector(ours.vector[name], vector)

    def assert_same_hits(self, **query):
        remote, local = self.both(lambda client: client.query_points(self.name, **query).points)
        np.testing.assert_allclose([hit.score for hit in remote], [hit.score for hit in local], rtol=1e-4, atol=1e-5)
        self.assertGreaterEqual(len({hit.id for hit in remote} & {hit.id for hit in local}), len(local) - 1)

    def assert_same_searches(self):
        filters = [None, models.Filter(must=[models.FieldCondition(key="n", match=models.MatchAny(any=[1, 2]))]),
                   models.Filter(must=[models.HasVectorCondition(has_vector="multi")])]
        for query_filter in filters:
            for name in ("sparse", "idf"):
                self.assert_same_hits(query=self.random_sparse(), using=name, query_filter=query_filter, limit=15)
            for name in ("multi", "far"):
                query = self.np_rng.normal(size=(3, DIM)).tolist()
                self.assert_same_hits(query=query, using=name, query_filter=query_filter, limit=15)
            self.assert_same_hits(query=self.np_rng.normal(size=DIM).tolist(), using="dense", query_filter=query_filter, limit=15)

    def test_writes_and_searches(self):
        self.assert_same_contents()
        self.assert_same_searches()
        for _ in range(6):
            changed = [self.random_point(self.rng.randrange(COUNT)) for _ in range(5)]
            self.both(lambda client: client.upsert(self.name, changed, wait=True))
            identity = changed[0].id
            vectors = {"sparse": self.random_sparse(), "multi": self.np_rng.normal(size=(2, DIM)).tolist()}
            self.both(lambda client: client.update_vectors(self.name, [models.PointVectors(id=identity, vector=vectors)], wait=True))
            self.both(lambda client: client.delete_vectors(self.name, vectors=["idf"], points=[identity, (identity + 1) % COUNT]))
            gone = self.rng.randrange(COUNT)
            self.both(lambda client: client.delete(self.name, points_selector=[gone], wait=True))
        self.assert_same_contents()
        self.assert_same_searches()

    def test_a_threshold_keeps_what_is_strictly_better(self):
        query = self.random_sparse()
        hits = self.remote.query_points(self.name, query=query, using="sparse", limit=8).points
        between = (hits[len(hits) // 2 - 1].score + hits[len(hits) // 2].score) / 2
        self.assert_same_hits(query=query, using="sparse", limit=8, score_threshold=between)
        exactly = self.remote.query_points(self.name, query=query, using="sparse", limit=8, score_threshold=hits[2].score).points
        self.assertTrue(all(hit.score > hits[2].score for hit in exactly))

    def test_names_come_and_go(self):
        self.remote.delete_vector_name(self.name, "multi")
        records = self.remote.scroll(self.name, limit=COUNT, with_vectors=True)[0]
        self.assertTrue(all("multi" not in record.vector for record in records))
        self.assertNotIn("multi", self.remote.get_collection(self.name).config.params.vectors)
        self.remote.create_vector_name(self.name, "multi", models.DenseVectorNameConfig(
            dense=models.DenseVectorConfig(size=3, distance=models.Distance.DOT)))
        self.remote.create_vector_name(self.name, "late", models.SparseVectorNameConfig(
            sparse=models.SparseVectorConfig(modifier=models.Modifier.IDF)))
        self.remote.update_vectors(self.name, [models.PointVectors(id=1, vector={
            "multi": [1, 2, 3], "late": models.SparseVector(indices=[9, 3], values=[1, 2])})], wait=True)
        hit = self.remote.query_points(self.name, query=[1, 1, 1], using="multi").points[0]
        self.assertEqual((hit.id, hit.score), (1, 6))
        found = self.remote.query_points(self.name, query=models.SparseVector(indices=[3], values=[1]), using="late", with_vectors=["late"])
        self.assertEqual(found.points[0].vector["late"], models.SparseVector(indices=[3, 9], values=[2, 1]))

    def test_info_gives_the_parameters_back(self):
        params = self.remote.get_collection(self.name).config.params
        self.assertEqual(params.vectors["multi"].multivector_config.comparator, models.MultiVectorComparator.MAX_SIM)
        self.assertEqual(params.sparse_vectors["idf"].modifier, models.Modifier.IDF)
        self.assertIsNone(params.sparse_vectors["sparse"].modifier)

    def test_datatypes(self):
        self.remote.delete_collection("datatypes")
        self.remote.create_collection("datatypes", vectors_config={
            "bytes": models.VectorParams(size=4, distance=models.Distance.COSINE, datatype=models.Datatype.UINT8),
            "half": models.VectorParams(size=4, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16)})
        self.remote.upsert("datatypes", [models.PointStruct(id=1, vector={"bytes": [1, 2, 300, 4.9], "half": [0.1, 1, 2, 3]}),
                                         models.PointStruct(id=2, vector={"bytes": [2, 4, 0, 8], "half": [0, 0, 0, 1]})], wait=True)
        record = self.remote.retrieve("datatypes", [1], with_vectors=True)[0]
        self.assertEqual(record.vector["bytes"], [1, 2, 255, 4])
        np.testing.assert_allclose(record.vector["half"], np.array([0.1, 1, 2, 3], dtype=np.float16), rtol=1e-6)
        hit = self.remote.query_points("datatypes", query=[4, 8, 0, 16], using="bytes").points[0]
        self.assertEqual(hit.id, 2)
        self.assertAlmostEqual(hit.score, 1, places=5)
        self.remote.delete_collection("datatypes")

    def test_bad_vectors_are_refused(self):
        def status_of(vector):
            with self.assertRaises(UnexpectedResponse) as refused:
                self.remote.upsert(self.name, [models.PointStruct(id=1, vector=vector)], wait=True)
            return refused.exception.status_code, refused.exception.content.decode()

        status, text = status_of({"sparse": models.SparseVector(indices=[1, 1], values=[1, 2])})
        self.assertEqual(status, 422)
        self.assertIn("must be unique", text)
        status, text = status_of({"sparse": models.SparseVector(indices=[1, 2], values=[1])})
        self.assertEqual(status, 422)
        self.assertIn("must be the same length as indices", text)
        self.assertEqual(status_of({"sparse": [1.0, 2.0]})[0], 400)
        self.assertEqual(status_of({"multi": [[1.0] * DIM, [1.0]]})[0], 422)
        status, text = status_of({"multi": [[1.0, 2.0]]})
        self.assertEqual(status, 400)
        self.assertIn(f"Vector dimension error: expected dim: {DIM}, got 2", text)

    def test_bm25(self):
        self.remote.delete_collection("words")
        self.remote.create_collection("words", vectors_config={}, sparse_vectors_config={
            "text": models.SparseVectorParams(modifier=models.Modifier.IDF)})
        texts = ["The quick brown fox jumps over the lazy dog", "Databases index vectors", "A fox runs; foxes ran", "The a an and"]
        self.remote.upsert("words", [
            models.PointStruct(id=i, vector={"text": models.Document(text=text, model="Qdrant/bm25")}) for i, text in enumerate(texts)],
            wait=True)
        hits = self.remote.query_points("words", query=models.Document(text="running foxes", model="qdrant/bm25"), using="text").points
        self.assertEqual([hit.id for hit in hits], [2, 0])
        self.assertEqual(self.remote.count("words").count, 4)
        self.remote.delete_collection("words")

    def test_an_idf_is_counted_over_a_corpus(self):
        self.both(lambda client: client.set_payload(self.name, {"half": True}, points=list(range(COUNT // 2)), wait=True))
        half = models.Filter(must=[models.FieldCondition(key="half", match=models.MatchValue(value=True))])
        for scope in (models.IdfScope.GLOBAL, models.IdfCorpusParams(corpus=half)):
            query = self.random_sparse()
            remote, local = self.both(lambda client: client.query_points(
                self.name, query=query, using="idf", limit=COUNT, search_params=models.SearchParams(idf=scope)).points)
            self.assertTrue(np.allclose([hit.score for hit in remote], [hit.score for hit in local], rtol=1e-4), scope)

    def test_texts_of_payloads_are_ranked(self):
        words = ["fox", "dog", "cat", "bird"]
        texts = [" ".join(self.rng.choices(words, k=self.rng.randint(1, 9))) for _ in range(COUNT)]
        self.both(lambda client: client.batch_update_points(self.name, [
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"t": text}, points=[i]))
            for i, text in enumerate(texts)], wait=True))
        self.both(lambda client: client.create_payload_index(
            self.name, "t", models.TextIndexParams(type="text", tokenizer="word", scoring=True), wait=True))
        self.both(lambda client: client.delete(self.name, list(range(20)), wait=True))
        for text in ("fox", models.TextQueryInput(query="cat dog", scoring=models.Bm25Scoring(bm25=models.Bm25Params(k=2.0, b=0.2)))):
            remote, local = self.both(lambda client: client.query_points(
                self.name, query=models.TextQuery(text=text), using="t", limit=COUNT, with_payload=True).points)
            self.assertTrue(np.allclose([hit.score for hit in remote], [hit.score for hit in local], rtol=1e-4), text)


unittest.main(verbosity=2)
