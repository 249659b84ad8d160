#!/usr/bin/env python3
"""Runs the real `orthant` (and orthantd beside it) as users and scripts do. Python's standard library alone.

Usage: cli_test.py ORTHANT_BINARY CASE   (CASE: a class below, lower-case). Exit code 77: skipped, the last line says why.
"""

import array
import ctypes
import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
DEMO = ROOT / "demo" / "xquad-en"
MODEL = "all-MiniLM-L6-v2"
SKIPPED = 77
ORTHANT = ""


def orthant_home():
    home = os.environ.get("ORTHANT_HOME")
    if home:
        return pathlib.Path(home)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (pathlib.Path(cache) if cache else pathlib.Path.home() / ".cache") / "orthant"


def model_folder():
    return orthant_home() / "models" / MODEL


def run(*arguments, env=None, expect=0):
    done = subprocess.run([ORTHANT, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          env={**os.environ, **(env or {})})
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"orthant {arguments}: exit code {done.returncode}, expected {expect}\n{done.stdout}\n{done.stderr}")
    return done


def read_npy(path):
    """Rows of a little-endian two-dimensional .npy file, and its element type."""
    data = pathlib.Path(path).read_bytes()
    assert data[:6] == b"\x93NUMPY" and data[6] == 1, path
    length = int.from_bytes(data[8:10], "little")
    header = eval(data[10:10 + length].decode(), {"__builtins__": {}})  # a literal
    assert not header["fortran_order"]
    rows, columns = header["shape"]
    values = array.array({"<f4": "f", "|i1": "b", "|u1": "B"}[header["descr"]])
    values.frombytes(data[10 + length:])
    assert len(values) == rows * columns, (len(values), rows, columns)
    return [values[i * columns:(i + 1) * columns] for i in range(rows)], header["descr"]


def f32(value):
    return ctypes.c_float(value).value


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


