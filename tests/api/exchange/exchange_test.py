#!/usr/bin/env python3
"""orthant import and orthant export against a real daemon. Python's standard library alone.

Usage: exchange_test.py ORTHANT_BINARY. Exit code 77: skipped, the last line says why.
"""

import array
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import cli_test  # noqa: E402
from cli_test import MODEL, SKIPPED, free_port, model_folder, read_npy, run  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"


def golden_files():
    return sorted(path.with_name(path.name[:-len(".vectors.npy")]) for path in GOLDEN.glob("*.vectors.npy"))


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def ids_of(path):
    """A list of ids as NumPy writes it."""
    data = path.read_bytes()
    length = int.from_bytes(data[8:10], "little")
    header = eval(data[10:10 + length].decode(), {"__builtins__": {}})  # a literal
    if header["descr"] == "|S36":
        return [data[at:at + 36].decode().rstrip("\0") for at in range(10 + length, len(data), 36)]
    values = array.array("Q")
    values.frombytes(data[10 + length:])
    return list(values)


def write_npy(path, rows, columns, values):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())


def id_key(text):
    return (1, text) if "-" in str(text) else (0, int(text))


class Exchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (pathlib.Path(cli_test.ORTHANT).parent / "orthantd").exists():
            raise unittest.SkipTest("orthantd is not built beside orthant")
        cls.folder = tempfile.TemporaryDirectory(prefix="orthant-exchange-")
        cls.path = pathlib.Path(cls.folder.name)
        cls.port = free_port()
        cls.url = f"http://127.0.0.1:{cls.port}"
        cls.env = {"ORTHANT_HOME": str(cls.path / "home"), "ORTHANT_URL": cls.url}
        cls.model = f"{MODEL}={model_folder()}" if model_folder().is_dir() else "none"
        cls.log = open(cls.path / "log.txt", "a")
        cls.start()

    @classmethod
    def start(cls):
        cls.process = subprocess.Popen(
            [cli_test.ORTHANT, "serve", "--data", str(cls.path / "data"), "--http-port", str(cls.port), "--model", cls.model],
            stderr=cls.log, env={**os.environ, **cls.env})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(cls.url + "/readyz", timeout=1)
                return
            except OSError:
                assert cls.process.poll() is None, (cls.path / "log.txt").read_text()
                time.sleep(0.05)
        raise AssertionError("the daemon is not ready after a minute")

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGTERM)
        cls.process.wait(30)
        cls.log.close()
        cls.folder.cleanup()

    def setUp(self):
        self.out = pathlib.Path(tempfile.mkdtemp(dir=self.path))
        self.collection = self.id().rsplit(".", 1)[1]

    def orthant(self, *arguments, expect=0):
        return run(*arguments, env=self.env, expect=expect)

    def call(self, method, target, body=None):
        request = urllib.request.Request(self.url + target, json.dumps(body).encode() if body is not None else None,
                                         {"content-type": "application/json"}, method=method)
        return json.load(urllib.request.urlopen(request))["result"]

    def scroll(self, collection):
        body = {"limit": 10000, "with_payload": True, "with_vector": True}
        return self.call("POST", f"/collections/{collection}/points/scroll", body)["points"]

    def config(self, collection):
        config = self.call("GET", f"/collections/{collection}")["config"]
        return config["params"]["vectors"], config["orthant"]["vectors"]

    def assert_near(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            self.assertEqual(len(a), len(b))
            for x, y in zip(a, b):
                self.assertLess(abs(x - y), 1e-5 * (1 + abs(y)))

    def test_every_file_comes_out_as_it_went_in(self):
        for number, path in enumerate(golden_files()):
            with self.subTest(path.name):
                name = f"golden{number}"
                # Dot keeps vectors as they are.
                self.orthant("import", path, "--collection", name, "--metric", "dot")
                out = self.out / f"{number}.npy"
                self.orthant("export", name, out)
                vectors, descr = read_npy(out)
                expected, expected_descr = read_npy(f"{path}.vectors.npy")
                ids = lines(path.with_name(path.name + ".ids")) or [str(row) for row in range(len(expected))]
                order = sorted(range(len(ids)), key=lambda row: id_key(ids[row]))
                self.assertEqual([str(each) for each in ids_of(out.with_suffix(".ids.npy"))], [ids[row] for row in order])
                self.assertEqual(descr, expected_descr)
                self.assert_near(vectors, [expected[row] for row in order])
                self.call("DELETE", f"/collections/{name}")

    def test_a_collection_follows_the_file_and_the_options(self):
        self.orthant("import", GOLDEN / "sq8.faiss", "--collection", "follows")
        self.assertEqual(self.config("follows")[0]["distance"], "Euclid")
        self.assertEqual(self.config("follows")[0]["size"], 8)
        self.orthant("import", GOLDEN / "flat.faiss", "--collection", "named", "--vector", "title", "--metric", "manhattan")
        self.assertEqual(self.config("named")[0]["title"]["distance"], "Manhattan")
        self.orthant("import", GOLDEN / "binary.faiss", "--collection", "bits")
        self.assertEqual(self.config("bits")[1][""]["form"], "ubinary")
        self.orthant("import", GOLDEN / "rows.bvecs", "--collection", "codes", "--codes", "int8")
        self.assertEqual(self.config("codes")[1][""]["form"], "int8")
        done = self.orthant("import", GOLDEN / "binary.faiss", "--collection", "codes", expect=1)
        self.assertIn("form 2", done.stderr)
        done = self.orthant("import", GOLDEN / "arrow_pages.parquet", "--collection", "follows", expect=1)
        self.assertIn("2 dimensions", done.stderr)

    def test_payloads_of_parquet_are_kept_and_given_back(self):
        expected = [json.loads(line) for line in lines(GOLDEN / "arrow.parquet.payloads")]
        ids = [int(line) for line in lines(GOLDEN / "arrow.parquet.ids")]
        self.orthant("import", GOLDEN / "arrow.parquet", "--collection", "payloads")
        found = {point["id"]: point["payload"] for point in self.scroll("payloads")}
        for row, payload in zip(ids, expected):
            near = {name: value for name, value in payload.items() if isinstance(value, float)}
            for name, value in near.items():
                self.assertAlmostEqual(found[row].pop(name), value)
                payload.pop(name)
            self.assertEqual(found[row], payload)
        before = self.scroll("payloads")
        self.orthant("export", "payloads", self.out / "whole.parquet")
        self.orthant("import", self.out / "whole.parquet", "--collection", "again")
        self.assertEqual([point["payload"] for point in self.scroll("again")], [point["payload"] for point in before])
        fields = ["number", "flag", "share", "text", "tags"]
        self.orthant("export", "payloads", self.out / "fields.parquet", "--payload", ",".join(fields))
        self.orthant("import", self.out / "fields.parquet", "--collection", "fields")
        self.assertEqual([point["payload"] for point in self.scroll("fields")],
                         [{name: point["payload"][name] for name in fields} for point in before])
        self.orthant("export", "payloads", self.out / "bare.parquet", "--no-payload")
        self.orthant("import", self.out / "bare.parquet", "--collection", "bare")
        self.assertEqual([point["payload"] for point in self.scroll("bare")], [{}] * 12)
        some = self.orthant("export", "payloads", self.out / "some.parquet", "--filter", '{"must": [{"key": "flag", "match": {"value": true}}]}')
        self.assertIn("6 points", some.stdout)

    def test_exports_equal_those_of_faiss(self):
        self.orthant("import", GOLDEN / "idmap2.faiss", "--collection", "euclid")
        self.orthant("import", GOLDEN / "binary_idmap2.faiss", "--collection", "binary")
        for collection, kind in (("euclid", "flat"), ("euclid", "sq8"), ("binary", "binary"), ("binary", "flat")):
            out = self.out / f"{collection}_{kind}.faiss"
            self.orthant("export", collection, out, "--faiss-index", kind)
            same = "binary" if collection == "binary" else kind
            self.assertEqual(out.read_bytes(), (GOLDEN / f"written_{same}.faiss").read_bytes(), kind)

    def test_every_format_round_trips(self):
        self.orthant("import", GOLDEN / "idmap2.faiss", "--collection", "source")
        self.orthant("export", "source", self.out / "source.npy")
        for name in ("x.parquet", "x.npy", "x.fvecs", "flat.faiss", "hnsw.faiss"):
            ids = {"x.npy": ["--ids", self.out / "x.ids.npy"], "x.fvecs": ["--ids", self.out / "ids.npy"]}.get(name, [])
            kind = ["--faiss-index", "hnsw"] if name.startswith("hnsw") else []
            named = ids if name == "x.fvecs" else []
            self.orthant("export", "source", self.out / name, *kind, *named)
            back = "back_" + name.split(".")[0] + name.split(".")[1]
            self.orthant("import", self.out / name, "--collection", back, "--metric", "euclid", *ids)
            self.orthant("export", back, self.out / "back.npy", "--overwrite")
            self.assertEqual((self.out / "back.npy").read_bytes(), (self.out / "source.npy").read_bytes(), name)
            self.assertEqual((self.out / "back.ids.npy").read_bytes(), (self.out / "source.ids.npy").read_bytes(), name)
        self.assertIn("below 2^31", self.orthant("export", "source", self.out / "far.fvecs", expect=1).stderr)

    def test_nothing_is_left_where_an_export_fails(self):
        self.orthant("import", GOLDEN / "arrow_uuid.parquet", "--collection", "uuids")
        before = set(self.out.iterdir())
        self.assertIn("UUID", self.orthant("export", "uuids", self.out / "u.faiss", expect=1).stderr)
        self.assertIn("UUID", self.orthant("export", "uuids", self.out / "u.fvecs", expect=1).stderr)
        self.assertIn("absent", self.orthant("export", "absent", self.out / "u.npy", expect=1).stderr)
        self.assertEqual(set(self.out.iterdir()), before)
        self.orthant("export", "uuids", self.out / "u.npy")
        self.assertEqual(len(ids_of(self.out / "u.ids.npy")[0]), 36)
        kept = (self.out / "u.npy").stat().st_mtime_ns
        self.assertIn("--overwrite", self.orthant("export", "uuids", self.out / "u.npy", expect=1).stderr)
        self.assertEqual((self.out / "u.npy").stat().st_mtime_ns, kept)
        self.orthant("export", "uuids", self.out / "u.npy", "--overwrite")
        self.assertEqual(len(list(self.out.iterdir())), 2)

    def test_rows_that_are_refused_are_reported(self):
        done = self.orthant("import", GOLDEN / "bad_rows.parquet", "--collection", "bad", expect=1)
        self.assertIn("row 1: column `vector` is null", done.stderr)
        self.assertIn("row 4: column `vector`: 7 values, expected 8", done.stderr)
        self.assertIn("9 vectors", done.stdout)
        self.assertIn("3 rows refused", done.stdout)
        self.assertEqual(len(self.scroll("bad")), 9)
        # A value that the daemon refuses: its row, whatever batch it came in.
        values = array.array("f", [1.0] * 6000)
        values[5001] = float("nan")
        write_npy(self.out / "nan.npy", 3000, 2, values)
        done = self.orthant("import", self.out / "nan.npy", "--collection", "nan", expect=1)
        self.assertIn("row 2500: vector: holds a value that is not finite", done.stderr)
        self.assertEqual(self.call("POST", "/collections/nan/points/count", {"exact": True})["count"], 2999)
        for name, reason in (("refused_pq.faiss", "IxPq"), ("refused_nested.parquet", "--payload"), ("missing.npy", "no such file")):
            self.assertIn(reason, self.orthant("import", GOLDEN / name, "--collection", "never", expect=1).stderr)

    def test_of_repeated_ids_the_last_row_stands(self):
        rows = 10000
        write_npy(self.out / "rows.npy", rows, 1, array.array("f", range(rows)))
        write_npy(self.out / "ids.npy", rows, 1, array.array("f", [0] * rows))
        header = (self.out / "ids.npy").read_bytes()[:128].replace(b"<f4", b"<i4")
        (self.out / "ids.npy").write_bytes(header + array.array("i", [row % 2500 for row in range(rows)]).tobytes())
        self.orthant("import", self.out / "rows.npy", "--ids", self.out / "ids.npy", "--collection", "repeated", "--metric", "dot")
        points = self.scroll("repeated")
        self.assertEqual(len(points), 2500)
        self.assertTrue(all(point["vector"] == [7500.0 + point["id"]] for point in points))

    def test_an_import_goes_on_where_it_was_stopped(self):
        rows = 150_000
        write_npy(self.out / "many.npy", rows, 4, array.array("f", [1.0, 2.0, 3.0, 4.0] * rows))
        state = self.path / "home" / "ingest"
        for attempt in range(5):
            running = subprocess.Popen([cli_test.ORTHANT, "import", str(self.out / "many.npy"), "--collection", "many"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **self.env})
            while not list(state.glob("*.json")) and running.poll() is None:
                time.sleep(0.001)
            running.kill()
            running.communicate()
            left = list(state.glob("*.json"))
            if left:
                break
        acknowledged = json.loads(left[0].read_text())["acknowledged_line"]
        self.assertTrue(0 < acknowledged < rows, acknowledged)
        self.process.kill()
        self.process.wait(30)
        type(self).start()
        done = self.orthant("import", self.out / "many.npy", "--collection", "many")
        self.assertIn(f"going on after row {acknowledged:,}", done.stderr)
        self.assertEqual(self.call("POST", "/collections/many/points/count", {"exact": True})["count"], rows)
        self.assertEqual(list(state.glob("*.json")), [])

    def test_texts_without_vectors_are_encoded(self):
        if self.model == "none":
            self.skipTest("needs the default model")
        done = self.orthant("import", GOLDEN / "texts.parquet", "--text-column", "passage", "--collection", "texts", expect=1)
        self.assertIn("row 1:", done.stderr)
        found = json.loads(self.orthant("search", "a tough material", "--collection", "texts", "--json", "--limit", "1").stdout)
        self.assertEqual((found[0]["id"], found[0]["text"], found[0]["payload"]), (3, "Iron is a hard metal.", {"year": 2001}))
        self.orthant("export", "texts", self.out / "texts.parquet")
        self.orthant("import", self.out / "texts.parquet", "--collection", "copied")
        self.assertEqual(self.scroll("copied")[1]["payload"], {"year": 2001, "text": "Iron is a hard metal."})


def main():
    cli_test.ORTHANT = sys.argv.pop(1)
    result = unittest.main(exit=False, verbosity=2).result
    if not result.wasSuccessful():
        return 1
    if result.testsRun == 0 and result.skipped:
        print(f"SKIPPED: {result.skipped[0][1]}")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
