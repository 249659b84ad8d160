#!/usr/bin/env python3
"""orthantd as a service: its configuration, TLS, logs, secrets and the way it stops. Needs Python's standard library and openssl.

    python3 daemon_test.py --orthantd build/release/bin/orthantd [NAME ...]
"""

import argparse
import base64
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

KEY = "main-Key-5f1c"
SPARE = "spare-Key-77aa"
READER = "reader-Key-0b2d"


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(claims, key):
    text = encode(b'{"alg":"HS256","typ":"JWT"}') + "." + encode(json.dumps(claims).encode())
    return text + "." + encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


class Daemon:
    """A daemon of its own on a free port, without models."""

    def __init__(self, program, directory, *options, tls=None, environment=None):
        self.log_path = directory / "log"
        self.tls = tls
        self.process = subprocess.Popen(
            [program, "--data", str(directory / "data"), "--http-port", "0", "--model", "none", *options],
            stdout=subprocess.DEVNULL, stderr=open(self.log_path, "wb"), env={**os.environ, **(environment or {})})
        self.port = self.wait_for_port()
        self.wait_until_ready()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_for_port(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for line in self.log().splitlines():
                if "listening on " in line:
                    return int(line.split("listening on ")[1].split('"')[0].rsplit(":", 1)[1])
            check(self.process.poll() is None, f"orthantd ended at its start:\n{self.log()}")
            time.sleep(0.02)
        raise AssertionError("orthantd does not listen:\n" + self.log())

    def wait_until_ready(self):
        deadline = time.monotonic() + 30
        while self.request("GET", "/readyz")[0] != 200:
            check(time.monotonic() < deadline, "orthantd is not ready:\n" + self.log())
            time.sleep(0.02)

    def connect(self):
        if self.tls:
            return http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def request(self, method, path, body=None, headers=None):
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read().decode(), response.headers
        finally:
            connection.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(30) == 0, "orthantd did not stop cleanly:\n" + self.log())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def run(program, *arguments, environment=None):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def make_certificate(directory, name, common_name, signer=None, days=30):
    """A key and a certificate, signed by itself or by `signer` (its name)."""
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
               "-out", certificate, "-days", str(days), "-subj", f"/CN={common_name}", "-addext", "subjectAltName=DNS:localhost"]
    if signer:
        command += ["-CA", directory / f"{signer}.pem", "-CAkey", directory / f"{signer}.key"]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def client_context(authority):
    return ssl.create_default_context(cafile=str(authority))


# ---- the tests ----


def configuration_is_checked_and_shown(program, directory):
    config = directory / "orthant.yaml"
    config.write_text(f"host: 127.0.0.1\nhttp_port: 7001\napi_key: {KEY}\nmax_body_bytes: 1MiB\n")
    check(run(program, "--check-config", "--config", str(config))[0] == 0, "a good file is refused")
    code, text, _ = run(program, "--print-config", "--config", str(config), "--http-port", "7002", environment={"ORTHANT_THREADS": "3"})
    check(code == 0 and "http_port: 7002  # --http-port\n" in text, text)
    check("threads: 3  # ORTHANT_THREADS\n" in text and f"max_body_bytes: 1048576  # max_body_bytes in {config} line 4\n" in text, text)
    check('api_key: "********"' in text and KEY not in text, text)
    config.write_text("host: 127.0.0.1\nhttp_port: seven\n")
    code, _, error = run(program, "--check-config", "--config", str(config))
    check(code == 2 and f"http_port in {config} line 2: found \"seven\"" in error, error)
    code, _, error = run(program, "--check-config", "--tls-cert", str(config), "--tls-key", str(config))
    check(code == 2 and f'tls_cert "{config}"' in error, error)
    code, _, error = run(program, "--check-config", "--audit-log", "/no/such/folder/audit.log")
    check(code == 2 and "audit_log" in error, error)
    for shell in ("bash", "zsh", "fish"):
        code, text, _ = run(program, "--completion", shell)
        check(code == 0 and "tls-cert" in text, shell)
        if shutil.which(shell):
            done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
            check(done.returncode == 0, f"{shell} cannot read its completion: {done.stderr}")
    code, page, _ = run(program, "--man")
    check(code == 0 and page.startswith(".TH ORTHANTD 8"), page[:200])


