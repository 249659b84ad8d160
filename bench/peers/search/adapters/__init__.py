"""The peers behind one contract, and the registry of their forms. A form is a peer with its build parameters; a setting is what changes
from search to search. Importing this imports no peer: a peer that is not installed fails when its form is made."""

import importlib

K = 10

# Form -> (module, class, build parameters). The parameters are those with which each peer came out best, or its defaults.
FORMS = {
    "rabitqlib SymphonyQG, degree 32": ("graphs", "SymphonyQG", {"degree": 32}),
    "rabitqlib SymphonyQG, degree 32, 8-bit vectors": ("graphs", "SymphonyQG", {"degree": 32, "bits": 8}),
    "rabitqlib HNSW 16, 5 bit": ("graphs", "RaBitQHnsw", {"degree": 16, "bits": 5}),
    "scalable-vs Vamana float16": ("graphs", "Vamana", {"storage": "float16"}),
    "scalable-vs Vamana LVQ8": ("graphs", "Vamana", {"storage": (8, 0)}),
    "scalable-vs Vamana LVQ4x8": ("graphs", "Vamana", {"storage": (4, 8)}),
    "scalable-vs dynamic Vamana float32": ("graphs", "DynamicVamana", {}),
    "ScaNN tree + AH + reorder": ("lists", "Scann", {}),
    "faiss HNSW32 SQ8": ("lists", "FaissHnsw", {"factory": "HNSW32,SQ8"}),
    "hnswlib float32, M 16": ("graphs", "Hnswlib", {"degree": 16}),
    "usearch int8": ("graphs", "Usearch", {"kind": "i8"}),
    "usearch b1 + float rescoring": ("graphs", "Usearch", {"kind": "b1"}),
    "Qdrant edge int8 + HNSW + rescoring": ("engines", "QdrantEdge", {"kind": "int8"}),
    "Qdrant edge float32 HNSW": ("engines", "QdrantEdge", {"kind": "float32"}),
    "Qdrant edge binary + HNSW + rescoring": ("engines", "QdrantEdge", {"kind": "binary"}),
    "faiss IVF RaBitQ + SQ8 refine": ("lists", "FaissRefined", {"first": "RaBitQfs"}),
    "faiss IVF PQ4 fast scan + SQ8 refine": ("lists", "FaissRefined", {"first": "PQ192x4fs"}),
    "faiss flat RaBitQ fast scan + SQ8 refine": ("lists", "FaissRefined", {"first": "RaBitQfs", "flat": True}),
    "faiss binary HNSW + float rescoring": ("lists", "FaissBinary", {"graph": True}),
    "faiss flat Hamming + float rescoring": ("lists", "FaissBinary", {"graph": False}),
    "turbovec 4 bit, flat": ("lists", "Turbovec", {"bits": 4}),
    "LanceDB IVF HNSW SQ": ("engines", "LanceDb", {"kind": "hnsw_sq"}),
    "LanceDB IVF RaBitQ + refine": ("engines", "LanceDb", {"kind": "ivf_rq"}),
    "Milvus Lite HNSW": ("engines", "MilvusLite", {"kind": "HNSW"}),
    "faiss float32 flat (exact)": ("lists", "FaissFlat", {}),
}

# What `pip` calls the peers.
PACKAGES = ("faiss-cpu", "hnswlib", "lancedb", "milvus-lite", "qdrant-edge-py", "rabitqlib", "scalable-vs", "scann", "turbovec", "usearch")


class NoUpdates(Exception):
    """The peer cannot delete and insert again without a build."""


class Peer:
    """build() once; then, for each of settings(), searcher() and its calls. One thread in all of them."""

    # What it imports.
    library = ""

    def __init__(self, folder):
        # A folder of this form's own, empty: for peers that want files.
        self.folder = folder

    def load(self):
        """Imports the library, so that the memory of a build is that of its vectors."""
        importlib.import_module(self.library)

    def build(self, vectors):
        """`vectors`: n x dim float32, unit length. Row numbers are the ids."""
        raise NotImplementedError

    def settings(self):
        """Dictionaries, from fast to thorough."""
        raise NotImplementedError

    def searcher(self, setting):
        """A function from a query, 1 x dim float32, to the K row numbers found. What it prepares is not timed; its calls are."""
        raise NotImplementedError

    def update(self, rows, vectors):
        """Deletes these rows and inserts them again, with the same vectors, whatever the peer then needs to be searched well included."""
        raise NoUpdates

    def bytes_per_vector(self, count, dim):
        """By the layout that the peer documents: what a search reads in memory, without the user's own copy of the floats."""
        return None


def make(form, folder):
    module, name, parameters = FORMS[form]
    return getattr(importlib.import_module(f"adapters.{module}"), name)(folder=folder, **parameters)


def spread(kind, *values):
    return [{kind: value} for value in values]
