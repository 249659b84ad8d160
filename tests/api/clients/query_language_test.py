"""The query language of qdrant-client against orthantd: random query trees go to the client's own in-memory mode too, and the answers
are compared: ids and scores where scores differ, scores alone where they tie."""

import random
import sys
import unittest

import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

URL = sys.argv.pop(1)
SEED = 20261121
COUNT = 240
SIZES = {"text": 16, "image": 24, "code": 10}
DISTANCES = {"text": models.Distance.COSINE, "image": models.Distance.DOT, "code": models.Distance.EUCLID}
NAME = "query-language"
CITIES = ["Berlin", "London", "Paris", "Rome", "東京"]


def payload_of(rng, i):
    payload = {"city": rng.choice(CITIES), "number": rng.randint(0, 30), "rate": round(rng.random(), 4), "unique": i,
               "at": f"2024-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:00:00Z",
               "place": {"lat": round(rng.uniform(-60, 60), 3), "lon": round(rng.uniform(-170, 170), 3)}, "flag": rng.random() < 0.5}
    if rng.random() < 0.8:
        payload["tags"] = rng.sample(["a", "b", "c", "d"], rng.randint(1, 3))
    if rng.random() < 0.7:
        payload["sometimes"] = rng.randint(1, 9)
    return payload


class Queries:
    """Random parts of requests. Points 0 to 49 are the examples."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.np_rng = np.random.default_rng(seed)

    def vector(self, name):
        return self.np_rng.normal(size=SIZES[name]).round(3).tolist()

    def example(self, name):
        return self.rng.randint(0, 49) if self.rng.random() < 0.5 else self.vector(name)

    def examples(self, name, least):
        return [self.example(name) for _ in range(self.rng.randint(least, 3))]

    def pair(self, name):
        return models.ContextPair(positive=self.example(name), negative=self.example(name))

    def condition(self):
        field = models.FieldCondition
        return self.rng.choice([
            lambda: field(key="city", match=models.MatchAny(any=self.rng.sample(CITIES, 3))),
            lambda: field(key="number", range=models.Range(gte=self.rng.randint(0, 12))),
            lambda: field(key="tags", match=models.MatchValue(value=self.rng.choice("abcd"))),
            lambda: field(key="flag", match=models.MatchValue(value=True)),
            lambda: models.HasIdCondition(has_id=self.rng.sample(range(COUNT), 180)),
            lambda: models.HasVectorCondition(has_vector="code"),
        ])()

    def filter(self, alternatives=True):
        roll = self.rng.random() * (1 if alternatives else 0.75)
        if roll < 0.4:
            return None
        if roll < 0.6:
            return models.Filter(must=[self.condition()])
        if roll < 0.75:
            return models.Filter(must_not=[self.condition()])
        return models.Filter(should=[self.condition(), self.condition()])

    # Queries whose scores tell rows apart. Over prefetches feedback is given on vectors alone: the local mode leaves its points out of
    # the result only, the server also out of what the prefetches count.
    def ranking(self, name, over_prefetches=False):
        feedback = self.vector if over_prefetches else self.example
        return self.rng.choice([
            lambda: self.vector(name),
            lambda: self.rng.randint(0, 49),
            lambda: models.NearestQuery(nearest=self.example(name)),
            lambda: models.RecommendQuery(recommend=models.RecommendInput(positive=self.examples(name, 1), negative=self.examples(name, 0))),
            lambda: models.RecommendQuery(recommend=models.RecommendInput(
                positive=self.examples(name, 1), negative=self.examples(name, 0), strategy=models.RecommendStrategy.SUM_SCORES)),
            lambda: models.RecommendQuery(recommend=models.RecommendInput(
                negative=self.examples(name, 1), strategy=models.RecommendStrategy.BEST_SCORE)),
            lambda: models.RecommendQuery(recommend=models.RecommendInput(
                positive=self.examples(name, 1), negative=self.examples(name, 1), strategy=models.RecommendStrategy.BEST_SCORE)),
            lambda: models.DiscoverQuery(discover=models.DiscoverInput(target=self.example(name), context=[self.pair(name)])),
            lambda: models.DiscoverQuery(discover=models.DiscoverInput(target=self.example(name), context=[self.pair(name), self.pair(name)])),
            lambda: models.RelevanceFeedbackQuery(relevance_feedback=models.RelevanceFeedbackInput(
                target=feedback(name), feedback=[models.FeedbackItem(example=feedback(name), score=self.rng.random()) for _ in range(3)],
                strategy=models.NaiveFeedbackStrategy(naive=models.NaiveFeedbackStrategyParams(a=0.8, b=1.2, c=0.4)))),
        ])()

    # A stage whose order is certain, with all its rows where `limit` is the number of points.
    def prefetch(self, depth, limit=None):
        name = self.rng.choice(list(SIZES))
        nested = [self.prefetch(depth - 1) for _ in range(self.rng.randint(1, 2))] if depth > 0 else None
        # Alternatives of a stage join those of the stages below; the local mode then asks its own once more, the server does not.
        return models.Prefetch(prefetch=nested, query=self.ranking(name, bool(nested)), using=name, filter=self.filter(alternatives=not nested),
                               limit=limit or self.rng.randint(5, 80))

    def merging(self, sources):
        """A query over prefetches, and the vector that it is of."""
        name = self.rng.choice(list(SIZES))
        return self.rng.choice([
            lambda: (models.FusionQuery(fusion=models.Fusion.RRF), None),
            lambda: (models.RrfQuery(rrf=models.Rrf(k=self.rng.randint(1, 60), weights=[self.rng.uniform(0.5, 3) for _ in range(sources)])), None),
            lambda: (models.FusionQuery(fusion=models.Fusion.DBSF), None),
            lambda: (models.FormulaQuery(formula=self.expression(sources, 2), defaults={"sometimes": 2}), None),
            lambda: (self.ranking(name, True), name),
        ])()

    def expression(self, sources, depth):
        if depth == 0:
            return self.rng.choice([lambda: round(self.rng.uniform(-3, 3), 3), lambda: "$score", lambda: "rate", lambda: "number", lambda: "sometimes",
                                    lambda: f"$score[{self.rng.randrange(sources + 1)}]", self.condition])()

        def part():
            return self.expression(sources, depth - 1)

        def decay():
            return models.DecayParamsExpression(x=part(), target=self.rng.choice([None, 0.5]), scale=round(self.rng.uniform(0.5, 4), 2),
                                                midpoint=round(self.rng.uniform(0.1, 0.9), 2))

        return self.rng.choice([
            lambda: models.SumExpression(sum=[part(), part(), "unique"]),
            lambda: models.SumExpression(sum=[part(), "$score"]),
            lambda: models.MultExpression(mult=[part(), part()]),
            lambda: models.NegExpression(neg=part()),
            lambda: models.AbsExpression(abs=part()),
            lambda: models.MaxExpression(max=[part(), part()]),
            lambda: models.MinExpression(min=[part(), part()]),
            lambda: models.DivExpression(div=models.DivParams(left=part(), right=part(), by_zero_default=1.5)),
            lambda: models.SqrtExpression(sqrt=models.AbsExpression(abs=part())),
            lambda: models.PowExpression(pow=models.PowParams(base=models.AbsExpression(abs=part()), exponent=2)),
            lambda: models.LnExpression(ln=models.SumExpression(sum=[1.5, models.AbsExpression(abs=part())])),
            lambda: models.Log10Expression(log10=models.SumExpression(sum=[0.5, models.AbsExpression(abs=part())])),
            lambda: models.ExpExpression(exp=models.MinExpression(min=[part(), 3.0])),
            lambda: models.LinDecayExpression(lin_decay=decay()),
            lambda: models.ExpDecayExpression(exp_decay=decay()),
            lambda: models.GaussDecayExpression(gauss_decay=decay()),
            lambda: models.MultExpression(mult=[1e-6, models.GeoDistance(geo_distance=models.GeoDistanceParams(
                origin=models.GeoPoint(lat=10, lon=20), to="place"))]),
            lambda: models.MultExpression(mult=[1e-7, models.SumExpression(sum=[
                models.DatetimeKeyExpression(datetime_key="at"), models.NegExpression(neg=models.DatetimeExpression(datetime="2024-06-01T00:00:00Z"))])]),
        ])()


class Compared(unittest.TestCase):
    """Two clients; `self.both(call)` gives both answers, which must agree on being errors."""

    def both(self, call):
        answers = []
        for client in (self.remote, self.local):
            try:
                answers.append(call(client))
            except (UnexpectedResponse, ValueError) as error:
                answers.append(error)
        ours, theirs = answers
        self.assertEqual(isinstance(ours, Exception), isinstance(theirs, Exception), f"ours: {ours}\ntheirs: {theirs}")
        if isinstance(ours, UnexpectedResponse):
            self.assertEqual(ours.status_code, 400)
        return answers

    def assert_same_points(self, ours, theirs, context):
        if isinstance(ours, Exception):
            return
        self.assertEqual(len(ours), len(theirs), context)
        np.testing.assert_allclose([hit.score for hit in ours], [hit.score for hit in theirs], rtol=2e-4, atol=2e-5, err_msg=context)
        scores = [hit.score for hit in theirs]
        for i, (mine, other) in enumerate(zip(ours, theirs)):
            alone = all(abs(score - scores[i]) > 1e-4 * (1 + abs(score)) for j, score in enumerate(scores) if j != i)
            if alone and i + 1 < len(scores):
                self.assertEqual(mine.id, other.id, context)
            if mine.id == other.id:
                self.assertEqual(mine.payload, other.payload, context)


class QueryLanguage(Compared):
    @classmethod
    def setUpClass(cls):
        cls.remote, cls.local = QdrantClient(URL, timeout=60), QdrantClient(":memory:")
        rng, np_rng = random.Random(SEED), np.random.default_rng(SEED)
        points = []
        for i in range(COUNT):
            names = list(SIZES) if i < 50 or rng.random() < 0.9 else rng.sample(list(SIZES), 2)
            points.append(models.PointStruct(id=i, payload=payload_of(rng, i), vector={
                name: np_rng.normal(size=SIZES[name]).round(3).tolist() for name in names}))
        for client in (cls.remote, cls.local):
            client.delete_collection(NAME)
            client.create_collection(NAME, {name: models.VectorParams(size=SIZES[name], distance=DISTANCES[name]) for name in SIZES})
            client.upload_points(NAME, points, wait=True)
        for key, schema in {"number": "integer", "rate": "float", "at": "datetime", "city": "keyword", "flag": "bool", "tags": "keyword",
                            "unique": "integer"}.items():
            cls.remote.create_payload_index(NAME, key, models.PayloadSchemaType(schema), wait=True)

    @classmethod
    def tearDownClass(cls):
        cls.remote.delete_collection(NAME)

    def assert_same_query(self, **request):
        ours, theirs = self.both(lambda client: client.query_points(NAME, **request).points)
        self.assert_same_points(ours, theirs, str(request))

    def test_rankings_of_every_kind(self):
        queries = Queries(1)
        for _ in range(120):
            name = queries.rng.choice(list(SIZES))
            self.assert_same_query(query=queries.ranking(name), using=name, query_filter=queries.filter(), limit=queries.rng.randint(1, 40),
                                   offset=queries.rng.choice([0, 0, 3]), with_payload=queries.rng.random() < 0.5)

    def test_contexts(self):
        queries = Queries(2)
        for _ in range(30):
            name = queries.rng.choice(list(SIZES))
            query = models.ContextQuery(context=[queries.pair(name) for _ in range(queries.rng.randint(1, 3))])
            self.assert_same_query(query=query, using=name, query_filter=queries.filter(), limit=COUNT)

    def test_thresholds(self):
        queries = Queries(3)
        for _ in range(40):
            name = queries.rng.choice(list(SIZES))
            query = queries.ranking(name)
            scores = [hit.score for hit in self.local.query_points(NAME, query=query, using=name, limit=30).points]
            self.assert_same_query(query=query, using=name, limit=30, score_threshold=(scores[9] + scores[10]) / 2)

    def test_diversity(self):
        queries = Queries(4)
        for _ in range(40):
            name = queries.rng.choice(list(SIZES))
            mmr = models.Mmr(diversity=queries.rng.choice([None, 0.0, 0.2, 0.7, 1.0]), candidates_limit=queries.rng.choice([None, 25, 100]))
            request = dict(query=models.NearestQuery(nearest=queries.example(name), mmr=mmr), using=name, query_filter=queries.filter(),
                           limit=queries.rng.randint(1, 15))
            ours, theirs = self.both(lambda client: client.query_points(NAME, **request).points)
            self.assertEqual([hit.id for hit in ours], [hit.id for hit in theirs], request)
            np.testing.assert_allclose([hit.score for hit in ours], [hit.score for hit in theirs], rtol=2e-4, atol=2e-5)

    def test_trees(self):
        queries = Queries(5)
        for _ in range(120):
            prefetch = [queries.prefetch(queries.rng.randint(0, 2)) for _ in range(queries.rng.randint(1, 3))]
            query, name = queries.merging(len(prefetch))
            self.assert_same_query(prefetch=prefetch, query=query, using=name, query_filter=queries.filter(alternatives=False), limit=queries.rng.randint(1, 50),
                                   with_payload=queries.rng.random() < 0.3)

    def test_batches_are_the_same_as_single_queries(self):
        queries = Queries(6)
        requests = []
        for _ in range(12):
            name = queries.rng.choice(list(SIZES))
            prefetch = [queries.prefetch(1)] if queries.rng.random() < 0.5 else None
            requests.append(models.QueryRequest(prefetch=prefetch, query=queries.ranking(name, bool(prefetch)), using=name, filter=queries.filter(not prefetch), limit=20))
        ours, theirs = self.both(lambda client: client.query_batch_points(NAME, requests))
        for mine, other in zip(ours, theirs, strict=True):
            self.assert_same_points(mine.points, other.points, "batch")

    def test_orders(self):
        queries = Queries(7)
        for _ in range(40):
            key = queries.rng.choice(["number", "rate", "at", "unique"])
            start = {"number": queries.rng.randint(0, 30), "rate": 0.4, "at": "2024-05-17T00:00:00Z", "unique": 99}[key]
            order = models.OrderBy(key=key, direction=queries.rng.choice(list(models.Direction)), start_from=queries.rng.choice([None, start]))
            condition = queries.filter()
            ours, theirs = self.both(lambda client: client.scroll(NAME, condition, limit=25, order_by=order)[0])
            self.assertEqual([point.order_value for point in ours], [point.order_value for point in theirs], order)
            ours, theirs = self.both(lambda client: client.query_points(NAME, query=models.OrderByQuery(order_by=order), query_filter=condition).points)
            self.assertEqual([(hit.score, hit.order_value) for hit in ours], [(hit.score, hit.order_value) for hit in theirs], order)

    def test_no_query_lists_by_id(self):
        ours, theirs = self.both(lambda client: client.query_points(NAME, limit=12, offset=5, with_payload=True).points)
        self.assertEqual([(hit.id, hit.score, hit.payload) for hit in ours], [(hit.id, hit.score, hit.payload) for hit in theirs])

    def test_samples_are_random_and_allowed(self):
        wanted = models.Filter(must=[models.FieldCondition(key="flag", match=models.MatchValue(value=True))])
        sample = models.SampleQuery(sample=models.Sample.RANDOM)
        draws = [tuple(hit.id for hit in self.remote.query_points(NAME, sample, query_filter=wanted, limit=20, with_payload=True).points) for _ in range(5)]
        allowed = {point.id for point in self.remote.scroll(NAME, wanted, limit=COUNT)[0]}
        self.assertGreater(len(set(draws)), 1)
        for draw in draws:
            self.assertEqual(len(set(draw)), 20)
            self.assertLessEqual(set(draw), allowed)

    def test_groups(self):
        queries = Queries(8)
        for _ in range(40):
            name = queries.rng.choice(list(SIZES))
            prefetch = [queries.prefetch(0, COUNT), queries.prefetch(0, COUNT)] if queries.rng.random() < 0.4 else None
            query, using = queries.merging(2) if prefetch else (queries.ranking(name), name)
            # Points without the key take no part in prefetches, as on the server; the local mode ranks them too.
            keys = ["city", "number", "rate", "place"] if prefetch else ["city", "number", "tags", "tags[]", "rate", "place"]
            request = dict(query=query, prefetch=prefetch, using=using, group_by=queries.rng.choice(keys),
                           limit=queries.rng.randint(1, 8), group_size=queries.rng.randint(1, 5), query_filter=queries.filter(not prefetch), with_payload=True)
            ours, theirs = self.both(lambda client: client.query_points_groups(NAME, **request).groups)
            if isinstance(ours, Exception):
                continue
            self.assertEqual(len(ours), len(theirs), request)
            for mine, other in zip(ours, theirs):
                np.testing.assert_allclose(mine.hits[0].score, other.hits[0].score, rtol=2e-4, atol=2e-5)
                if mine.id == other.id:
                    self.assert_same_points(mine.hits, other.hits, str(request))

    def test_groups_with_lookup(self):
        other = NAME + "-cities"
        for client in (self.remote, self.local):
            client.delete_collection(other)
            client.create_collection(other, models.VectorParams(size=2, distance=models.Distance.DOT))
            client.upsert(other, [models.PointStruct(id=i, vector=[i, 1], payload={"name": f"number {i}"}) for i in range(0, 30, 2)], wait=True)
        vector = Queries(9).vector("text")
        for lookup in (other, models.WithLookup(collection=other, with_payload=False, with_vectors=True)):
            ours, theirs = self.both(lambda client: client.query_points_groups(NAME, query=vector, using="text", group_by="number", limit=10,
                                                                               with_lookup=lookup).groups)
            self.assertEqual([(group.id, group.lookup) for group in ours], [(group.id, group.lookup) for group in theirs])
        self.remote.delete_collection(other)

    def test_lookups_from_another_collection(self):
        other = NAME + "-examples"
        queries = Queries(10)
        vectors = [queries.vector("text") for _ in range(5)]
        for client in (self.remote, self.local):
            client.delete_collection(other)
            client.create_collection(other, {"other": models.VectorParams(size=SIZES["text"], distance=models.Distance.DOT)})
            client.upsert(other, [models.PointStruct(id=i, vector={"other": vector}) for i, vector in enumerate(vectors)], wait=True)
        lookup = models.LookupLocation(collection=other, vector="other")
        for query in (2, models.RecommendQuery(recommend=models.RecommendInput(positive=[0, 1], negative=[3]))):
            self.assert_same_query(query=query, using="text", lookup_from=lookup, limit=30)
            prefetch = models.Prefetch(query=query, using="text", lookup_from=lookup, limit=20)
            self.assert_same_query(prefetch=prefetch, query=models.FusionQuery(fusion=models.Fusion.RRF), limit=15)
        self.remote.delete_collection(other)

    def test_facets(self):
        queries = Queries(11)
        for _ in range(15):
            key, condition, limit = queries.rng.choice(["city", "number", "flag", "tags"]), queries.filter(), queries.rng.randint(1, 40)
            ours, theirs = self.both(lambda client: client.facet(NAME, key, facet_filter=condition, limit=limit).hits)
            self.assertEqual([hit.count for hit in ours], [hit.count for hit in theirs])
            if len(theirs) < limit:
                self.assertEqual({hit.value for hit in ours}, {hit.value for hit in theirs})

    def test_distance_matrices(self):
        queries = Queries(12)
        for _ in range(12):
            name = queries.rng.choice(list(SIZES))
            wanted = models.Filter(must=[models.HasIdCondition(has_id=queries.rng.sample(range(COUNT), 12))])
            request = dict(query_filter=wanted, sample=50, limit=queries.rng.randint(1, 5), using=name)
            ours, theirs = self.both(lambda client: client.search_matrix_pairs(NAME, **request).pairs)
            self.assertEqual([(pair.a, pair.b) for pair in ours], [(pair.a, pair.b) for pair in theirs])
            np.testing.assert_allclose([pair.score for pair in ours], [pair.score for pair in theirs], rtol=2e-4, atol=2e-5)
            ours, theirs = self.both(lambda client: client.search_matrix_offsets(NAME, **request))
            self.assertEqual((ours.offsets_row, ours.offsets_col, ours.ids), (theirs.offsets_row, theirs.offsets_col, theirs.ids))


class Kinds(Compared):
    """The same of sparse vectors and multivectors, and trees over all kinds."""

    name = "query-kinds"

    @classmethod
    def setUpClass(cls):
        cls.remote, cls.local = QdrantClient(URL, timeout=60), QdrantClient(":memory:")
        cls.rng, cls.np_rng = random.Random(SEED), np.random.default_rng(SEED)
        points = [models.PointStruct(id=i, payload={"number": i % 7}, vector={"dense": cls.vector("dense"), "words": cls.vector("words"),
                                                                              "tokens": cls.vector("tokens")}) for i in range(150)]
        for client in (cls.remote, cls.local):
            client.delete_collection(cls.name)
            client.create_collection(
                cls.name, sparse_vectors_config={"words": models.SparseVectorParams()},
                vectors_config={"dense": models.VectorParams(size=8, distance=models.Distance.COSINE),
                                "tokens": models.VectorParams(size=4, distance=models.Distance.DOT, multivector_config=models.MultiVectorConfig(
                                    comparator=models.MultiVectorComparator.MAX_SIM))})
            client.upload_points(cls.name, points, wait=True)

    @classmethod
    def tearDownClass(cls):
        cls.remote.delete_collection(cls.name)

    @classmethod
    def vector(cls, name):
        if name == "words":
            indices = sorted(cls.rng.sample(range(30), cls.rng.randint(4, 12)))
            return models.SparseVector(indices=indices, values=cls.np_rng.normal(size=len(indices)).round(3).tolist())
        if name == "tokens":
            return cls.np_rng.normal(size=(cls.rng.randint(1, 4), 4)).round(3).tolist()
        return cls.np_rng.normal(size=8).round(3).tolist()

    def example(self, name):
        return self.rng.randint(0, 149) if self.rng.random() < 0.5 else self.vector(name)

    def ranking(self, name):
        recommend, strategies = models.RecommendInput, list(models.RecommendStrategy)
        return self.rng.choice([
            lambda: models.NearestQuery(nearest=self.example(name)),
            lambda: models.RecommendQuery(recommend=recommend(positive=[self.example(name), self.example(name)], negative=[self.example(name)],
                                                              strategy=self.rng.choice(strategies))),
            lambda: models.DiscoverQuery(discover=models.DiscoverInput(target=self.example(name), context=[
                models.ContextPair(positive=self.example(name), negative=self.example(name))])),
        ])()

    def assert_same_query(self, **request):
        ours, theirs = self.both(lambda client: client.query_points(self.name, **request).points)
        self.assert_same_points(ours, theirs, str(request))

    def test_rankings(self):
        for _ in range(60):
            name = self.rng.choice(["dense", "words", "tokens"])
            self.assert_same_query(query=self.ranking(name), using=name, limit=self.rng.randint(1, 30))

    def test_hybrid_trees(self):
        for _ in range(40):
            names = self.rng.sample(["dense", "words", "tokens"], 2)
            # Rows that share no index with a sparse target tie, and fusion would count the order of ties.
            queries = [self.vector(name) if name == "words" else self.ranking(name) for name in names]
            prefetch = [models.Prefetch(query=query, using=name, limit=self.rng.randint(5, 40)) for name, query in zip(names, queries)]
            name = self.rng.choice(["dense", "tokens"])
            query, using = self.rng.choice([(models.FusionQuery(fusion=models.Fusion.RRF), None), (models.FusionQuery(fusion=models.Fusion.DBSF), None),
                                            (self.ranking(name), name)])
            self.assert_same_query(prefetch=prefetch, query=query, using=using, limit=20)

    def test_diverse(self):
        for _ in range(30):
            name = self.rng.choice(["dense", "words", "tokens"])
            query = models.NearestQuery(nearest=self.vector(name), mmr=models.Mmr(diversity=0.4, candidates_limit=30))
            ours, theirs = self.both(lambda client: client.query_points(self.name, query=query, using=name, limit=8).points)
            self.assertEqual([hit.id for hit in ours], [hit.id for hit in theirs], query)

    def test_matrices(self):
        wanted = models.Filter(must=[models.HasIdCondition(has_id=list(range(12)))])
        for name in ("words", "tokens"):
            request = dict(query_filter=wanted, sample=50, limit=3, using=name)
            ours, theirs = self.both(lambda client: client.search_matrix_pairs(self.name, **request).pairs)
            np.testing.assert_allclose([pair.score for pair in ours], [pair.score for pair in theirs], rtol=2e-4, atol=2e-5, err_msg=name)


class Refusals(unittest.TestCase):
    """What Qdrant answers to wrong queries: status and text."""

    def setUp(self):
        self.remote = QdrantClient(URL, timeout=60)
        self.remote.delete_collection("refusals")
        self.remote.create_collection("refusals", models.VectorParams(size=2, distance=models.Distance.DOT))
        self.remote.upsert("refusals", [models.PointStruct(id=1, vector=[1, 0])], wait=True)

    def tearDown(self):
        self.remote.delete_collection("refusals")

    def assert_refused(self, status, text, **request):
        with self.assertRaises(UnexpectedResponse) as caught:
            self.remote.query_points("refusals", **request)
        self.assertEqual(caught.exception.status_code, status)
        self.assertIn(text, caught.exception.content.decode())

    def test_status_and_text(self):
        fusion = models.FusionQuery(fusion=models.Fusion.RRF)
        nearest = models.Prefetch(query=[1.0, 2.0])
        order = models.OrderByQuery(order_by="x")
        self.assert_refused(400, "A query is needed to merge the prefetches", prefetch=nearest)
        self.assert_refused(400, "Fusion queries cannot be combined with the 'using' field.", prefetch=nearest, query=fusion, using="x")
        self.assert_refused(400, "without prefetches", query=fusion)
        self.assert_refused(400, "A query is needed to use the score_threshold.", score_threshold=1)
        self.assert_refused(400, "Can't use score_threshold with an order_by query.", query=order, score_threshold=1)
        self.assert_refused(400, 'Index required but not found for \\"x\\"', query=order)
        self.assert_refused(404, "No point with id 7 found", query=models.RecommendQuery(recommend=models.RecommendInput(positive=[1, 7])))
        self.assert_refused(404, "Collection nowhere not found", query=1, lookup_from=models.LookupLocation(collection="nowhere"))
        self.assert_refused(400, "Not existing vector name error: x", query=1, lookup_from=models.LookupLocation(collection="refusals", vector="x"))
        self.assert_refused(400, "Vector dimension error: expected dim: 2, got 3", prefetch=nearest, query=[1.0, 2.0, 3.0])
        self.assert_refused(422, "At least one positive", query=models.RecommendQuery(recommend=models.RecommendInput(negative=[1])))
        self.assert_refused(400, "No value found for x", prefetch=nearest, query=models.FormulaQuery(formula="x"))
        self.assert_refused(400, "non-finite", prefetch=nearest, query=models.FormulaQuery(formula=models.LnExpression(ln=0.0)))

    def test_facets_need_an_index(self):
        with self.assertRaises(UnexpectedResponse) as caught:
            self.remote.facet("refusals", "k")
        self.assertEqual(caught.exception.status_code, 400)
        self.assertIn("Index required but not found", str(caught.exception))


unittest.main(verbosity=1)