def bash_completes_flags_and_values(program, directory):
    script = directory / "completion"
    script.write_text(run(program, "--completion", "bash")[1])

    def complete(*words):
        line = " ".join(f"'{word}'" for word in words)
        command = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _orthantd; echo ${{COMPREPLY[@]}}"
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True).stdout.split()

    check(complete("orthantd", "--tls") == ["--tls-cert", "--tls-key", "--tls-client-ca"], complete("orthantd", "--tls"))
    check(complete("orthantd", "--log-level", "w") == ["warning"], complete("orthantd", "--log-level", "w"))


def secrets_stand_in_no_log(program, directory):
    audit = directory / "audit.log"
    spare_file = directory / "spare"
    spare_file.write_text(SPARE + "\n")
    token = make_token({"access": "m", "subject": "ann"}, KEY)
    wrong = "wrong-Key-91ef"
    options = ["--alt-api-key", f"file:{spare_file}", "--jwt", "--log-level", "debug", "--log-format", "json", "--log-requests",
               "--slow-request-ms", "1", "--audit-log", str(audit), "--audit-reads"]
    with Daemon(program, directory, *options, environment={"ORTHANT_API_KEY": KEY, "ORTHANT_READ_ONLY_API_KEY": READER}) as daemon:
        body = json.dumps({"vectors": {"size": 2, "distance": "Dot"}})
        check(daemon.request("PUT", "/collections/c", body, {"api-key": KEY})[0] == 200, "the main key")
        status, _, headers = daemon.request("GET", "/collections/c", None, {"Authorization": f"Bearer {token}", "X-Request-Id": "mine-1"})
        check(status == 200 and headers["X-Request-Id"] == "mine-1", headers)
        for key in (SPARE, READER):
            check(daemon.request("GET", "/collections", None, {"api-key": key})[0] == 200, key)
        check(daemon.request("GET", f"/collections?api-key={wrong}", None, {"api-key": wrong})[0] == 401, "a wrong key")
        check(daemon.request("GET", "/collections", None, {"Authorization": f"Bearer {token}x"})[0] in (401, 403), "a broken token")
        status, _, headers = daemon.request("GET", "/collections", None, {"api-key": KEY, "X-Request-Id": "bad id\""})
        check(len(headers["X-Request-Id"]) == 16, headers["X-Request-Id"])
        metrics = daemon.request("GET", "/metrics", None, {"api-key": KEY})[1]
        telemetry = daemon.request("GET", "/telemetry", None, {"api-key": KEY})[1]
        daemon.stop()
        lines = daemon.log().splitlines()
        events = [json.loads(line) for line in lines]
        check(all(event["time"] and event["level"] and event["message"] for event in events), lines)
        mine = [event for event in events if event.get("request_id") == "mine-1"]
        check(len(mine) == 1 and mine[0]["path"] == "/collections/c" and mine[0]["status"] == 200, mine)
        check(mine[0]["caller"] == "token" and mine[0]["subject"] == "ann", mine)
        text = "\n".join(lines) + audit.read_text() + metrics + telemetry
        check('"outcome":"denied"' in audit.read_text() and '"caller":"read-only key"' in audit.read_text(), audit.read_text())
        for secret in (KEY, SPARE, READER, wrong, token, token.split(".")[2]):
            check(secret not in text, f"{secret} stands in a log:\n{text}")


