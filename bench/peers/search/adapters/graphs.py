"""Graph libraries: rabitqlib, scalable-vs, hnswlib, usearch."""

import numpy as np

from adapters import K, Peer, spread
from adapters.rescoring import Rescorer, sign_bits

# From a beam as short as k to one that finds nearly everything.
BEAMS = (16, 32, 50, 64, 80, 100, 130, 160, 200, 250, 300, 400, 600, 800)


class SymphonyQG(Peer):
    """Each vertex holds its vector, and the ids, 1-bit codes and factors of its neighbours."""

    library = "rabitqlib"

    def __init__(self, folder, degree, bits=0):
        super().__init__(folder)
        self.degree, self.bits = degree, bits

    def build(self, vectors):
        import rabitqlib
        self.index = rabitqlib.SymqgIndex(vectors.shape[1], self.degree, metric="l2", quantization_bits=self.bits)
        self.index.build(np.ascontiguousarray(vectors), 200, num_threads=1)

    def settings(self):
        return spread("ef", *BEAMS)

    def searcher(self, setting):
        search, ef = self.index.search, setting["ef"]
        return lambda query: search(query, K, ef)[0][0]

    def bytes_per_vector(self, count, dim):
        padded = -(-dim // 64) * 64
        own = padded * self.bits // 8 + 12 if self.bits else dim * 4
        return own + self.degree * (4 + padded // 8 + 12)


class RaBitQHnsw(Peer):
    """HNSW whose vectors are RaBitQ codes about the nearest of 16 centroids; no floats."""

    library = "rabitqlib"

    def __init__(self, folder, degree, bits):
        super().__init__(folder)
        self.degree, self.bits = degree, bits

    def build(self, vectors):
        import rabitqlib
        vectors = np.ascontiguousarray(vectors)
        clusters = rabitqlib.RaBitQKMeans(vectors.shape[1], 16)
        clusters.train(vectors)
        # Room for the rows that updates insert: removed ones keep their place.
        self.index = rabitqlib.HnswIndex(vectors.shape[1], 2 * len(vectors), M=self.degree, ef_construction=200, nbits=self.bits)
        self.index.build(vectors, clusters.centroids, clusters.assignments.astype(np.uint32))
        self.rows = np.arange(2 * len(vectors))

    def settings(self):
        return spread("ef", *BEAMS)

    def searcher(self, setting):
        search, ef, rows = self.index.search, setting["ef"], self.rows
        return lambda query: rows[search(query, K, ef)[0][0]]

    def update(self, rows, vectors):
        self.index.remove(rows.astype(np.uint32))
        self.rows[self.index.add(np.ascontiguousarray(vectors))] = rows

    def bytes_per_vector(self, count, dim):
        return dim * self.bits // 8 + 24 + self.degree * 2 * 4 + 8


class Vamana(Peer):
    """storage: "float16", or the bits of LVQ's two levels."""

    library = "svs"

    def __init__(self, folder, storage):
        super().__init__(folder)
        self.storage = storage

    def parameters(self):
        import svs
        return svs.VamanaBuildParameters(graph_max_degree=32, window_size=200)

    def data(self, vectors):
        import svs
        if self.storage == "float16":
            return np.ascontiguousarray(vectors, dtype=np.float16)
        file = str(self.folder / "vectors.fvecs")
        svs.write_vecs(np.ascontiguousarray(vectors), file)
        return svs.LVQLoader(svs.VectorDataLoader(file, svs.DataType.float32, dims=vectors.shape[1]), primary=self.storage[0],
                             residual=self.storage[1], strategy=svs.LVQStrategy.Auto)

    def build(self, vectors):
        import svs
        self.index = svs.Vamana.build(self.parameters(), self.data(vectors), svs.DistanceType.MIP, num_threads=1)

    def settings(self):
        return spread("window", *BEAMS)

    def searcher(self, setting):
        self.index.search_window_size = setting["window"]
        search = self.index.search
        return lambda query: search(query, K)[0][0]

    def bytes_per_vector(self, count, dim):
        own = 2 * dim if self.storage == "float16" else sum(self.storage) * dim // 8 + 12
        return own + 32 * 4


class DynamicVamana(Vamana):
    """The form of it that takes deletions; it is offered for floats."""

    def __init__(self, folder):
        super().__init__(folder, "float32")

    def build(self, vectors):
        import svs
        self.index = svs.DynamicVamana.build(self.parameters(), np.ascontiguousarray(vectors), np.arange(len(vectors), dtype=np.uint64),
                                             svs.DistanceType.MIP, num_threads=1)

    def update(self, rows, vectors):
        rows = rows.astype(np.uint64)
        self.index.delete(rows)
        self.index.consolidate()
        self.index.add(np.ascontiguousarray(vectors), rows)

    def bytes_per_vector(self, count, dim):
        return 4 * dim + 33 * 4


class Hnswlib(Peer):
    library = "hnswlib"

    def __init__(self, folder, degree):
        super().__init__(folder)
        self.degree = degree

    def build(self, vectors):
        import hnswlib
        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(max_elements=len(vectors), ef_construction=200, M=self.degree, allow_replace_deleted=True)
        self.index.set_num_threads(1)
        self.index.add_items(vectors, num_threads=1)

    def settings(self):
        return spread("ef", *BEAMS)

    def searcher(self, setting):
        self.index.set_ef(setting["ef"])
        search = self.index.knn_query
        return lambda query: search(query, k=K, num_threads=1)[0][0]

    def update(self, rows, vectors):
        for row in rows:
            self.index.mark_deleted(row)
        self.index.add_items(vectors, rows, num_threads=1, replace_deleted=True)

    def bytes_per_vector(self, count, dim):
        return 4 * dim + 4 * (2 * self.degree + 1) + 8


class Usearch(Peer):
    """kind i8: its own int8. b1: sign bits; the best by Hamming distance are rescored with floats here."""

    library = "usearch.index"

    def __init__(self, folder, kind):
        super().__init__(folder)
        self.kind = kind

    def stored(self, vectors):
        return sign_bits(vectors) if self.kind == "b1" else np.asarray(vectors)

    def build(self, vectors):
        from usearch.index import Index
        metric = "hamming" if self.kind == "b1" else "cos"
        self.index = Index(ndim=vectors.shape[1], metric=metric, dtype=self.kind, connectivity=16, expansion_add=128)
        self.index.add(np.arange(len(vectors)), self.stored(vectors), threads=1)
        self.rescorer = Rescorer(vectors)

    def settings(self):
        if self.kind == "b1":
            return [{"candidates": count, "expansion": max(count, expansion)}
                    for count, expansion in ((100, 100), (200, 200), (400, 400), (400, 600), (800, 800), (1600, 1600))]
        return spread("expansion", *BEAMS)

    def searcher(self, setting):
        self.index.expansion_search = setting["expansion"]
        search = self.index.search
        if self.kind != "b1":
            return lambda query: search(query[0], K, threads=1).keys
        count, best = setting["candidates"], self.rescorer.best
        return lambda query: best(query, search(sign_bits(query)[0], count, threads=1).keys.astype(np.int64), K)

    def update(self, rows, vectors):
        self.index.remove(rows, threads=1)
        self.index.add(rows, self.stored(vectors), threads=1)

    def bytes_per_vector(self, count, dim):
        return (dim // 8 if self.kind == "b1" else dim) + 4 * (2 * 16 + 1) + 8
