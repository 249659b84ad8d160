"""Aliases and snapshots over HTTP, against daemons of its own: backup, restore, damage, path tricks, kill -9 in the middle."""

import hashlib
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
from random_seed import random_seed  # noqa: E402

DAEMON = sys.argv.pop(1)
SEED = random_seed()
DIM = 8


class Daemon:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.log = open(self.folder / "log", "a+")
        command = [DAEMON, "--data", str(self.folder / "data"), "--http-port", "0", "--model", "none"]
        before = self.log.tell()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.url = self.wait_until_ready(before)

    def wait_until_ready(self, before):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            text = (self.folder / "log").read_text()[before:]
            for line in text.splitlines():
                if "http://" in line:
                    url = "http://" + line.split("http://", 1)[1].split()[0].rstrip("/.,")
                    try:
                        if urllib.request.urlopen(url + "/readyz", timeout=5).status == 200:
                            return url
                    except (urllib.error.URLError, OSError):
                        pass
            if self.process.poll() is not None:
                raise RuntimeError("the daemon ended: " + text)
            time.sleep(0.02)
        raise RuntimeError("the daemon is not ready")

    def call(self, method, path, body=None, headers=None, raw=None):
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)

    def json(self, method, path, body=None, expect=200, **options):
        status, text, _ = self.call(method, path, body, **options)
        if status != expect:
            raise AssertionError(f"{method} {path}: {status} {text[:500]}")
        return json.loads(text)

    def error(self, method, path, body=None, **options):
        status, text, _ = self.call(method, path, body, **options)
        try:
            return status, json.loads(text)["status"]["error"]
        except (ValueError, KeyError, TypeError):
            return status, text.decode()

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)
        self.log.close()


def fill(daemon, name, first, count, text="", create=True):
    rng = random.Random(SEED + first)
    if create:
        daemon.json("PUT", f"/collections/{name}", {"vectors": {"size": DIM, "distance": "Dot"}})
    for begin in range(first, first + count, 1000):
        points = [
            {"id": i, "vector": [rng.uniform(-1, 1) for _ in range(DIM)], "payload": {"n": i, "text": text}}
            for i in range(begin, min(begin + 1000, first + count))
        ]
        daemon.json("PUT", f"/collections/{name}/points?wait=true", {"points": points})


def everything(daemon, name):
    found, offset = [], None
    while True:
        body = {"limit": 5000, "with_payload": True, "with_vector": True, **({} if offset is None else {"offset": offset})}
        page = daemon.json("POST", f"/collections/{name}/points/scroll", body)["result"]
        found += page["points"]
        offset = page["next_page_offset"]
        if offset is None:
            return found


def multipart(name, content):
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n'.encode()
    return head + content + b"\r\n--XX--\r\n", {"Content-Type": "multipart/form-data; boundary=XX"}


