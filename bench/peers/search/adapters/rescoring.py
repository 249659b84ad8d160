"""Sign bits, and the rescoring of candidates with floats that peers without one leave to their users: in numpy."""

import numpy as np


def sign_bits(vectors):
    return np.packbits(vectors > 0, axis=1)


class Rescorer:
    """Holds the floats, as the user of such a peer would."""

    def __init__(self, vectors):
        self.vectors = vectors

    def best(self, query, rows, k):
        rows = rows[rows >= 0]
        scores = self.vectors[rows] @ query[0]
        kept = np.argpartition(-scores, min(k, len(rows)) - 1)[:k]
        return rows[kept]
