"""Engines in process: Qdrant's (qdrant-edge-py), LanceDB, Milvus Lite. They keep files; their memory is that of the process."""

import numpy as np

from adapters import K, Peer

BATCH = 1_000


def batches(rows, vectors):
    for begin in range(0, len(rows), BATCH):
        yield rows[begin:begin + BATCH].tolist(), vectors[begin:begin + BATCH]


class QdrantEdge(Peer):
    """HNSW 16/100 as Qdrant's defaults; optimize() builds it. kind int8 and binary rescore with the floats."""

    library = "qdrant_edge"

    def __init__(self, folder, kind):
        super().__init__(folder)
        self.kind = kind

    def quantization(self, edge):
        if self.kind == "int8":
            return edge.ScalarQuantizationConfig(type=edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Pinned)
        if self.kind == "binary":
            return edge.BinaryQuantizationConfig(memory=edge.Memory.Pinned)
        return None

    def build(self, vectors):
        import qdrant_edge as edge
        self.edge = edge
        graph = edge.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10, max_indexing_threads=1, memory=edge.Memory.Pinned)
        config = edge.EdgeConfig(
            vectors=edge.EdgeVectorParams(size=vectors.shape[1], distance=edge.Distance.Dot), hnsw_config=graph,
            quantization_config=self.quantization(edge), max_search_threads=1, wal_enabled=False,
            # One segment: every search then meets one graph.
            optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=100, max_segment_size=100_000_000))
        self.shard = edge.EdgeShard.create(str(self.folder), config)
        self.insert(np.arange(len(vectors)), vectors)

    def insert(self, rows, vectors):
        for numbers, block in batches(rows, vectors):
            points = [self.edge.Point(number, vector) for number, vector in zip(numbers, block.tolist())]
            self.shard.update(self.edge.UpdateOperation.upsert_points(points))
        self.shard.optimize()

    def settings(self):
        beams = (16, 32, 64, 100, 128, 200, 256, 400, 512, 800)
        if self.kind == "float32":
            return [{"hnsw_ef": ef} for ef in beams]
        return [{"hnsw_ef": ef, "oversampling": factor} for factor in ((1, 2, 4) if self.kind == "int8" else (4, 10, 20, 40)) for ef in beams[2::2]]

    def searcher(self, setting):
        edge, search = self.edge, self.shard.search
        quantization = None
        if "oversampling" in setting:
            quantization = edge.QuantizationSearchParams(rescore=True, oversampling=float(setting["oversampling"]))
        params = edge.SearchParams(hnsw_ef=setting["hnsw_ef"], quantization=quantization)
        return lambda query: [point.id for point in search(edge.SearchRequest(edge.Query.Nearest(query[0].tolist()), K, params=params))]

    def update(self, rows, vectors):
        self.shard.update(self.edge.UpdateOperation.delete_points(rows.tolist()))
        self.insert(rows, vectors)

    def bytes_per_vector(self, count, dim):
        code = {"int8": dim, "binary": dim // 8, "float32": 4 * dim}[self.kind]
        return code + 2 * 16 * 4


class LanceDb(Peer):
    """A table in files; the index is read through LanceDB's cache. refine_factor rescored by the floats in the file."""

    library = "lancedb"

    def __init__(self, folder, kind):
        super().__init__(folder)
        self.kind = kind

    def build(self, vectors):
        import lancedb
        from lancedb.index import HnswSq, IvfRq
        self.database = lancedb.connect(str(self.folder))
        self.table = self.database.create_table("vectors", self.arrow(np.arange(len(vectors)), vectors[:]))
        lists = 1 if self.kind == "hnsw_sq" else int(4 * len(vectors) ** 0.5)
        config = HnswSq(distance_type="dot", num_partitions=lists) if lists == 1 else IvfRq(distance_type="dot", num_partitions=lists)
        self.lists = lists
        self.table.create_index("vector", config=config)

    def arrow(self, rows, vectors):
        import pyarrow
        values = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.ascontiguousarray(vectors).reshape(-1)), vectors.shape[1])
        return pyarrow.table({"id": pyarrow.array(rows), "vector": values})

    def settings(self):
        if self.lists == 1:
            return [{"ef": ef, "refine": refine} for ef in (50, 100, 200, 400) for refine in (1, 2)]
        return [{"nprobes": max(1, int(self.lists * share)), "refine": refine} for share in (0.02, 0.1, 0.3) for refine in (10, 40)]

    def searcher(self, setting):
        def search(query):
            asked = self.table.search(query[0]).distance_type("dot").limit(K).select(["id"]).refine_factor(setting["refine"])
            asked = asked.ef(setting["ef"]) if "ef" in setting else asked.nprobes(setting["nprobes"])
            return asked.to_arrow()["id"].to_numpy()
        return search

    def update(self, rows, vectors):
        for numbers, _ in batches(rows, vectors):
            self.table.delete(f"id IN ({','.join(map(str, numbers))})")
        self.table.add(self.arrow(rows, vectors))
        self.table.optimize()


class MilvusLite(Peer):
    """The pure-Python engine on faiss, through its own class: no gRPC between."""

    library = "milvus_lite"

    def __init__(self, folder, kind):
        super().__init__(folder)
        self.kind = kind

    def build(self, vectors):
        import faiss
        import milvus_lite
        faiss.omp_set_num_threads(1)
        types, dim = milvus_lite.DataType, vectors.shape[1]
        fields = [milvus_lite.FieldSchema(name="id", dtype=types.INT64, is_primary=True),
                  milvus_lite.FieldSchema(name="vector", dtype=types.FLOAT_VECTOR, dim=dim)]
        self.database = milvus_lite.MilvusLite(str(self.folder))
        self.collection = self.database.create_collection("vectors", milvus_lite.CollectionSchema(fields=fields))
        self.insert(np.arange(len(vectors)), vectors)
        self.collection.create_index("vector", {"index_type": self.kind, "metric_type": "IP", "params": {"M": 16, "efConstruction": 200}})
        self.collection.load()

    def insert(self, rows, vectors):
        for numbers, block in batches(rows, vectors):
            self.collection.insert([{"id": number, "vector": vector} for number, vector in zip(numbers, block.tolist())])
        self.collection.flush()

    def settings(self):
        return [{"ef": ef} for ef in (32, 64, 128, 256)]

    def searcher(self, setting):
        search, parameters = self.collection.search, {"ef": setting["ef"]}
        return lambda query: [hit["id"] for hit in search([query[0].tolist()], top_k=K, metric_type="IP", output_fields=[],
                                                          search_params=parameters)[0]]

    def update(self, rows, vectors):
        self.collection.delete(rows.tolist())
        self.insert(rows, vectors)