class Usage(unittest.TestCase):
    def test_help_teaches_every_command(self):
        text = run("--help").stdout
        for command in ("serve", "ingest", "import", "export", "search", "info", "quality", "doctor", "encode", "tokenize", "eval", "quantize", "bench", "fetch-model", "version"):
            self.assertIn(command, text)
        self.assertEqual(run("help").stdout, text)
        for command in ("ingest", "import", "export", "search", "encode", "tokenize", "eval", "quantize", "doctor", "fetch-model"):
            help_text = run(command, "--help").stdout
            self.assertIn("Example", help_text, command)
            self.assertIn(f"orthant {command}", help_text, command)

    def test_exit_codes_tell_usage_from_failure(self):
        run("version")
        run("--version")
        for wrong in ([], ["no-such-command"], ["encode"], ["encode", "--input", "x", "--output", "y", "--precision", "int4"],
                      ["eval", ".", "--oversampling", "0.5"], ["search", "text"]):
            done = run(*wrong, expect=2)
            self.assertTrue(done.stderr.strip(), wrong)
        done = run("eval", "/no/such/folder", expect=1)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("/no/such/folder", done.stderr)

    def test_a_misspelt_command_is_named(self):
        self.assertIn("serch: unknown command (did you mean search?", run("serch", "text", expect=2).stderr)
        self.assertIn("banana: unknown command (--help", run("banana", expect=2).stderr)

    def test_a_daemon_that_is_not_there_is_named(self):
        for arguments in (("search", "text", "--collection", "c"), ("info",), ("quality", "c")):
            done = run(*arguments, "--url", "http://127.0.0.1:9", expect=1)
            self.assertIn("127.0.0.1:9", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_doctor_says_what_it_found(self):
        done = run("doctor", "--url", "http://127.0.0.1:9", expect=None)
        for subject in ("version", "CPU", "memory", "open files", "home", "data", "model", "daemon"):
            self.assertIn(subject, done.stdout)
        self.assertEqual(run("doctor", "--data", GOLDEN / "texts.jsonl" / "below", expect=1).stdout.count("BAD"), 1)

    def test_a_level_that_does_not_exist_is_refused(self):
        self.assertIn("ORTHANT_CPU", run("doctor", env={"ORTHANT_CPU": "mmx"}, expect=1).stderr)


class NeedsModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not model_folder().is_dir():
            raise unittest.SkipTest(f"needs the default model, which is not in {model_folder()}")
        cls.folder = tempfile.TemporaryDirectory(prefix="orthant-cli-")
        cls.path = pathlib.Path(cls.folder.name)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()


class Encode(NeedsModel):
    def encode(self, *options, name="out.npy", source=GOLDEN / "texts.jsonl"):
        run("encode", "--model", MODEL, "--input", source, "--output", self.path / name, *options)
        return read_npy(self.path / name)

    def test_tokens_are_those_of_the_hugging_face_tokenizer(self):
        run("tokenize", "--model", MODEL, "--input", GOLDEN / "texts.jsonl", "--output", self.path / "ids.jsonl")
        found = [json.loads(line) for line in open(self.path / "ids.jsonl")]
        wanted = [json.loads(line) for line in open(GOLDEN / "ids.jsonl")]
        self.assertEqual(found, wanted)

    def test_floats_are_those_of_sentence_transformers(self):
        found, kind = self.encode("--precision", "float32")
        wanted, _ = read_npy(GOLDEN / "float32.npy")
        self.assertEqual((kind, len(found)), ("<f4", len(wanted)))
        for row, reference in zip(found, wanted):
            self.assertGreater(cosine(row, reference), 0.99999)

    def test_codes_follow_from_our_own_floats_byte_for_byte(self):
        floats, _ = self.encode("--precision", "float32")
        ranges, _ = read_npy(GOLDEN / "ranges.npy")
        for precision, kind, offset in (("int8", "|i1", 128), ("uint8", "|u1", 0)):
            codes, found_kind = self.encode("--precision", precision, "--ranges", GOLDEN / "ranges.npy")
            self.assertEqual(found_kind, kind)
            for row, code in zip(floats, codes):
                for x, low, high, q in zip(row, ranges[0], ranges[1], code):
                    step = f32(f32(high - low) / 255) or 1.0
                    self.assertEqual(q, max(0, min(255, math.floor(f32(f32(x - low) / step)))) - offset)
        for precision, kind, flip in (("binary", "|i1", 128), ("ubinary", "|u1", 0)):
            codes, found_kind = self.encode("--precision", precision)
            self.assertEqual(found_kind, kind)
            for row, code in zip(floats, codes):
                bits = [sum((row[i + bit] > 0) << (7 - bit) for bit in range(8)) - flip for i in range(0, len(row), 8)]
                self.assertEqual(bits, list(code))

    def test_codes_are_those_of_sentence_transformers_up_to_rounding_of_floats(self):
        for precision in ("int8", "uint8", "binary", "ubinary"):
            codes, _ = self.encode("--precision", precision, "--ranges", GOLDEN / "ranges.npy")
            wanted, _ = read_npy(GOLDEN / f"{precision}.npy")
            values = sum(len(row) for row in wanted)
            different = sum(a != b for row, reference in zip(codes, wanted) for a, b in zip(row, reference))
            self.assertLess(different, values / 100, precision)

    def test_calibration_vectors_give_the_ranges_of_their_columns(self):
        with_vectors, _ = self.encode("--precision", "uint8", "--calibration", GOLDEN / "float32.npy")
        floats, _ = self.encode("--precision", "float32")
        vectors, _ = read_npy(GOLDEN / "float32.npy")
        for column in range(0, len(vectors[0]), 37):
            low = min(row[column] for row in vectors)
            step = f32(f32(max(row[column] for row in vectors) - low) / 255)
            for row, code in zip(floats, with_vectors):
                self.assertEqual(code[column], max(0, min(255, math.floor(f32(f32(row[column] - low) / step)))))

    def test_int8_needs_no_ranges_of_the_users(self):
        codes, kind = self.encode("--precision", "int8")
        self.assertEqual(kind, "|i1")
        self.assertGreater(len({value for row in codes for value in row}), 200)
        again, _ = self.encode("--precision", "int8")
        self.assertEqual([list(row) for row in codes], [list(row) for row in again])
        cut, _ = self.encode("--precision", "int8", "--dimensions", "64")
        self.assertEqual(len(cut[0]), 64)
        # Cut rows are normalized again: with the ranges of whole rows most values would be clipped.
        clipped = sum(value in (-128, 127) for row in cut for value in row)
        self.assertLess(clipped, 64 * len(cut) / 10)

    def test_dimensions_are_cut_and_normalized_again(self):
        floats, _ = self.encode("--precision", "float32")
        cut, _ = self.encode("--precision", "float32", "--dimensions", "100")
        for row, whole in zip(cut, floats):
            self.assertEqual(len(row), 100)
            self.assertAlmostEqual(sum(x * x for x in row), 1, places=5)
            self.assertGreater(cosine(row, whole[:100]), 0.999999)

    def test_plain_text_gives_one_row_a_line_and_long_input_streams(self):
        texts = self.path / "texts.txt"
        texts.write_text("one\n\ntwo\nthree")
        rows, _ = self.encode(source=texts)
        self.assertEqual(len(rows), 4)
        many = self.path / "many.txt"
        many.write_text("".join(f"number {i % 50}\n" for i in range(4200)))
        rows, _ = self.encode(source=many)
        self.assertEqual(len(rows), 4200)
        # Another block and another batch: the same text, the same vector.
        self.assertLess(max(abs(a - b) for a, b in zip(rows[7], rows[4157])), 1e-6)

    def test_wrong_input_is_named_and_leaves_no_file(self):
        bad = self.path / "bad.jsonl"
        bad.write_text('"good"\n{"txt": 1}\n')
        target = self.path / "never.npy"
        done = run("encode", "--model", MODEL, "--input", bad, "--output", target, expect=1)
        self.assertIn("bad.jsonl:2", done.stderr)
        for options in (["--ranges", GOLDEN / "int8.npy"], ["--ranges", GOLDEN / "float32.npy"],
                        ["--calibration", self.path / "absent.npy"], ["--dimensions", "385"], ["--dimensions", "10", "--ranges", GOLDEN / "ranges.npy"]):
            run("encode", "--model", MODEL, "--input", GOLDEN / "texts.jsonl", "--output", target, "--precision", "int8", *options,
                expect=1)
        done = run("encode", "--model", "no-such-model", "--input", GOLDEN / "texts.jsonl", "--output", target, expect=1)
        self.assertIn("no-such-model", done.stderr)
        self.assertEqual([path.name for path in self.path.glob("never*")], [])


class Quantize(unittest.TestCase):
    """On a small model with random weights, which 4 bits hurt badly."""

    MODEL = ROOT / "tests/encoder/golden/models/cls"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="orthant-quantize-")
        cls.path = pathlib.Path(cls.folder.name)
        cls.texts = cls.path / "texts.txt"
        words = "river bridge stone cold water night quick slow under over runs stands".split()  # of the model's few
        cls.texts.write_text("".join(f"{words[i % 12]} {words[i * 5 % 12]} of {words[i * 7 % 11]} {chr(97 + i % 26)} {chr(99 + i // 26)}\n"
                                     for i in range(80)))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def quantize(self, name, *options, expect=0):
        out = self.path / name
        done = run("quantize", self.MODEL, "--calibration", self.texts, "--out", out, *options, expect=expect)
        report = json.load(open(out / "quantization_report.json")) if expect == 0 else None
        return done, out, report

    def encode(self, model):
        run("encode", "--model", model, "--input", self.texts, "--output", self.path / "rows.npy")
        return read_npy(self.path / "rows.npy")[0]

    def test_every_scheme_makes_a_folder_that_loads(self):
        reference = self.encode(self.MODEL)
        for scheme, least in (("bfloat16", 0.999), ("float16", 0.9999), ("int8", 0.99), ("int8-static", 0.98), ("int4", 0.8),
                              ("int4-gptq", 0.8), ("nf4", 0.8)):
            done, out, report = self.quantize(scheme, "--scheme", scheme)
            cosines = [cosine(a, b) for a, b in zip(reference, self.encode(out), strict=True)]
            self.assertGreater(min(cosines), least, scheme)
            self.assertEqual(report["calibration_texts"], 80)
            self.assertAlmostEqual(report["quantized"]["shift"]["mean_cosine"], sum(cosines) / len(cosines), places=4)
            self.assertEqual({layer["precision"] for layer in report["layers"]}, {scheme.split("-")[0]})
            if scheme.startswith("int"):  # 16 outputs fill no panel of halves
                self.assertLess(report["quantized"]["relative_linear_bytes"], 0.6)
            for layer in report["layers"]:
                self.assertIn(layer["layer"].removeprefix("encoder.layer."), done.stdout)
            svg = (out / "quantization_report.svg").read_text()
            self.assertEqual(svg.count("<title>"), len(report["layers"]))

    def test_int4_has_its_options(self):
        _, _, coarse = self.quantize("group32", "--scheme", "int4", "--group-size", "32", "--symmetric", "--no-rotation", "--smooth", "0.5")
        self.assertEqual(coarse["layers"][0]["parameters"], {"rotate": False, "smooth": 0.5, "gptq": False, "activations": "dynamic",
                                                             "group_size": 32, "grid": "symmetric"})
        _, _, static = self.quantize("percentile", "--scheme", "int8-static", "--activations", "percentile")
        self.assertEqual(static["layers"][0]["parameters"]["activations"], "percentile")

    def test_a_budget_is_kept_and_the_plan_can_be_edited(self):
        _, out, report = self.quantize("mixed", "--scheme", "mixed", "--budget", "memory=45%")
        self.assertLessEqual(report["quantized"]["relative_linear_bytes"], 0.45)
        self.assertGreater(len({layer["precision"] for layer in report["layers"]}), 1)
        self.assertAlmostEqual(sum(layer["sensitivity"] for layer in report["layers"]), 1, places=6)
        plan = json.load(open(out / "quantization_plan.json"))
        self.assertEqual(sum(layer["bytes"] for layer in plan["layers"]), report["quantized"]["linear_bytes"])
        plan["layers"][2] |= {"precision": "nf4", "parameters": {}}
        dropped = plan["layers"].pop()["layer"]
        edited = self.path / "edited.json"
        edited.write_text(json.dumps(plan))
        _, _, followed = self.quantize("edited", "--plan", edited)
        found = {layer["layer"]: layer["precision"] for layer in followed["layers"]}
        wanted = {layer["layer"]: layer["precision"] for layer in plan["layers"]} | {dropped: "float32"}
        self.assertEqual(found, wanted)

    def test_a_budget_that_is_too_small_says_what_is_needed(self):
        done, out, _ = self.quantize("tiny", "--scheme", "mixed", "--budget", "memory=1%", expect=1)
        self.assertIn("budget cannot be met", done.stderr)
        self.assertFalse(out.exists())

    def test_layers_step_back_until_the_criterion_is_met(self):
        _, _, lossy = self.quantize("lossy", "--scheme", "int4")
        self.assertLess(lossy["quantized"]["shift"]["neighbour_ndcg@10"], 0.98)
        done, _, report = self.quantize("checked", "--scheme", "int4", "--accuracy-criterion", "0.02")
        criterion = report["accuracy_criterion"]
        self.assertGreater(len(criterion["steps_back"]), 0)
        self.assertGreaterEqual(criterion["retention"], 0.98)
        self.assertEqual(done.stdout.count("goes back from"), len(criterion["steps_back"]))
        self.assertEqual(criterion["steps_back"][0]["from"], "int4")
        most = max(lossy["layers"], key=lambda layer: layer["sensitivity"])
        self.assertEqual(criterion["steps_back"][0]["layer"], most["layer"])
        self.assertAlmostEqual(report["quantized"]["shift"]["neighbour_ndcg@10"], criterion["retention"], places=6)

    def test_a_criterion_out_of_reach_writes_nothing(self):
        done, out, _ = self.quantize("unreachable", "--scheme", "mixed", "--budget", "memory=30%", "--accuracy-criterion", "0.0001",
                                     expect=1)
        self.assertIn("cannot be met within the budget", done.stderr)
        self.assertFalse(out.exists())

    def test_test_queries_are_reported_and_train_queries_are_tuned_on(self):
        beir = self.path / "set"
        (beir / "qrels").mkdir(parents=True)
        lines = self.texts.read_text().splitlines()
        (beir / "corpus.jsonl").write_text("".join(json.dumps({"_id": f"d{i}", "text": text}) + "\n" for i, text in enumerate(lines)))
        (beir / "queries.jsonl").write_text("".join(json.dumps({"_id": f"q{i}", "text": text + " ?"}) + "\n" for i, text in enumerate(lines)))
        for split, numbers in (("test", range(0, 40)), ("train", range(40, 80))):
            (beir / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\td{i}\t1\n" for i in numbers))
        done, out, report = self.quantize("evaluated", "--scheme", "int8", "--accuracy-criterion", "0.5", "--eval", beir)
        self.assertEqual((report["retrieval"]["split"], report["retrieval"]["queries"], report["retrieval"]["documents"]), ("test", 40, 80))
        self.assertIn("40 train queries", report["accuracy_criterion"]["measure"])
        self.assertIn("nDCG@10", done.stdout)
        for model, key in ((self.MODEL, "float_ndcg@10"), (out, "ndcg@10")):
            run("eval", beir, "--model", model, "--json", self.path / "eval.json")
            stages = {stage["stage"]: stage for stage in json.load(open(self.path / "eval.json"))}
            self.assertAlmostEqual(report["retrieval"][key], stages["float32"]["ndcg@10"], places=3)
        (beir / "qrels/train.tsv").unlink()
        _, _, untrained = self.quantize("untrained", "--scheme", "int8", "--accuracy-criterion", "0.5", "--eval", beir)
        self.assertIn("without labels", untrained["accuracy_criterion"]["measure"])

    def test_wrong_use_is_named(self):
        for wrong in ([], ["--scheme", "int3"], ["--scheme", "int4", "--group-size", "48"], ["--scheme", "int8", "--plan", "x"],
                      ["--scheme", "int8", "--smooth", "2"], ["--scheme", "int8", "--accuracy-criterion", "-1"]):
            self.quantize("wrong", *wrong, expect=2)
        bad = self.path / "bad.json"
        bad.write_text('{"format": "orthant-quantization-plan", "version": 1, "layers": [{"layer": "x", "precision": "int5"}]}')
        unknown = self.path / "unknown.json"
        unknown.write_text('{"format": "orthant-quantization-plan", "version": 1, "layers": [{"layer": "x", "precision": "int8"}]}')
        few = self.path / "few.txt"
        few.write_text("one\ntwo\n")
        for options, words in ((["--scheme", "mixed"], "--budget"), (["--scheme", "int8", "--budget", "memory=40%"], "--budget"),
                               (["--scheme", "mixed", "--budget", "memory=40"], "memory=40"), (["--plan", bad], "int5"),
                               (["--plan", unknown], '"x"'), (["--plan", self.path / "absent.json"], "absent.json"),
                               (["--scheme", "int8", "--eval", self.path / "absent"], "absent")):
            done, out, _ = self.quantize("wrong", *options, expect=1)
            self.assertIn(words, done.stderr)
            self.assertFalse(out.exists())
        done = run("quantize", self.MODEL, "--scheme", "int8", "--calibration", few, "--out", self.path / "wrong", expect=1)
        self.assertIn("2 texts", done.stderr)
        self.quantize("twice", "--scheme", "bfloat16")
        self.assertIn("twice", self.quantize("twice", "--scheme", "bfloat16", expect=1)[0].stderr)
        done = run("quantize", self.path / "twice", "--scheme", "int8", "--calibration", self.texts, "--out", self.path / "wrong", expect=1)
        self.assertIn("quantized already", done.stderr)


class BenchEncoder(NeedsModel):
    """That the figures fit together; how large they are depends on the machine."""

    def bench(self, *options):
        done = run("bench", "encoder", "--model", MODEL, "--rounds", "1", "--json", self.path / "bench.json", *options)
        return done.stdout, json.load(open(self.path / "bench.json"))

    def test_figures_of_the_users_own_texts(self):
        passages, queries = self.path / "passages.txt", self.path / "queries.txt"
        passages.write_text("A first passage of some words.\nAnother one.\n\nAnd a third, after an empty one.\n")
        queries.write_text("a query\nanother query\n")
        table, found = self.bench("--passages", passages, "--queries", queries, "--batch", "3", "--embeddings", self.path / "rows.npy")
        self.assertEqual((found["passages"], found["queries"], found["batch"], found["rounds"]), (4, 2, 3, 1))
        ids = self.path / "ids.jsonl"
        run("tokenize", "--model", MODEL, "--input", passages, "--output", ids)
        tokens = sum(len(json.loads(line)) for line in open(ids))
        self.assertEqual(found["passage_tokens"], tokens)
        self.assertAlmostEqual(found["tokens_per_second"] / found["passages_per_second"], tokens / 4, places=6)
        self.assertAlmostEqual(found["passages_per_second"], 4 / found["passage_rounds"][0]["cpu_seconds"], places=6)
        self.assertTrue(0 < found["query_p50_ms"] <= found["query_p99_ms"] < 10_000)
        self.assertTrue(2**20 < found["model_bytes"] and 2**20 < found["memory_after_load_bytes"] <= found["peak_memory_bytes"])
        self.assertIn(f"level {found['cpu_level']}", table)
        run("encode", "--model", MODEL, "--input", passages, "--output", self.path / "encoded.npy")
        for row, reference in zip(read_npy(self.path / "rows.npy")[0], read_npy(self.path / "encoded.npy")[0], strict=True):
            self.assertGreater(cosine(row, reference), 0.999999)

    def test_a_profile_accounts_for_the_whole_time(self):
        passages = self.path / "profiled.txt"
        passages.write_text("A passage of several words that says little, again and again.\n" * 20)
        for weights, quantizes in (("float32", False), ("int8", True)):
            table, found = self.bench("--passages", passages, "--profile", "--weights", weights)
            self.assertEqual(found["weights"], weights)
            stages = found["passage_stage_seconds"]
            for stage in ("tokenization", "embedding", "QKV", "attention", "attention output", "FFN up", "FFN down", "norms", "pooling"):
                self.assertGreater(stages[stage], 0, stage)
                self.assertIn(stage, table)
            self.assertEqual(stages["input quantization"] > 0, quantizes)
            self.assertEqual("input quantization" in table, quantizes)
            # Shares of one pass against the time of another: the machine may be busy.
            self.assertTrue(0.3 < sum(stages.values()) * found["passages_per_second"] / 20 < 3, (stages, found["passages_per_second"]))

    def test_one_list_alone_is_measured_alone(self):
        queries = self.path / "only.txt"
        queries.write_text("one query\n")
        _, found = self.bench("--queries", queries)
        self.assertEqual((found["passages"], found["queries"], found["passages_per_second"]), (0, 1, 0))

    def test_wrong_input_is_named(self):
        empty = self.path / "empty.txt"
        empty.write_text("")
        self.assertIn("empty.txt", run("bench", "encoder", "--passages", empty, expect=1).stderr)
        self.assertIn("absent.txt", run("bench", "encoder", "--queries", self.path / "absent.txt", expect=1).stderr)
        for wrong in (["bench"], ["bench", "encoder", "--batch", "0"], ["bench", "encoder", "--weights", "int3"]):
            run(*wrong, expect=2)


class Eval(NeedsModel):
    """On a part of the demo corpus; EvalDemo takes all of it."""

    STAGES = ["float32", "int8", "binary", "asymmetric", "binary+float", "binary+int8", "binary+int8+float", "asymmetric+int8+float"]
    DOCUMENTS = 40

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set = cls.path / "set"
        cls.set.mkdir()
        documents = open(DEMO / "corpus.jsonl").readlines()[:cls.DOCUMENTS]
        kept = {json.loads(line)["_id"] for line in documents}
        judged = [line for line in open(DEMO / "qrels/test.tsv").readlines()[1:] if line.split("\t")[1] in kept]
        (cls.set / "corpus.jsonl").write_text("".join(documents))
        (cls.set / "queries.jsonl").write_bytes((DEMO / "queries.jsonl").read_bytes())
        (cls.set / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(judged[::2]))

    def evaluate(self, *options):
        done = run("eval", self.set, "--model", MODEL, "--json", self.path / "eval.json", "--vectors-cache", self.path / "vectors", *options)
        return done.stdout, {stage["stage"]: stage for stage in json.load(open(self.path / "eval.json"))}

    def check(self, table, stages):
        self.assertEqual(list(stages), self.STAGES)
        for name in self.STAGES:
            self.assertIn(name, table)
        self.assertEqual(stages["float32"]["retention"], 1)
        self.assertEqual(stages["float32"]["exact_recall@10"], 1)
        self.assertEqual(stages["float32"]["bytes_per_vector"], 4 * 384)
        self.assertEqual(stages["binary"]["bytes_per_vector"], 384 / 8)
        for stage in stages.values():
            self.assertAlmostEqual(stage["retention"], stage["ndcg@10"] / stages["float32"]["ndcg@10"], places=9)
            self.assertGreater(stage["us_per_query"], 0)
            for measure in ("ndcg@10", "recall@10", "recall@100", "mrr@10", "exact_recall@10"):
                self.assertTrue(0 < stage[measure] <= 1, (stage["stage"], measure))
        for name in ("binary+float", "binary+int8+float", "asymmetric+int8+float"):
            self.assertGreater(stages[name]["retention"], 0.99, name)

    def test_every_stage_is_measured(self):
        table, stages = self.evaluate()
        self.check(table, stages)
        self.assertGreater(stages["float32"]["ndcg@10"], 0.9)

    def test_a_second_run_gives_the_same_quality(self):
        measures = ("ndcg@10", "recall@10", "recall@100", "mrr@10", "exact_recall@10", "bytes_per_vector")
        first = [[stage[measure] for measure in measures] for stage in self.evaluate()[1].values()]
        second = [[stage[measure] for measure in measures] for stage in self.evaluate()[1].values()]
        self.assertEqual(first, second)

    def test_a_deeper_first_stage_finds_more(self):
        shallow = self.evaluate("--oversampling", "1")[1]["binary+float"]["exact_recall@10"]
        deep = self.evaluate("--oversampling", "4")[1]["binary+float"]["exact_recall@10"]
        self.assertLess(shallow, deep)
        self.assertEqual(deep, 1)  # 40 of 40 documents

    def test_a_cross_encoder_reads_the_first_documents_again(self):
        golden = pathlib.Path(__file__).resolve().parents[2] / "encoder/golden/rerankers/bert"
        table, stages = self.evaluate("--rerank", golden, "--rerank-depth", "5")
        self.assertIn("the first 5 of each exact search read again", table)
        reranked = stages.pop("float32+rerank")
        self.check(table, stages)
        queries = len({line.split("\t")[0] for line in (self.set / "qrels.tsv").read_text().splitlines()[1:]})
        self.assertEqual((reranked["rerank_depth"], reranked["pairs"]), (5, 5 * queries))
        # Random weights order five documents at random: worse than the search did.
        self.assertTrue(0 < reranked["ndcg@10"] < stages["float32"]["ndcg@10"])
        one = self.evaluate("--rerank", golden, "--rerank-depth", "1")[1]
        self.assertAlmostEqual(one["float32+rerank"]["ndcg@10"], one["float32"]["ndcg@10"], places=9)
        self.assertIn("nosuchmodel", run("eval", self.set, "--rerank", "nosuchmodel", expect=1).stderr)

    def test_two_models_are_compared_query_by_query(self):
        golden = pathlib.Path(__file__).resolve().parents[2] / "encoder/golden/models/cls"
        alone = self.evaluate()[1]
        out = self.path / "compared.json"
        options = ("--json", out, "--vectors-cache", self.path / "vectors")
        table = run("eval", self.set, "--model", MODEL, "--compare", golden, *options).stdout
        report = json.load(open(out))
        self.assertEqual([stage["stage"] for stage in report["differences"]], self.STAGES)
        for stage, before, after in zip(report["differences"], report["before"], report["after"]):
            self.assertIn(stage["stage"], table)
            self.assertEqual(before["ndcg@10"], alone[stage["stage"]]["ndcg@10"])
            self.assertEqual((stage["before"], stage["after"]), (before["ndcg@10"], after["ndcg@10"]))
            self.assertAlmostEqual(stage["difference"], stage["after"] - stage["before"], places=9)
            # A tiny model with random weights.
            self.assertLess(stage["interval_high"], -0.3, stage)
            self.assertLess(stage["p_value"], 0.001, stage)
            self.assertGreater(stage["queries_worse"], 10 * stage["queries_better"], stage)
        run("eval", self.set, "--model", MODEL, "--compare", MODEL, *options)
        for stage in json.load(open(out))["differences"]:
            self.assertEqual((stage["difference"], stage["p_value"], stage["queries_better"]), (0, 1, 0))
        self.assertIn("nosuchmodel", run("eval", self.set, "--compare", "nosuchmodel", expect=1).stderr)
        run("eval", self.set, "--compare-weights", "int8", expect=2)

    def test_sets_that_are_incomplete_are_refused(self):
        broken = self.path / "broken"
        broken.mkdir()
        self.assertIn("corpus.jsonl", run("eval", broken, expect=1).stderr)
        self.assertIn("nosuch.tsv", run("eval", DEMO, "--split", "nosuch", expect=1).stderr)


class EvalDemo(Eval):
    """The whole demo corpus: the figures of an independent implementation."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set = DEMO

    def test_every_stage_is_measured(self):
        table, stages = self.evaluate()
        self.check(table, stages)
        self.assertAlmostEqual(stages["float32"]["ndcg@10"], 0.9416, places=3)
        self.assertAlmostEqual(stages["float32"]["recall@10"], 0.9882, places=3)
        self.assertAlmostEqual(stages["float32"]["recall@100"], 1.0, places=3)
        # What signs and int8 keep; ties may fall otherwise.
        self.assertAlmostEqual(stages["int8"]["ndcg@10"], 0.9413, delta=0.003)
        self.assertAlmostEqual(stages["binary"]["ndcg@10"], 0.9068, delta=0.006)
        self.assertAlmostEqual(stages["asymmetric"]["ndcg@10"], 0.9250, delta=0.006)

    test_a_cross_encoder_reads_the_first_documents_again = None
    test_a_deeper_first_stage_finds_more = None
    test_a_second_run_gives_the_same_quality = None
    test_sets_that_are_incomplete_are_refused = None
    test_two_models_are_compared_query_by_query = None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon(NeedsModel):
    def setUp(self):
        if not (pathlib.Path(ORTHANT).parent / "orthantd").exists():
            self.skipTest("orthantd is not built beside orthant")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = pathlib.Path(tempfile.mkdtemp(dir=self.path))
        # The state of ingestion goes into a home of our own; the model is named by its folder.
        self.env = {"ORTHANT_HOME": str(self.data / "home")}
        self.start()

    def tearDown(self):
        if hasattr(self, "process") and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def start(self):
        self.process = subprocess.Popen(
            [ORTHANT, "serve", "--data", str(self.data / "data"), "--http-port", str(self.port), "--model", f"{MODEL}={model_folder()}"],
            stderr=open(self.data / "log.txt", "a"), env={**os.environ, **self.env})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url + "/readyz", timeout=1)
                return
            except OSError:
                self.assertIsNone(self.process.poll(), (self.data / "log.txt").read_text())
                time.sleep(0.05)
        self.fail("the daemon is not ready after a minute")

    def kill_and_start(self):
        self.process.kill()
        self.process.wait(30)
        self.start()

    def ingest(self, *arguments, expect=0):
        return run("ingest", *arguments, "--url", self.url, env=self.env, expect=expect)

    def search(self, text, *options):
        done = run("search", text, "--url", self.url, "--json", *options, env=self.env)
        return json.loads(done.stdout)

    def count(self, collection):
        request = urllib.request.Request(f"{self.url}/collections/{collection}/points/count", b'{"exact": true}',
                                         {"content-type": "application/json"})
        return json.load(urllib.request.urlopen(request))["result"]["count"]

    def test_documents_are_found_after_kill_and_restart(self):
        source = self.data / "part.jsonl"
        source.write_text("".join(open(DEMO / "corpus.jsonl").readlines()[:60]))
        done = self.ingest(source, "--collection", "demo")
        self.assertIn("60 documents", done.stdout)
        self.assertEqual(self.count("demo"), 60)
        ids = {json.loads(line)["_id"] for line in open(source)}
        judged = dict(line.split("\t")[:2] for line in open(DEMO / "qrels/test.tsv").read().splitlines()[1:])
        questions = [json.loads(line) for line in open(DEMO / "queries.jsonl")]
        questions = [question for question in questions if judged[question["_id"]] in ids][::15]
        before = [self.search(question["text"], "--collection", "demo") for question in questions]
        found = sum(judged[question["_id"]] in [point["payload"]["_id"] for point in points]
                    for question, points in zip(questions, before))
        self.assertGreaterEqual(found, len(questions) - 2)
        self.assertIn(before[0][0]["payload"]["title"], before[0][0]["text"])
        shown = run("search", questions[0]["text"], "--collection", "demo", "--url", self.url).stdout
        self.assertIn(before[0][0]["payload"]["_id"], shown)
        self.assertIn(before[0][0]["payload"]["title"], shown)
        self.kill_and_start()
        after = [self.search(question["text"], "--collection", "demo") for question in questions]
        self.assertEqual(before, after)
        info = run("info", "--url", self.url).stdout
        self.assertIn("demo", info)
        self.assertIn("60", info)

    def test_quality_of_a_collection_is_measured_and_judged(self):
        source = self.data / "part.jsonl"
        source.write_text("".join(open(DEMO / "corpus.jsonl").readlines()[:120]))
        self.ingest(source, "--collection", "demo")
        files = {form: self.data / f"curve.{form}" for form in ("json", "csv", "svg")}
        done = run("quality", "demo", "--url", self.url, "--samples", "10", "--judgements", DEMO, *(
            word for form, file in files.items() for word in (f"--{form}", str(file))))
        figures = json.load(open(files["json"]))
        judged = {line.split("\t")[0] for line in open(DEMO / "qrels/test.tsv").read().splitlines()[1:]}
        self.assertEqual(figures["judged"]["queries"], len(judged))
        self.assertGreater(figures["judged"]["missing_points"], 0)  # most documents are not in
        self.assertEqual(figures["judged"]["retention"], 1)
        self.assertGreater(figures["judged"]["ndcg@10"], 0)
        self.assertEqual(figures["served"]["recall@10"], 1)
        self.assertEqual(figures["live_rows"], 120)
        self.assertIn("as served at target 0.99: recall@10 1.0000", done.stdout)
        self.assertIn("judged documents are not in the collection", done.stdout)
        self.assertEqual(len(files["csv"].read_text().splitlines()), 2 + len(figures["curve"]))
        self.assertTrue(files["svg"].read_text().startswith("<svg"))
        self.assertIn("(kept; --refresh measures anew)", run("quality", "demo", "--url", self.url).stdout)
        self.assertIn("absent", run("quality", "absent", "--url", self.url, expect=1).stderr)

    def test_bad_lines_are_reported_and_the_rest_is_in(self):
        source = self.data / "mixed.jsonl"
        source.write_text('{"id": 1, "text": "a first text"}\n{"id": 2}\nnot json\n\n{"id": 1, "text": "the same id again"}\n'
                          '{"_id": "name", "title": "T", "text": "mapped", "colour": "red"}\n')
        done = self.ingest(source, "--collection", "mixed", expect=1)
        self.assertIn("mixed.jsonl:2:", done.stderr)
        self.assertIn("mixed.jsonl:3:", done.stderr)
        self.assertIn("2 lines refused", done.stdout)
        self.assertIn("1 lines repeat an id", done.stdout)
        self.assertEqual(self.count("mixed"), 2)
        first = self.search("the same id again", "--collection", "mixed", "--limit", "1")
        self.assertEqual(first[0]["id"], 1)
        red = self.search("anything", "--collection", "mixed", "--filter", '{"must": [{"key": "colour", "match": {"value": "red"}}]}')
        self.assertEqual([point["payload"]["_id"] for point in red], ["name"])

    def operations(self, collection):
        try:
            answer = urllib.request.urlopen(f"{self.url}/collections/{collection}/documents")
        except urllib.error.HTTPError:
            return []
        return json.load(answer)["result"]["operations"]

    def begin_ingestion(self, source, collection):
        """A running `orthant ingest` of which some lines are done already."""
        running = subprocess.Popen([ORTHANT, "ingest", str(source), "--collection", collection, "--url", self.url],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **self.env})
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            operations = self.operations(collection)
            if operations and operations[0]["next_line"] > 1:
                return running
            time.sleep(0.01)
        self.fail("nothing is ingested after a minute")

    def write_subjects(self, count):
        source = self.data / "many.jsonl"
        lines = [json.dumps({"id": i, "text": f"document {i} is about subject {i % 97}"}) for i in range(count)]
        lines[10] = "no document"
        source.write_text("\n".join(lines[:20]) + "\n\n" + "\n".join(lines[20:]) + "\n")
        return source

    def test_ingestion_goes_on_after_both_ends_were_killed(self):
        source = self.write_subjects(1500)
        running = self.begin_ingestion(source, "many")
        running.kill()
        running.communicate()
        self.kill_and_start()
        [operation] = self.operations("many")
        done_lines = operation["next_line"] - 1
        self.assertTrue(0 < done_lines < 1501, operation)
        self.assertFalse(operation["finished"])
        self.assertGreaterEqual(self.count("many"), operation["accepted"])
        # What was written to a point since is not undone.
        body = json.dumps({"points": [0], "payload": {"touched": True}}).encode()
        request = urllib.request.Request(f"{self.url}/collections/many/points/payload?wait=true", body, {"content-type": "application/json"})
        urllib.request.urlopen(request)
        done = self.ingest(source, "--collection", "many", expect=1)
        self.assertIn(f"going on after line {done_lines:,}", done.stderr)
        self.assertIn("1,499 documents", done.stdout)
        self.assertIn("1 lines refused", done.stdout)
        self.assertEqual(self.count("many"), 1499)
        [operation] = self.operations("many")
        self.assertTrue(operation["finished"])
        self.assertEqual((operation["next_line"], operation["accepted"]), (1502, 1499))
        point = json.load(urllib.request.urlopen(f"{self.url}/collections/many/points/0"))["result"]
        self.assertEqual(point["payload"], {"touched": True})
        # Once more is a new operation, from the first line on.
        again = self.ingest(source, "--collection", "many", expect=1)
        self.assertNotIn("going on", again.stderr)
        self.assertEqual(len(self.operations("many")), 2)
        self.assertEqual(self.count("many"), 1499)

    def test_ingestion_outlives_the_daemon(self):
        source = self.write_subjects(1500)
        running = self.begin_ingestion(source, "many")
        self.kill_and_start()
        out, err = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 1, err)  # of the bad line
        self.assertIn("1,499 documents", out)
        self.assertEqual(self.count("many"), 1499)
        self.assertEqual([operation["finished"] for operation in self.operations("many")], [True])

    def test_packed_files_and_tables_are_read(self):
        import gzip
        packed = self.data / "table.tsv.gz"
        packed.write_bytes(gzip.compress(b"id\ttitle\ttext\tyear\n1\tRose\tsmells sweet\t1999\n2\tIron\tis hard\t2001\n"))
        self.ingest(packed, "--collection", "table")
        points = self.search("something hard", "--collection", "table", "--limit", "1")
        self.assertEqual((points[0]["id"], points[0]["payload"]["year"]), (2, "2001"))

    def test_errors_of_the_daemon_are_passed_on(self):
        done = run("search", "x", "--collection", "absent", "--url", self.url, expect=1)
        self.assertIn("absent", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


def main():
    global ORTHANT
    ORTHANT = sys.argv[1]
    cases = {name.lower(): case for name, case in globals().items() if isinstance(case, type) and issubclass(case, unittest.TestCase)}
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(cases[sys.argv[2]])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    if not result.wasSuccessful():
        return 1
    if result.skipped and len(result.skipped) >= result.testsRun:
        print(f"SKIPPED: {result.skipped[0][1]}")
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