class Case(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.daemon = Daemon(self.temporary.name)

    def tearDown(self):
        self.daemon.stop()
        self.temporary.cleanup()

    def restart(self, how=signal.SIGTERM):
        self.daemon.stop(how)
        self.daemon = Daemon(self.temporary.name)


class Aliases(Case):
    def act(self, *actions, expect=200):
        return self.daemon.json("POST", "/collections/aliases", {"actions": list(actions)}, expect=expect)

    def listed(self, path="/aliases"):
        return [(a["alias_name"], a["collection_name"]) for a in self.daemon.json("GET", path)["result"]["aliases"]]

    def test_an_alias_stands_for_its_collection(self):
        daemon = self.daemon
        fill(daemon, "one", 0, 10)
        fill(daemon, "two", 100, 5)
        self.act({"create_alias": {"collection_name": "one", "alias_name": "now"}})
        self.assertEqual(len(everything(daemon, "now")), 10)
        fill(daemon, "now", 10, 3, create=False)
        self.assertEqual(daemon.json("GET", "/collections/now")["result"]["points_count"], 13)
        self.assertTrue(daemon.json("GET", "/collections/now/exists")["result"]["exists"])
        daemon.json("PATCH", "/collections/now", {"metadata": {"a": 1}})
        self.assertEqual(daemon.json("GET", "/collections/one")["result"]["config"]["metadata"], {"a": 1})
        # A switch and its way back are one step each.
        self.act({"delete_alias": {"alias_name": "now"}}, {"create_alias": {"collection_name": "two", "alias_name": "now"}})
        self.assertEqual(len(everything(daemon, "now")), 5)
        self.act({"rename_alias": {"old_alias_name": "now", "new_alias_name": "later"}})
        self.assertEqual(self.listed(), [("later", "two")])
        self.assertEqual(self.listed("/collections/one/aliases"), [])
        self.assertEqual(self.listed("/collections/later/aliases"), [("later", "two")])
        self.restart(signal.SIGKILL)
        self.assertEqual(self.listed(), [("later", "two")])
        # Not a name to delete by, and gone with its collection.
        self.assertFalse(self.daemon.json("DELETE", "/collections/later")["result"])
        self.assertTrue(self.daemon.json("DELETE", "/collections/two")["result"])
        self.assertEqual(self.listed(), [])
        self.assertEqual(self.daemon.error("GET", "/collections/later"), (404, "Not found: Collection `later` doesn't exist!"))

    def test_actions_are_carried_out_together_or_not_at_all(self):
        fill(self.daemon, "one", 0, 1)
        fill(self.daemon, "two", 0, 1)
        good = {"create_alias": {"collection_name": "one", "alias_name": "a"}}
        taken = {"create_alias": {"collection_name": "one", "alias_name": "two"}}
        missing = {"create_alias": {"collection_name": "none", "alias_name": "b"}}
        unknown = {"rename_alias": {"old_alias_name": "x", "new_alias_name": "y"}}
        self.assertIn("already exists", self.act(good, taken, expect=409)["status"]["error"])
        self.act(good, missing, expect=404)
        self.act(good, unknown, expect=404)
        self.act(good, {"nonsense": {}}, expect=400)
        self.act({"create_alias": {"collection_name": "one", "alias_name": "a/b"}}, expect=422)
        self.assertEqual(self.listed(), [])
        self.act(good, {"delete_alias": {"alias_name": "unknown"}})
        status, text = self.daemon.error("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        self.assertEqual(status, 400)
        self.assertIn("Alias with the same name already exists", text)


class Snapshots(Case):
    def make(self, path="/collections/c/snapshots"):
        return self.daemon.json("POST", path)["result"]

    def recover(self, body, name="c", expect=200):
        return self.daemon.json("PUT", f"/collections/{name}/snapshots/recover", body, expect=expect)

    def location(self, info, name="c"):
        return f"file://{self.temporary.name}/data/snapshots/collections/{name}/{info['name']}"

    def test_a_collection_comes_back_as_it_was(self):
        daemon = self.daemon
        fill(daemon, "c", 0, 2500)
        daemon.json("PUT", "/collections/c/index?wait=true", {"field_name": "n", "field_schema": "integer"})
        daemon.json("POST", "/collections/c/points/delete?wait=true", {"points": list(range(0, 500))})
        fill(daemon, "c", 600, 100, "again", create=False)
        before, config = everything(daemon, "c"), daemon.json("GET", "/collections/c")["result"]["config"]
        info = self.make()
        self.assertRegex(info["name"], r"^c-\d{4}(-\d\d){5}.*\.snapshot$")
        self.assertRegex(info["creation_time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$")
        self.assertEqual(daemon.json("GET", "/collections/c/snapshots")["result"], [info])
        _, content, headers = daemon.call("GET", f"/collections/c/snapshots/{info['name']}")
        self.assertEqual(len(content), info["size"])
        self.assertEqual(hashlib.sha256(content).hexdigest(), info["checksum"])
        status, part, headers = daemon.call("GET", f"/collections/c/snapshots/{info['name']}", headers={"Range": "bytes=100-199"})
        self.assertEqual((status, part, headers["Content-Range"]), (206, content[100:200], f"bytes 100-199/{len(content)}"))
        # Into another name, over a changed one, and into nothing.
        fill(daemon, "c", 5000, 10, create=False)
        self.recover({"location": self.location(info), "checksum": info["checksum"]}, "copy")
        self.recover({"location": self.location(info).replace("file://", "file://localhost"), "priority": "snapshot"})
        for name in ("c", "copy"):
            self.assertEqual(everything(daemon, name), before)
            self.assertEqual(daemon.json("GET", f"/collections/{name}")["result"]["config"], config)
            self.assertEqual(daemon.json("GET", f"/collections/{name}")["result"]["payload_schema"]["n"]["points"], 2000)
        daemon.json("DELETE", "/collections/c")
        address = f"{daemon.url}/collections/copy/snapshots/{self.make('/collections/copy/snapshots')['name']}"
        self.recover({"location": address})
        self.assertEqual(everything(daemon, "c"), before)
        query = {"query": before[7]["vector"], "limit": 1}
        fill(daemon, "c", 9000, 10, create=False)
        self.assertEqual(len(daemon.json("POST", "/collections/c/points/query", query)["result"]["points"]), 1)
        body, headers = multipart("snapshot", content)
        daemon.json("POST", f"/collections/up/snapshots/upload?checksum={info['checksum']}&priority=replica", raw=body, headers=headers)
        self.assertEqual(everything(daemon, "up"), before)
        self.restart(signal.SIGKILL)
        self.assertEqual(everything(self.daemon, "up"), before)
        self.assertEqual(len(everything(self.daemon, "c")), len(before) + 10)
        self.assertTrue(self.daemon.json("DELETE", f"/collections/c/snapshots/{info['name']}")["result"])
        self.assertEqual(self.daemon.json("GET", "/collections/c/snapshots")["result"], [])
        self.assertEqual(self.daemon.error("DELETE", f"/collections/c/snapshots/{info['name']}")[0], 404)

    def test_nothing_changes_where_a_restore_is_refused(self):
        daemon = self.daemon
        fill(daemon, "c", 0, 300)
        before = everything(daemon, "c")
        info = self.make()
        _, content, _ = daemon.call("GET", f"/collections/c/snapshots/{info['name']}")
        inside = pathlib.Path(self.temporary.name) / "data" / "snapshots"
        rng = random.Random(SEED)
        tables = lambda: daemon.json("GET", "/collections")["result"]["collections"]
        damaged = bytearray(content)
        damaged[rng.randrange(40, len(content))] ^= 1 << rng.randrange(8)
        for bad in (bytes(damaged), content[: rng.randrange(len(content))], content + b"x", b"", b"no snapshot", b"ustar" * 1000,
                    content[:17] + b"\xff\0\0\0" + content[21:]):
            (inside / "bad.snapshot").write_bytes(bad)
            for name in ("c", "new"):
                status, text = daemon.error("PUT", f"/collections/{name}/snapshots/recover", {"location": f"file://{inside}/bad.snapshot"})
                self.assertEqual(status, 400, text)
                self.assertIn("snapshot", text)
            body, headers = multipart("snapshot", bad)
            self.assertEqual(daemon.error("POST", "/collections/new/snapshots/upload", raw=body, headers=headers)[0], 400)
        status, text = daemon.error("PUT", "/collections/c/snapshots/recover", {"location": self.location(info), "checksum": "3" * 64})
        self.assertEqual(status, 400)
        self.assertIn("checksum mismatch", text)
        self.assertEqual(daemon.error("PUT", "/collections/c/snapshots/recover", {"location": self.location(info), "checksum": "3"})[0], 422)
        self.assertEqual(daemon.error("PUT", "/collections/c/snapshots/recover", {})[0], 400)
        body, headers = multipart("other", content)
        self.assertEqual(daemon.error("POST", "/collections/c/snapshots/upload", raw=body, headers=headers)[0], 400)
        self.assertEqual(daemon.error("POST", "/collections/c/snapshots/upload", {"a": 1})[0], 400)
        self.assertEqual(daemon.error("POST", "/collections/none/snapshots")[0], 404)
        self.assertEqual(daemon.error("GET", "/collections/none/snapshots")[0], 404)
        self.assertEqual([c["name"] for c in tables()], ["c"])
        self.assertEqual(everything(daemon, "c"), before)
        self.assertEqual(list((inside / "tmp").iterdir()), [])

    def test_locations_stay_inside_the_folder(self):
        fill(self.daemon, "c", 0, 1)
        link = pathlib.Path(self.temporary.name) / "data" / "snapshots" / "link.snapshot"
        link.symlink_to("/etc/passwd")
        outside = "Bad request: Snapshot file path must be inside the snapshots directory"
        no_host = "Bad request: Invalid snapshot URI, file path must be absolute or on localhost"
        for location, expected in [
            ("file:///etc/passwd", outside),
            (f"file://{link}", outside),
            (f"file://{self.temporary.name}/data/snapshots/../store/CURRENT", outside),
            ("file://whatever.snapshot", no_host),
            ("file://./etc/passwd", no_host),
            ("file:///whatever.snapshot", 'Bad request: Snapshot file "/whatever.snapshot" does not exist'),
            ("file://localhost/whatever.snapshot", 'Bad request: Snapshot file "/whatever.snapshot" does not exist'),
            ("ftp://x/y", "Bad request: "),
            ("whatever", "Bad request: "),
            ("https://x/y", "Bad request: https"),
            (f"{self.daemon.url}/collections/c/snapshots/none.snapshot", "Bad request: Failed to download"),
            ("http://127.0.0.1:1/x", "Bad request: Failed to download"),
            ("http://user@host/x", "Bad request: "),
        ]:
            status, text = self.daemon.error("PUT", "/collections/new/snapshots/recover", {"location": location})
            self.assertEqual(status, 400, location)
            self.assertTrue(text.startswith(expected), f"{location}: {text}")
        for name in ("..%2F..%2Fformat", "%2Fetc%2Fpasswd", "..", ".hidden.snapshot", "a%00.snapshot", "link.snapshot"):
            for root in ("/snapshots/", "/collections/c/snapshots/", "/collections/c/shards/0/snapshots/"):
                for method in ("GET", "DELETE"):
                    self.assertIn(self.daemon.error(method, root + name)[0], (404, 400, 405), root + name)
        self.assertTrue(link.is_symlink())
        # Names of collections that mean something to a file system.
        for name in ("..", ".", "%25"):
            path = "/collections/" + name.replace("%", "%25").replace(".", "%2E")
            status, text = self.daemon.error("PUT", path, {"vectors": {"size": 2, "distance": "Dot"}})
            if status == 200:
                self.daemon.json("POST", path + "/snapshots")
        self.assertEqual({p.name for p in (pathlib.Path(self.temporary.name) / "data" / "snapshots").iterdir()},
                         {"tmp", "collections", "link.snapshot"})

    def test_without_waiting(self):
        fill(self.daemon, "c", 0, 10)
        accepted = self.daemon.json("POST", "/collections/c/snapshots?wait=false", expect=202)
        self.assertEqual((accepted["result"], accepted["status"]), (None, "accepted"))
        while not (found := self.daemon.json("GET", "/collections/c/snapshots")["result"]):
            time.sleep(0.01)
        self.daemon.json("PUT", "/collections/d/snapshots/recover?wait=false", {"location": self.location(found[0])}, expect=202)
        while self.daemon.error("GET", "/collections/d")[0] != 200:
            time.sleep(0.01)
        self.daemon.json("DELETE", f"/collections/c/snapshots/{found[0]['name']}?wait=false", expect=202)
        while self.daemon.json("GET", "/collections/c/snapshots")["result"]:
            time.sleep(0.01)
        self.assertEqual(self.daemon.error("POST", "/collections/c/snapshots?wait=maybe")[0], 400)

    def test_the_whole_daemon(self):
        daemon = self.daemon
        for name, first in (("c", 0), ("d", 100), ("e f", 200)):
            fill(daemon, name.replace(" ", "%20"), first, 20)
        daemon.json("POST", "/collections/aliases", {"actions": [{"create_alias": {"collection_name": "d", "alias_name": "now"}}]})
        before = {name: everything(daemon, name) for name in ("c", "d", "e%20f")}
        info = self.make("/snapshots")
        self.assertEqual(daemon.json("GET", "/snapshots")["result"], [info])
        _, content, _ = daemon.call("GET", f"/snapshots/{info['name']}")
        self.assertEqual(hashlib.sha256(content).hexdigest(), info["checksum"])
        location = f"file://{self.temporary.name}/data/snapshots/full/{info['name']}"
        for name in before:
            daemon.json("DELETE", f"/collections/{name}")
        # One of them by name, then all with their aliases.
        self.recover({"location": location}, "d")
        self.assertEqual(everything(daemon, "d"), before["d"])
        self.assertEqual(daemon.error("PUT", "/collections/x/snapshots/recover", {"location": location})[0], 400)
        daemon.json("PUT", "/snapshots/recover", {"location": location, "checksum": info["checksum"]})
        for name in before:
            self.assertEqual(everything(daemon, name), before[name])
        self.assertEqual(everything(daemon, "now"), before["d"])
        daemon.json("DELETE", f"/snapshots/{info['name']}")
        self.assertEqual(daemon.json("GET", "/snapshots")["result"], [])

    def test_the_one_shard(self):
        fill(self.daemon, "c", 0, 10)
        before = everything(self.daemon, "c")
        root = "/collections/c/shards/0/snapshots"
        info = self.make(root)
        self.assertEqual(self.daemon.json("GET", root)["result"], [info])
        self.assertEqual(self.daemon.json("GET", "/collections/c/snapshots")["result"], [])
        self.daemon.json("POST", "/collections/c/points/delete?wait=true", {"points": [1, 2]})
        self.daemon.json("PUT", root + "/recover", {"location": f"{self.daemon.url}{root}/{info['name']}"})
        self.assertEqual(everything(self.daemon, "c"), before)
        _, content, _ = self.daemon.call("GET", "/collections/c/shards/0/snapshot")
        self.assertTrue(content.startswith(b"orthant-snapshot"))
        self.assertEqual(self.daemon.json("GET", root)["result"], [info])
        self.assertEqual(self.daemon.error("PUT", "/collections/none/shards/0/snapshots/recover", {"location": "whatever"})[0], 404)
        self.assertEqual(self.daemon.error("GET", "/collections/c/shards/1/snapshots")[0], 404)

    def test_reads_and_writes_go_on_beside(self):
        fill(self.daemon, "c", 0, 3000, "x" * 200)
        info = self.make()
        stop, faults, written = threading.Event(), [], [3000]

        def work():
            while not stop.is_set():
                status, text = self.daemon.error("POST", "/collections/c/points/scroll", {"limit": 3})
                if status != 200:
                    faults.append(text)
                status, text = self.daemon.error(
                    "PUT", "/collections/c/points?wait=false", {"points": [{"id": written[0], "vector": [1] * DIM, "payload": {"n": 1}}]}
                )
                # Between the switch and the answer a write may meet the old collection, and is told to ask again.
                if status not in (200, 503):
                    faults.append(text)
                written[0] += 1

        worker = threading.Thread(target=work)
        worker.start()
        for _ in range(5):
            self.make()
            self.recover({"location": self.location(info)})
        stop.set()
        worker.join()
        self.assertEqual(faults, [])
        self.recover({"location": self.location(info)})
        self.assertEqual(self.daemon.json("GET", "/collections/c")["result"]["points_count"], 3000)

    def test_a_killed_restore_leaves_what_was_or_what_comes(self):
        fill(self.daemon, "c", 0, 4000, "old" * 50)
        info = self.make()
        self.daemon.json("DELETE", "/collections/c")
        fill(self.daemon, "c", 10_000, 50, "new")
        new_ids = [p["id"] for p in everything(self.daemon, "c")]
        location = self.location(info)
        rng = random.Random(SEED)
        outcomes = set()
        for _ in range(6):
            failed = threading.Thread(target=lambda: self.try_recover(location))
            failed.start()
            time.sleep(rng.uniform(0.0, 0.25))
            self.restart(signal.SIGKILL)
            failed.join()
            ids = [p["id"] for p in everything(self.daemon, "c")]
            self.assertIn(len(ids), (50, 4000))
            self.assertIn(ids, (new_ids, list(range(4000))))
            outcomes.add(len(ids))
            if len(ids) == 4000:
                self.daemon.json("POST", "/collections/c/points/delete?wait=true", {"filter": {}})
                fill(self.daemon, "c", 10_000, 50, "new", create=False)
            self.assertEqual(list((pathlib.Path(self.temporary.name) / "data" / "snapshots" / "tmp").iterdir()), [])
        print("points after kill -9:", sorted(outcomes), flush=True)

    def try_recover(self, location):
        try:
            self.daemon.call("PUT", "/collections/c/snapshots/recover", {"location": location})
        except (urllib.error.URLError, OSError):
            pass


if __name__ == "__main__":
    unittest.main(verbosity=2)
