"""Tables and curves of bench/peers/search, from lines as worker.py and search_curve print them."""

import json
import pathlib
import sys
import tempfile
import types
import unittest
import xml.dom.minidom

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/peers/search"))

import curve_svg  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402


def point(recall, time, updated=False):
    return {"event": "point", "setting": {"ef": 10}, "updated": updated, "recall": recall, "us_p50": time, "us_mean": time, "us_p99": 2 * time,
            "wall_p50": time, "wall_p99": time, "queries": 1000}


LINES = [{"event": "form", "form": "a graph"}, {"event": "yardstick", "us": 2000.0},
         {"event": "built", "cpu_seconds": 12.5, "wall_seconds": 20.0, "bytes_measured": 700.4, "bytes_computed": 640},
         point(0.94, 50.0), point(0.96, 80.0), point(0.97, 70.0), point(0.992, 200.0),
         {"event": "updated", "rows": 20, "cpu_seconds": 2.0, "wall_seconds": 2.0}, point(0.95, 90.0, True),
         {"event": "end", "how": "whole", "seconds": 60.0}]


def copies(lines):
    return [dict(line) for line in lines]


class Digest(unittest.TestCase):
    def test_separates_points_before_and_after_updates(self):
        record = report.digest(copies(LINES))
        self.assertEqual([entry["recall"] for entry in record["points"]], [0.94, 0.96, 0.97, 0.992])
        self.assertEqual([entry["recall"] for entry in record["updated_points"]], [0.95])
        self.assertEqual(record["ended"], "whole")

    def test_a_form_without_an_end_was_cut_off(self):
        self.assertEqual(report.digest(copies(LINES[:-1]))["ended"], "cut off")


class Best(unittest.TestCase):
    def test_takes_the_fastest_that_reaches_the_target(self):
        points = report.digest(copies(LINES))["points"]
        self.assertEqual(report.best(points, 0.95)["us_p50"], 70.0)
        self.assertEqual(report.best(points, 0.99)["us_p50"], 200.0)
        self.assertIsNone(report.best(points, 0.995))

    def test_the_frontier_drops_what_another_beats_in_both(self):
        kept = report.frontier(report.digest(copies(LINES))["points"])
        self.assertEqual([entry["recall"] for entry in kept], [0.94, 0.97, 0.992])


class Tables(unittest.TestCase):
    def found(self):
        failed = [{"event": "form", "form": "a scan"}, {"event": "end", "how": "failed (1): no such library", "seconds": 1.0}]
        return {"date": "2026-11-21", "cpu": "a CPU", "rows": "99000", "versions": {"a-graph": "1.0"},
                "forms": [report.digest(copies(lines)) for lines in (LINES, failed)]}

    def test_has_times_bytes_and_what_failed(self):
        text = report.markdown(self.found(), "search-99000")
        self.assertIn("| a graph | 70 (0.9700) | 200 (0.9920) | 200 (0.9920) | 400 | 640 | 700 | 12.5 |", text)
        self.assertIn("| a graph | 2.0 | 10 | 70 (0.9700) -> 90 (0.9500) | 200 (0.9920) -> - (0.9500: 90) |", text)
        self.assertIn("- a scan: failed (1): no such library.", text)

    def test_tells_what_only_our_own_rows_tell(self):
        ours = [{"event": "form", "form": "Orthant"},
                {"event": "built", "cpu_seconds": 1.0, "bytes_computed": 436, "append_seconds": 0.5, "structure": "graph"},
                {"event": "opened", "rows": 10, "cpu_seconds": 0.25, "wall_seconds": 0.75}]
        self.assertEqual(report.notes([report.digest(copies(lines)) for lines in (LINES, ours)]),
                         ["- Orthant (graph): vectors encoded and appended in 0.50 CPU s."
                          " Snapshot opened in 0.25 CPU s (0.75 s wall)."])

    def test_writes_three_files_that_agree(self):
        with tempfile.TemporaryDirectory() as folder:
            stem = pathlib.Path(folder) / "search-99000"
            report.write(self.found(), stem)
            self.assertEqual(json.loads((pathlib.Path(folder) / "search-99000.json").read_text())["rows"], "99000")
            self.assertIn("search-99000.svg", (pathlib.Path(folder) / "search-99000.md").read_text())
            self.assertIn("a graph", (pathlib.Path(folder) / "search-99000.svg").read_text())


class Curves(unittest.TestCase):
    def test_is_well_formed_and_names_every_curve(self):
        text = curve_svg.draw({"one & two": [(0.9, 50), (0.99, 200)], "three": [(0.95, 1000)]}, "a <title>")
        document = xml.dom.minidom.parseString(text)
        words = [node.firstChild.data for node in document.getElementsByTagName("text")]
        self.assertTrue({"one & two", "three", "a <title>", "recall@10", "0.99"} <= set(words))
        self.assertEqual(len(document.getElementsByTagName("polyline")), 2)

    def test_more_recall_is_right_and_more_time_is_up(self):
        limits = (10, 1000)
        self.assertLess(curve_svg.x_of(0.9), curve_svg.x_of(0.99))
        self.assertGreater(curve_svg.y_of(20, limits), curve_svg.y_of(500, limits))
        self.assertAlmostEqual(curve_svg.x_of(0.99) - curve_svg.x_of(0.9), curve_svg.x_of(0.999) - curve_svg.x_of(0.99))

    def test_all_points_lie_within_the_axes(self):
        limits = curve_svg.time_limits({"one": [(0.9, 37.0), (0.99, 4100.0)]})
        for time in (37.0, 4100.0):
            self.assertTrue(curve_svg.TOP <= curve_svg.y_of(time, limits) <= curve_svg.HEIGHT - curve_svg.BOTTOM)

    def test_full_recall_is_drawn_at_the_edge(self):
        self.assertEqual(curve_svg.x_of(1.0), curve_svg.WIDTH - curve_svg.RIGHT)


class RunForm(unittest.TestCase):
    """With a worker that is a line of Python."""

    def run_worker(self, code, limit=30):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "results").mkdir()
            original, run.command = run.command, lambda form, folder, options: [sys.executable, "-c", code]
            try:
                run.run_form("A form, 4 bit", folder, types.SimpleNamespace(limit=limit))
            finally:
                run.command = original
            return [json.loads(line) for line in (folder / "results/a-form-4-bit.jsonl").read_text().splitlines()]

    def test_keeps_the_lines_of_a_worker(self):
        lines = self.run_worker("print('{\"event\": \"no updates\"}')")
        self.assertEqual([line["event"] for line in lines], ["form", "no updates", "end"])
        self.assertEqual(lines[-1]["how"], "whole")

    def test_reports_the_last_words_of_one_that_fails(self):
        lines = self.run_worker("import sys; sys.exit('no such library')")
        self.assertEqual(lines[-1]["how"], "failed (1): no such library")

    def test_keeps_what_a_slow_one_had(self):
        lines = self.run_worker("import time; print('{\"event\": \"no updates\"}', flush=True); time.sleep(60)", limit=2)
        self.assertEqual([line["event"] for line in lines], ["form", "no updates", "end"])
        self.assertEqual(lines[-1]["how"], "stopped after 2 s")


if __name__ == "__main__":
    unittest.main()
