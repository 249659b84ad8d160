"""The openai package against orthantd."""

import base64
import json
import sys
import unittest
import urllib.request

import numpy as np
import openai

URL = sys.argv.pop(1)
MODEL = "all-MiniLM-L6-v2"
TEXTS = ["a first text", "Ein zweiter Text, länger als der erste.", "third"]


class Embeddings(unittest.TestCase):
    def setUp(self):
        self.client = openai.OpenAI(base_url=URL + "/v1", api_key="unused", max_retries=0)

    def tearDown(self):
        self.client.close()

    def embed(self, texts=TEXTS, **options):
        return self.client.embeddings.create(model=MODEL, input=texts, **options)

    def test_models(self):
        self.assertIn(MODEL, [model.id for model in self.client.models.list().data])
        self.assertEqual(self.client.models.retrieve(MODEL).owned_by, "orthant")

    def test_float_and_base64_are_the_same(self):
        as_float = self.embed(encoding_format="float")
        as_base64 = self.embed(encoding_format="base64")
        self.assertEqual([item.index for item in as_float.data], [0, 1, 2])
        for ours, packed in zip(as_float.data, as_base64.data):
            floats = np.frombuffer(base64.b64decode(packed.embedding), dtype="<f4")
            self.assertEqual(floats.tolist(), np.asarray(ours.embedding, dtype=np.float32).tolist())
            self.assertAlmostEqual(float(np.linalg.norm(floats)), 1.0, places=5)
        self.assertEqual(as_float.usage.prompt_tokens, as_float.usage.total_tokens)
        self.assertGreater(as_float.usage.total_tokens, 10)

    def test_the_client_s_default_is_understood(self):
        self.assertEqual(len(self.embed().data[0].embedding), 384)
        self.assertEqual(len(self.embed("one text").data), 1)

    def test_dimensions_cut_and_normalize_again(self):
        whole = np.array(self.embed().data[1].embedding)
        cut = np.array(self.embed(dimensions=100).data[1].embedding)
        np.testing.assert_allclose(cut, whole[:100] / np.linalg.norm(whole[:100]), atol=1e-6)

    def test_text_embeddings_inference_gives_the_same(self):
        def post(path, body):
            request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"content-type": "application/json"})
            return json.load(urllib.request.urlopen(request, timeout=60))

        ours = [item.embedding for item in self.embed(encoding_format="float").data]
        np.testing.assert_allclose(post("/embed", {"inputs": TEXTS}), ours, atol=1e-6)
        np.testing.assert_allclose(post("/embed", {"inputs": TEXTS[1], "dimensions": 100}),
                                   [self.embed(dimensions=100, encoding_format="float").data[1].embedding], atol=1e-6)

    def test_output_precisions(self):
        def codes(precision, **options):
            return self.embed(encoding_format="float", extra_body={"output_precision": precision}, **options).data[0].embedding

        floats = np.array(self.embed().data[0].embedding)
        bits = np.packbits(floats > 0)
        self.assertEqual(codes("ubinary"), bits.tolist())
        self.assertEqual(codes("binary"), (bits.astype(int) - 128).tolist())
        for precision, low, high in (("int8", -128, 127), ("uint8", 0, 255)):
            values = np.array(codes(precision))
            self.assertEqual(values.shape, (384,))
            self.assertTrue(values.min() >= low and values.max() <= high and len(set(values)) > 50)
            self.assertGreater(np.corrcoef(values, floats)[0, 1], 0.9)

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.client.embeddings.create(model="no-such-model", input="x")
        self.assertEqual(caught.exception.code, "model_not_found")
        for broken in ({"input": ""}, {"input": []}, {"input": [[1, 2]]}, {"input": "x", "dimensions": 1000},
                       {"input": "x", "extra_body": {"output_precision": "int3"}}):
            with self.subTest(broken), self.assertRaises(openai.BadRequestError):
                self.client.embeddings.create(model=MODEL, **broken)


unittest.main(verbosity=1)