def https_works_and_takes_new_certificates(program, directory):
    certificate, key = make_certificate(directory, "first", "first")
    served_certificate, served_key = directory / "served.pem", directory / "served.key"
    shutil.copy(certificate, served_certificate)
    shutil.copy(key, served_key)
    context = client_context(certificate)
    with Daemon(program, directory, "--tls-cert", str(served_certificate), "--tls-key", str(served_key), tls=context) as daemon:
        kept = daemon.connect()
        for number in range(3):
            kept.request("GET", "/collections", headers={"X-Number": str(number)})
            check(kept.getresponse().read().startswith(b'{"result"'), "no answer over TLS")
        check(kept.sock.version() in ("TLSv1.2", "TLSv1.3"), kept.sock.version())
        body = json.dumps({"vectors": {"size": 300, "distance": "Dot"}})
        check(daemon.request("PUT", "/collections/c", body)[0] == 200, "PUT over TLS")
        points = [{"id": n, "vector": [n + 0.5] * 300} for n in range(500)]
        check(daemon.request("PUT", "/collections/c/points?wait=true", json.dumps({"points": points}))[0] == 200, "a large body")
        status, text, _ = daemon.request("POST", "/collections/c/points/scroll", '{"limit":500,"with_vector":true}')
        check(status == 200 and len(json.loads(text)["result"]["points"]) == 500, "a large answer")
        refuse_other_speech(daemon)
        # Half-written files: the old certificate goes on.
        served_key.write_text("no key")
        time.sleep(1.2)
        check(daemon.request("GET", "/collections")[0] == 200, "a broken key ends service")
        check("the old certificate goes on" in daemon.log(), daemon.log())
        second, second_key = make_certificate(directory, "second", "second")
        shutil.copy(second, served_certificate)
        shutil.copy(second_key, served_key)
        time.sleep(1.2)
        daemon.tls = client_context(second)
        check(daemon.request("GET", "/collections")[0] == 200, "the new certificate is not taken:\n" + daemon.log())
        kept.request("GET", "/collections")
        check(kept.getresponse().status == 200, "a connection of before is broken")
        daemon.stop()


def refuse_other_speech(daemon):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        check(b"200 OK" not in plain.recv(1000), "HTTP without TLS is answered")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as raw, old.wrap_socket(raw):
            raise AssertionError("TLS 1.1 is spoken")
    except (ssl.SSLError, ConnectionError):
        pass
    check(daemon.request("GET", "/collections")[0] == 200, "others are disturbed")


