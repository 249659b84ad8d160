"""The dashboard in a headless Chromium: what a user sees is compared with what the API says. With ORTHANT_SCREENSHOTS=DIR every
view is also saved as a picture, to be looked at. With ORTHANT_ASSETS=DIR the pages are those of a folder, not those of the binary."""

import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
import urllib.request

import numpy as np

BROWSER = next((found for found in map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome")) if found), None)
if BROWSER is None:
    print("skipped: no Chromium is installed")
    sys.exit(77)

from playwright.sync_api import sync_playwright

URL = sys.argv.pop(1)
PAGE = URL + "/dashboard/index.html"
PICTURES = os.environ.get("ORTHANT_SCREENSHOTS")
ASSETS = os.environ.get("ORTHANT_ASSETS")
VIEWS = ("search", "overview", "quality", "map", "upload")
TOPICS = {
    "sky": ["The moon moves the tides of the sea.", "Saturn has rings of ice.", "A comet's tail points away from the sun.",
            "Stars are born in clouds of dust."],
    "kitchen": ["Bread rises because yeast makes gas.", "Salt keeps fish from spoiling.", "Onions are fried until they are brown.",
                "A cake needs eggs, flour and sugar."],
    "law": ["A contract needs an offer and its acceptance.", "The court heard both parties.", "A patent lasts twenty years.",
            "Taxes are due at the end of the year."],
}


def call(method, path, body=None):
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, method=method, headers={"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))


def fill():
    lines = []
    for topic, sentences in TOPICS.items():
        for number in range(12):
            text = f"{sentences[number % 4]} ({topic}, {number // 4})"
            lines.append(json.dumps({"id": len(lines) + 1, "text": text, "payload": {"topic": topic, "number": number}}))
    call("POST", "/collections/notes/documents?create=true", "\n".join(lines).encode())
    rows = np.random.default_rng(11).normal(size=(400, 16))
    points = [{"id": i, "vector": row.tolist(), "payload": {"title": f"row {i}", "parity": i % 2}} for i, row in enumerate(rows)]
    call("PUT", "/collections/rows", {"vectors": {"size": 16, "distance": "Cosine"}})
    call("PUT", "/collections/rows/points?wait=true", {"points": points})


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        fill()
        cls.driver = sync_playwright().start()
        cls.browser = cls.driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.driver.stop()

    def setUp(self):
        self.pages = []

    def tearDown(self):
        for page in self.pages:
            self.assertEqual(page.complaints, [], "what the browser complained of")
            page.context.close()

    def page(self, **options):
        page = self.browser.new_context(viewport=options.pop("viewport", {"width": 1200, "height": 850}), **options).new_page()
        page.complaints = []
        if ASSETS:
            page.route("**/dashboard/*", lambda route: route.fulfill(path=pathlib.Path(ASSETS) / pathlib.Path(route.request.url.split("#")[0]).name))
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.set_default_timeout(60_000)
        self.pages.append(page)
        return page

    def show(self, page, view, collection="notes"):
        page.goto(f"{PAGE}#/{collection}/{view}")
        page.wait_for_selector({"search": ".search-box", "overview": ".tile", "quality": ".tile, .error", "map": "canvas, .error",
                                "upload": ".drop"}[view])

    def test_lists_collections_with_size_memory_and_recall(self):
        call("GET", "/collections/rows/quality")
        page = self.page()
        page.goto(PAGE)
        page.locator(".collections dl").nth(1).wait_for()
        cards = dict(zip(page.locator(".collections h2").all_inner_texts(), page.locator(".collections dl").all_inner_texts()))
        self.assertIn("36", cards["notes"])
        self.assertIn("384 Cosine", cards["notes"])
        self.assertIn("all-MiniLM-L6-v2", cards["notes"])
        self.assertIn("measure", cards["notes"])
        self.assertRegex(cards["rows"], r"Recall@10\s+1")

    def test_searches_with_the_keyboard_alone(self):
        page = self.page()
        self.show(page, "search")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("/")
        page.keyboard.type("why does dough get bigger?")
        page.keyboard.press("Enter")
        page.wait_for_selector(".result")
        wanted = call("POST", "/collections/notes/points/query", {"query": {"text": "why does dough get bigger?"}, "limit": 10})
        ids = [str(point["id"]) for point in wanted["result"]["points"]]
        self.assertEqual(page.locator(".result .head .mono").all_inner_texts(), ids)
        self.assertIn("Bread rises", page.locator(".result").first.inner_text())
        self.assertEqual(float(page.locator(".result .num").first.inner_text()), round(wanted["result"]["points"][0]["score"], 4))
        self.assertIn("encoding", page.locator(".stages").inner_text())
        page.locator(".result").first.focus()
        page.keyboard.press("ArrowDown")
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.result')].indexOf(document.activeElement)"), 1)

    def test_searches_with_a_filter_and_shows_what_is_wrong_with_one(self):
        page = self.page()
        self.show(page, "search")
        page.locator("summary").click()
        page.fill("textarea", '{"must": [{"key": "topic", "match": {"value": "law"}}]}')
        page.fill(".search-box", "stars")
        page.keyboard.press("Enter")
        page.wait_for_selector(".result")
        self.assertEqual({"law" in text for text in page.locator(".result .fields").all_inner_texts()}, {True})
        page.fill("textarea", "{")
        page.locator("form[role=search] button.main").click()
        page.wait_for_selector(".error")
        self.assertIn("Filter: not JSON", page.locator(".error").inner_text())

    def test_shows_payloads_as_text_never_as_markup(self):
        attack = "<img src=x onerror=\"document.title='broken'\">"
        call("POST", "/collections/attack/documents?create=true", json.dumps({"id": 1, "text": attack, "payload": {attack: attack}}).encode())
        page = self.page()
        for view in VIEWS[:2]:
            self.show(page, view, "attack")
        self.show(page, "search", "attack")
        page.fill(".search-box", "image")
        page.keyboard.press("Enter")
        page.wait_for_selector(".result")
        self.assertIn("onerror", page.locator(".result").inner_text())
        self.assertEqual(page.locator(".result img").count(), 0)
        self.assertIn("Orthant", page.title())
        call("DELETE", "/collections/attack")

    def test_uploads_lines_and_tells_the_bad_ones(self):
        page = self.page()
        self.show(page, "upload", "uploaded")
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "documents.jsonl"
            file.write_text('{"id": 1, "text": "Rain falls."}\n{"id": "?", "text": "bad id"}\n{"id": 3, "text": "Snow melts."}\n')
            page.set_input_files("input[type=file]", str(file))
            page.wait_for_selector("dl.facts")
        self.assertRegex(page.locator("dl.facts").inner_text(), r"Accepted\s+2\s+Refused\s+1")
        self.assertEqual(page.locator("tbody td").first.inner_text(), "2")
        self.assertEqual(call("GET", "/collections/uploaded")["result"]["points_count"], 2)
        call("DELETE", "/collections/uploaded")

    def test_draws_the_quality_that_was_measured(self):
        page = self.page()
        self.show(page, "quality", "rows")
        page.wait_for_selector("svg.plot circle")
        quality = call("GET", "/collections/rows/quality")["result"]
        self.assertEqual(page.locator("svg.plot circle").count(), len(quality["curve"]))
        self.assertIn(f"{quality['served']['recall@10']:.4g}".rstrip("0").rstrip("."), page.locator(".tile").first.inner_text())
        self.assertEqual(page.locator("tbody tr").count(), len(quality["curve"]))

    def test_lets_another_model_take_over(self):
        models = [model for model in call("GET", "/models")["result"]["models"] if model["kind"] == "encoder"]
        if len(models) < 2:
            self.skipTest("the daemon has one encoder")
        before = call("GET", "/collections/notes/points/1")["result"]
        page = self.page()
        self.show(page, "overview")
        card = page.locator(".reembed")
        other = models[1]["name"]
        card.locator(f"option[value='{other}']").wait_for(state="attached")
        self.assertEqual(card.locator("select option").all_inner_texts(), [model["name"] for model in models[1:]])
        card.locator("select").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        card.get_by_text(f"Finished: 36 of 36 texts by {other}").wait_for()
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/reembedded.png", full_page=True)
        # What the page says of the vector is what serves now.
        self.assertIn(f"{other}, ", page.locator(".columns .card").first.inner_text())
        self.assertEqual(card.locator("progress").evaluate("bar => bar.value"), 1)
        served = call("GET", "/collections/notes")["result"]["config"]
        self.assertEqual(served["params"]["vectors"]["size"], models[1]["dim"])
        self.assertEqual(call("GET", "/collections/notes/points/1")["result"]["payload"], before["payload"])
        # And back, for the other tests; what cannot be done is told.
        self.show(page, "overview", "rows")
        card.locator("button.main").click()
        card.locator(".error").wait_for()
        self.assertIn("no text is kept", card.locator(".error").inner_text())
        page.complaints.clear()  # the refusal is one
        call("POST", "/collections/notes/reembed", {"model": models[0]["name"]})
        while call("GET", "/collections/notes/reembed")["result"]["status"] != "finished":
            pass

    def test_draws_a_map_that_the_keyboard_walks(self):
        page = self.page()
        for layout in ("pca", "neighbours"):
            self.show(page, "map")
            page.wait_for_selector("canvas")
            page.locator("select").nth(1).select_option(layout)
            page.wait_for_selector("canvas")
            page.locator("select").nth(2).select_option("topic")
            page.locator("canvas").focus()
            page.keyboard.press("ArrowRight")
            page.wait_for_selector(".point .result")
            first = page.locator(".point .mono").inner_text()
            for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
                page.keyboard.press(key)
            self.assertIn(first, [str(i) for i in range(1, 37)])
            self.assertEqual(page.locator(".legend li").count(), 4)
            colours = page.evaluate("""() => {
              const canvas = document.querySelector("canvas");
              const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
              const seen = new Set();
              for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
              return seen.size;
            }""")
            self.assertGreaterEqual(colours, 3)

    def test_projects_as_singular_vectors_do(self):
        rows = np.random.default_rng(5).normal(size=(200, 12)) * np.linspace(3, 0.5, 12)
        page = self.page()
        page.goto(PAGE)
        plane = np.array(page.evaluate("""async (rows) => {
          const { principalComponents } = await import("/dashboard/projection.js");
          return [...principalComponents(Float32Array.from(rows.flat()), rows.length, rows[0].length)];
        }""", rows.tolist())).reshape(-1, 2)
        centred = rows - rows.mean(axis=0)
        left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
        for axis in range(2):
            expected = left[:, axis] * sizes[axis]
            cosine = abs(plane[:, axis] @ expected) / np.linalg.norm(plane[:, axis]) / np.linalg.norm(expected)
            self.assertGreater(cosine, 0.999)

    def test_keeps_neighbours_together(self):
        rng = np.random.default_rng(6)
        centres = rng.normal(size=(4, 20)) * 4
        rows = np.concatenate([centre + rng.normal(size=(40, 20)) for centre in centres])
        page = self.page()
        page.goto(PAGE)
        plane = np.array(page.evaluate("""async (rows) => {
          const { neighbourLayout, principalComponents } = await import("/dashboard/projection.js");
          const flat = Float32Array.from(rows.flat());
          return [...neighbourLayout(flat, rows.length, rows[0].length, principalComponents(flat, rows.length, rows[0].length))];
        }""", rows.tolist())).reshape(-1, 2)
        self.assertTrue(np.isfinite(plane).all())
        group = np.repeat(np.arange(4), 40)
        distances = np.linalg.norm(plane[:, None] - plane[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        same = group[np.argsort(distances, axis=1)[:, :10]] == group[:, None]
        self.assertGreater(same.mean(), 0.97)

    def test_fits_a_phone_in_light_and_dark(self):
        backgrounds = set()
        for scheme in ("light", "dark"):
            for width in (360, 1200):
                page = self.page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.goto(PAGE)
                page.wait_for_selector(".collections dl")
                self.check_width(page, "collections", scheme, width)
                for view in VIEWS:
                    self.show(page, view, "notes" if view == "search" else "rows")
                    if view == "search":
                        page.fill(".search-box", "planets")
                        page.keyboard.press("Enter")
                        page.wait_for_selector(".result")
                    self.check_width(page, view, scheme, width)
                backgrounds.add((scheme, page.evaluate("getComputedStyle(document.body).backgroundColor")))
        self.assertEqual(len({colour for _, colour in backgrounds}), 2)

    def check_width(self, page, view, scheme, width):
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/{view}-{scheme}-{width}.png", full_page=True)
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width, f"{view} is wider than a screen of {width}")


unittest.main(verbosity=2)
