"""Vectors, truth and recall of bench/peers/search."""

import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/peers/search"))

import measure  # noqa: E402
import vectors  # noqa: E402

SEED = 20_261_121


def unit_rows(count, dim, seed=SEED):
    return vectors.normalize(np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32))


class Disturbance(unittest.TestCase):
    def test_copies_have_unit_length_and_stay_near_their_original(self):
        source = unit_rows(500, 64)
        copies = vectors.disturb(source, 3, 400)
        originals = source[np.arange(3 * vectors.CHUNK, 3 * vectors.CHUNK + 400) % 500]
        cosines = (copies * originals).sum(axis=1)
        np.testing.assert_allclose(np.linalg.norm(copies, axis=1), 1, atol=1e-6)
        # Independent rows: 1 / sqrt(1 + 2 NOISE^2) on average.
        self.assertAlmostEqual(cosines.mean(), 1 / np.sqrt(1 + 2 * vectors.NOISE ** 2), delta=0.02)
        self.assertLess(cosines.max(), 1)

    def test_a_chunk_is_the_same_each_time_and_unlike_the_next(self):
        source = unit_rows(50, 16)
        np.testing.assert_array_equal(vectors.disturb(source, 1, 60), vectors.disturb(source, 1, 60))
        self.assertFalse(np.array_equal(vectors.disturb(source, 0, 50), vectors.disturb(source, 1, 50)))

    def test_noise_keeps_to_the_directions_of_the_data(self):
        source = unit_rows(200, 32)
        source[:, 8:] = 0
        self.assertEqual(np.abs(vectors.disturb(vectors.normalize(source), 0, 100)[:, 8:]).max(), 0)


class Making(unittest.TestCase):
    def make(self, rows, titles=230, queries=30):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        folder = pathlib.Path(self.temporary.name)
        np.save(folder / "titles.npy", unit_rows(titles, 16))
        vectors.make(folder / "titles.npy", folder / str(rows), rows, queries)
        return np.load(folder / "titles.npy"), *(np.load(folder / str(rows) / f"{name}.npy") for name in ("base", "queries", "truth"))

    def test_queries_are_the_last_titles_and_not_in_the_base(self):
        titles, base, queries, _ = self.make(150)
        np.testing.assert_allclose(queries, titles[-30:], atol=1e-6)
        np.testing.assert_allclose(base, titles[:150], atol=1e-6)

    def test_stretches_past_the_titles_with_disturbed_copies(self):
        original = vectors.CHUNK
        vectors.CHUNK = 64
        self.addCleanup(setattr, vectors, "CHUNK", original)
        titles, base, _, _ = self.make(500)
        np.testing.assert_allclose(base[:200], titles[:200], atol=1e-6)
        np.testing.assert_array_equal(base[264:328], vectors.disturb(titles[:200], 1, 64))
        self.assertEqual(len(base), 500)

    def test_truth_is_that_of_a_plain_double_scan(self):
        _, base, queries, truth = self.make(200)
        scores = queries.astype(np.float64) @ base.T.astype(np.float64)
        for row, wanted in zip(scores, truth):
            self.assertEqual({int(found) for found in wanted if found >= 0}, set(np.argsort(-row)[:10].tolist()))


class Truth(unittest.TestCase):
    def test_is_the_same_in_blocks_of_any_size(self):
        base, queries = unit_rows(300, 24), unit_rows(7, 24, SEED + 1)
        whole = vectors.best_rows(base, queries, 20)
        original = vectors.CHUNK
        self.addCleanup(setattr, vectors, "CHUNK", original)
        vectors.CHUNK = 4 * 33
        blocks = vectors.best_rows(base, queries, 20)
        np.testing.assert_array_equal(whole[0], blocks[0])
        np.testing.assert_allclose(whole[1], blocks[1], atol=1e-6)

    def test_rows_that_tie_with_the_tenth_count_as_found(self):
        base = np.repeat(unit_rows(1, 8), 15, axis=0)
        truth = vectors.accepted(*vectors.best_rows(base, base[:1]))
        self.assertEqual(vectors.recall([[14, 13, 12, 11, 10, 9, 8, 7, 6, 5]], truth), 1.0)


class Recall(unittest.TestCase):
    def test_counts_each_row_once_and_only_the_first_ten(self):
        truth = np.array([list(range(10)) + [-1] * 5])
        self.assertEqual(vectors.recall([[0] * 10], truth), 0.1)
        self.assertEqual(vectors.recall([[*range(20, 30), 0, 1, 2]], truth), 0.0)
        self.assertEqual(vectors.recall([[0, 1, 2, 3, 4, 20, 21, 22, 23, 24]], truth), 0.5)

    def test_missing_rows_are_not_found(self):
        truth = np.array([list(range(10)) + [-1] * 5])
        self.assertEqual(vectors.recall([[-1] * 10], truth), 0.0)
        self.assertEqual(vectors.recall([[]], truth), 0.0)


class Measuring(unittest.TestCase):
    def test_takes_the_quietest_round_whole(self):
        times = np.array([[[5, 9], [1, 9]], [[2, 7], [2, 8]]])
        np.testing.assert_array_equal(measure.quietest(times), [[2, 7], [2, 8]])

    def test_times_every_query_in_every_round(self):
        calls = []
        found, times = measure.search_times(lambda query: calls.append(query.shape) or [1], unit_rows(6, 4), rounds=3)
        self.assertEqual(times.shape, (3, 6, 2))
        self.assertEqual(len(calls), 6 + 18)
        self.assertEqual(set(calls), {(1, 4)})
        self.assertEqual(found, [[1]] * 6)


if __name__ == "__main__":
    unittest.main()