def clients_show_certificates_where_asked(program, directory):
    certificate, key = make_certificate(directory, "server", "server")
    authority, _ = make_certificate(directory, "authority", "authority")
    known, known_key = make_certificate(directory, "known", "known", signer="authority")
    stranger, stranger_key = make_certificate(directory, "stranger", "stranger")
    context = client_context(certificate)
    context.load_cert_chain(known, known_key)
    options = ["--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(authority)]
    with Daemon(program, directory, *options, tls=context) as daemon:
        check(daemon.request("GET", "/collections")[0] == 200, "a known client")
        bare, other = client_context(certificate), client_context(certificate)
        other.load_cert_chain(stranger, stranger_key)
        for refused in (bare, other):
            daemon.tls = refused
            try:
                status = daemon.request("GET", "/collections")[0]
                raise AssertionError(f"a stranger gets {status}")
            except (ssl.SSLError, OSError, http.client.HTTPException):
                pass
        daemon.stop()


def the_command_line_tool_speaks_tls_and_brings_its_key(program, directory):
    tool = pathlib.Path(program).with_name("orthant")
    if not tool.exists():
        print("orthant is not built: not tried")
        return
    certificate, key = make_certificate(directory, "server", "server")
    options = ["--tls-cert", str(certificate), "--tls-key", str(key), "--api-key", KEY]
    with Daemon(program, directory, *options, tls=client_context(certificate)) as daemon:
        def info(host, **environment):
            return run(str(tool), "info", "--url", f"https://{host}:{daemon.port}", environment=environment)

        code, text, error = info("localhost", ORTHANT_API_KEY=KEY, ORTHANT_CA_FILE=str(certificate))
        check(code == 0, text + error)
        code, text, error = info("localhost", ORTHANT_API_KEY="wrong", ORTHANT_CA_FILE=str(certificate))
        check(code != 0 and "Invalid API key" in error, text + error)
        code, text, error = info("localhost", ORTHANT_API_KEY=KEY)
        check(code != 0 and "certificate" in error, "an unknown authority is trusted: " + text + error)
        code, text, error = info("127.0.0.1", ORTHANT_API_KEY=KEY, ORTHANT_CA_FILE=str(certificate))
        check(code != 0 and "certificate" in error, "a certificate for another name is trusted: " + text + error)
        daemon.stop()


def stopping_loses_no_request(program, directory):
    with Daemon(program, directory, "--drain-delay-s", "1") as daemon:
        body = json.dumps({"vectors": {"size": 2, "distance": "Dot"}})
        check(daemon.request("PUT", "/collections/c", body)[0] == 200, "a collection")
        accepted, stopped = [], threading.Event()

        def write(worker):
            count = 0
            while not stopped.is_set():
                number = worker * 1_000_000 + count
                point = json.dumps({"points": [{"id": number, "vector": [1, 2]}]})
                try:
                    status, text, _ = daemon.request("PUT", "/collections/c/points?wait=false", point)
                except (OSError, http.client.HTTPException):
                    return  # refused at the door: not accepted
                check(status == 200, f"{status} {text}")
                accepted.append(number)
                count += 1

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            workers = [pool.submit(write, n) for n in range(3)]
            time.sleep(0.3)
            daemon.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            before = len(accepted)
            status, text, _ = daemon.request("GET", "/readyz")
            check(status == 503 and "stopping" in text, f"/readyz {status} {text}")
            check(daemon.process.wait(30) == 0, daemon.log())
            stopped.set()
            for worker in workers:
                worker.result()
        check(len(accepted) > before > 0, "requests in the time of draining are refused")
    with Daemon(program, directory) as daemon:
        text = daemon.request("POST", "/collections/c/points/count", "{}")[1]
        check(json.loads(text)["result"]["count"] == len(accepted), f"{text}: {len(accepted)} were accepted")


def connection_that_counts(daemon):
    """An open connection that was answered on: until earlier ones are seen closed, a new one may be turned away."""
    deadline = time.monotonic() + 10
    while True:
        connection = socket.create_connection(("127.0.0.1", daemon.port), timeout=10)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        if b" 200 " in connection.recv(4096).split(b"\r\n")[0]:
            return connection
        connection.close()
        check(time.monotonic() < deadline, "no connection is served")
        time.sleep(0.05)


def one_client_cannot_take_all_connections(program, directory):
    with Daemon(program, directory, "--max-connections-per-client", "3") as daemon:
        held = [connection_that_counts(daemon) for _ in range(3)]
        check(daemon.request("GET", "/livez")[0] == 503, "a fourth connection is served")
        held.pop().close()
        deadline = time.monotonic() + 10
        while daemon.request("GET", "/livez")[0] != 200:
            check(time.monotonic() < deadline, "a closed connection still counts")
            time.sleep(0.05)


TESTS = [configuration_is_checked_and_shown, bash_completes_flags_and_values, secrets_stand_in_no_log,
         https_works_and_takes_new_certificates, clients_show_certificates_where_asked, the_command_line_tool_speaks_tls_and_brings_its_key, stopping_loses_no_request,
         one_client_cannot_take_all_connections]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orthantd", required=True)
    parser.add_argument("names", nargs="*", help="tests to run; all by default")
    arguments = parser.parse_args()
    failed = 0
    for test in TESTS:
        if arguments.names and test.__name__ not in arguments.names:
            continue
        with tempfile.TemporaryDirectory(prefix="orthant-daemon-") as directory:
            begin = time.monotonic()
            try:
                test(arguments.orthantd, pathlib.Path(directory))
                print(f"{test.__name__}: good ({time.monotonic() - begin:.1f} s)", flush=True)
            except Exception as error:  # one test must not hide the others
                failed += 1
                print(f"{test.__name__}: FAILED: {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
