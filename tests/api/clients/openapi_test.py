"""The daemon against its own OpenAPI document: schemathesis makes requests from it, good and bad ones; none may end in a server
error, and every answer must fit what the document says."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

URL = sys.argv[1]
SEED = 20261121
CONFIG = """
[parameters]
"path.collection" = "c"
"path.id" = "1"
"path.vector_name" = "extra"

[phases.coverage]
enabled = false
[phases.examples]
enabled = false
[phases.stateful]
enabled = false
"""
CHECKS = "not_a_server_error,response_schema_conformance,content_type_conformance"
# These would take away what the others work on, or wait for other machines.
LEFT_OUT = ["DELETE /collections/{collection}", "PUT /collections/{collection}", "PATCH /collections/{collection}",
            "PUT /collections/{collection}/snapshots/recover", "PUT /collections/{collection}/shards/{shard_id}/snapshots/recover",
            "PUT /snapshots/recover", "POST /collections/{collection}/documents", "POST /collections/aliases"]


def call(method, path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"content-type": "application/json"}, method=method)
    return json.load(urllib.request.urlopen(request, timeout=60))


def fill():
    call("PUT", "/collections/c", {"vectors": {"size": 3, "distance": "Cosine"}, "sparse_vectors": {"words": {}}})
    points = [{"id": i, "vector": {"": [i % 3, 1, i / 7], "words": {"indices": [i, i + 1], "values": [1, 0.5]}},
               "payload": {"city": "London" if i % 2 else "Berlin", "n": i}} for i in range(40)]
    call("PUT", "/collections/c/points?wait=true", {"points": points})
    call("PUT", "/collections/c/index?wait=true", {"field_name": "city", "field_schema": "keyword"})


def main():
    fill()
    program = pathlib.Path(sys.executable).parent / "st"
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "schemathesis.toml").write_text(CONFIG)
        command = [str(program), "run", f"{URL}/openapi.json", "--checks", CHECKS, "--max-examples", "8", "--seed", str(SEED),
                   "--max-time", "400", "--no-color", "--no-shrink", "--generation-database", "none", "--suppress-health-check", "all"]
        for name in LEFT_OUT:
            command += ["--exclude-name", name]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    made = re.search(r"(\d+) generated", done.stdout)
    if not made or int(made.group(1)) < 200:
        sys.exit("too few requests were made")
    sys.exit(done.returncode)


main()
