"""faiss, ScaNN and turbovec: inverted lists, flat scans, and faiss's graphs."""

import numpy as np

from adapters import K, Peer, spread
from adapters.graphs import BEAMS
from adapters.rescoring import Rescorer, sign_bits


def list_count(count):
    """About four times the square root, as faiss advises; 1,258 for 99,000."""
    return int(4 * count ** 0.5)


def probes(lists):
    return sorted({max(1, min(lists, round(lists * share))) for share in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1)})


class FaissHnsw(Peer):
    library = "faiss"

    def __init__(self, folder, factory):
        super().__init__(folder)
        self.factory = factory

    def build(self, vectors):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.index_factory(vectors.shape[1], self.factory, faiss.METRIC_INNER_PRODUCT)
        self.index.hnsw.efConstruction = 100
        vectors = np.ascontiguousarray(vectors)
        self.index.train(vectors[:100_000])
        self.index.add(vectors)

    def settings(self):
        return spread("ef", *BEAMS)

    def searcher(self, setting):
        self.index.hnsw.efSearch = setting["ef"]
        search = self.index.search
        return lambda query: search(query, K)[1][0]

    def bytes_per_vector(self, count, dim):
        return dim + 2 * 32 * 4


class FaissRefined(Peer):
    """First codes (in lists, or flat), then the best of them by an 8-bit scalar quantizer."""

    library = "faiss"

    def __init__(self, folder, first, flat=False):
        super().__init__(folder)
        self.first, self.flat = first, flat

    def build(self, vectors):
        import faiss
        faiss.omp_set_num_threads(1)
        self.faiss = faiss
        vectors = np.ascontiguousarray(vectors)
        self.lists = 0 if self.flat else list_count(len(vectors))
        lists = f"IVF{self.lists}," if self.lists else ""
        self.index = faiss.index_factory(vectors.shape[1], f"{lists}{self.first},Refine(SQ8)", faiss.METRIC_INNER_PRODUCT)
        self.index.train(vectors[:max(100_000, 40 * self.lists)])
        self.index.add(vectors)

    def settings(self):
        factors = (5, 10, 20, 40)
        if not self.lists:
            return spread("k_factor", *factors, 80)
        return [{"nprobe": count, "k_factor": factor} for count in probes(self.lists) for factor in factors[1:]]

    def searcher(self, setting):
        parameters = None
        self.index.k_factor = setting["k_factor"]
        if self.lists:
            self.faiss.extract_index_ivf(self.index.base_index).nprobe = setting["nprobe"]
        search = self.index.search
        return lambda query: search(query, K, params=parameters)[1][0]

    def bytes_per_vector(self, count, dim):
        first = dim // 8 + 8 if self.first.startswith("RaBitQ") else 192 // 2
        return first + (8 if self.lists else 0) + dim


class FaissBinary(Peer):
    """Sign bits by Hamming distance; the best are rescored with floats here."""

    library = "faiss"

    def __init__(self, folder, graph):
        super().__init__(folder)
        self.graph = graph

    def build(self, vectors):
        import faiss
        faiss.omp_set_num_threads(1)
        dim = vectors.shape[1]
        self.index = faiss.IndexBinaryHNSW(dim, 16) if self.graph else faiss.IndexBinaryFlat(dim)
        self.index.add(sign_bits(vectors))
        self.rescorer = Rescorer(vectors)

    def settings(self):
        return spread("candidates", 50, 100, 200, 400, 800, 1600)

    def searcher(self, setting):
        count, search, best = setting["candidates"], self.index.search, self.rescorer.best
        if self.graph:
            self.index.hnsw.efSearch = count
        return lambda query: best(query, search(sign_bits(query), count)[1][0], K)

    def bytes_per_vector(self, count, dim):
        return dim // 8 + (2 * 16 * 4 if self.graph else 0)


class FaissFlat(Peer):
    library = "faiss"

    def build(self, vectors):
        import faiss
        faiss.omp_set_num_threads(1)
        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(np.ascontiguousarray(vectors))

    def settings(self):
        return [{}]

    def searcher(self, setting):
        search = self.index.search
        return lambda query: search(query, K)[1][0]

    def bytes_per_vector(self, count, dim):
        return 4 * dim


class Scann(Peer):
    """A tree of about sqrt(n) leaves, 4-bit codes of two dimensions each, reordering with floats."""

    library = "scann"

    def __init__(self, folder):
        super().__init__(folder)

    def build(self, vectors):
        from scann import scann_ops_pybind
        vectors = np.ascontiguousarray(vectors)
        self.leaves = int(2 * len(vectors) ** 0.5)
        builder = scann_ops_pybind.builder(vectors, K, "dot_product").set_n_training_threads(1)
        builder = builder.tree(num_leaves=self.leaves, num_leaves_to_search=self.leaves // 10, training_sample_size=100_000)
        builder = builder.score_ah(2, anisotropic_quantization_threshold=0.2).reorder(100)
        self.searched = builder.build(docids=[str(row) for row in range(len(vectors))])

    def settings(self):
        return [{"leaves": leaves, "reorder": reorder} for leaves in probes(self.leaves) for reorder in (40, 100, 200)]

    def searcher(self, setting):
        # Below the wrapper that maps row numbers to names; after updates the names are needed.
        search, leaves, reorder = self.searched.searcher.search, setting["leaves"], setting["reorder"]
        names = np.array(self.searched.docids).astype(np.int64)
        return lambda query: names[search(query[0], K, reorder, leaves)[0]]

    def update(self, rows, vectors):
        names = [str(row) for row in rows]
        self.searched.delete(names)
        self.searched.upsert(names, np.ascontiguousarray(vectors), batch_size=100)

    def bytes_per_vector(self, count, dim):
        return dim // 4 + 4 * dim


class Turbovec(Peer):
    library = "turbovec"

    def __init__(self, folder, bits):
        super().__init__(folder)
        self.bits = bits

    def build(self, vectors):
        from turbovec import IdMapIndex
        vectors = np.ascontiguousarray(vectors)
        self.index = IdMapIndex(dim=vectors.shape[1], bit_width=self.bits)
        self.index.calibrate(vectors[np.random.default_rng(1).choice(len(vectors), min(4096, len(vectors)), replace=False)])
        self.index.add_with_ids(vectors, np.arange(len(vectors), dtype=np.uint64))
        self.index.prepare()
        self.rescorer = Rescorer(vectors)

    def settings(self):
        return spread("candidates", K, 20, 40, 100)

    def searcher(self, setting):
        """With more candidates than K: the best of them by floats."""
        count, search, best = setting["candidates"], self.index.search, self.rescorer.best
        if count == K:
            return lambda query: search(query, K)[1][0]
        return lambda query: best(query, search(query, count)[1][0].astype(np.int64), K)

    def update(self, rows, vectors):
        rows = rows.astype(np.uint64)
        for row in rows:
            self.index.remove(int(row))
        self.index.add_with_ids(np.ascontiguousarray(vectors), rows)
        self.index.prepare()

    def bytes_per_vector(self, count, dim):
        return dim * self.bits // 8 + 4
