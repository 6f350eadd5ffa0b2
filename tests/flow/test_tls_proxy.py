"""CloudPulse behind ``examples/nginx/cloudpulse.conf``: the very file, in a real nginx."""

import datetime as dt
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloudpulse.entrypoints.serve import KEEP_ALIVE_SECONDS
from cloudpulse.settings import Settings
from live_server import Server, event, eventually

RECIPE = Path(__file__).parents[2] / "examples/nginx/cloudpulse.conf"
MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/cloudpulse.conf;
}}
"""
USER = "user root;" if os.geteuid() == 0 else ""  # nginx would give up being root, and what lies in root's folders
CLIENT_ADDRESS = "127.0.0.2"
MIB = 1024 * 1024


def nginx_program() -> str:
    """The nginx of this machine; tests that need it are skipped without one, but not in CI."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("There is no nginx, and CI must have one.")
    if found is None:
        pytest.skip("There is no nginx on this machine (Debian: apt install nginx-light).")
    return found


def write_certificate(folder: Path) -> None:
    """A key and a certificate for localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


class Nginx:
    """nginx as an ordinary process, on ports that are open before it starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plain, self.secure = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        self.http = f"http://localhost:{self.plain.getsockname()[1]}"
        self.https = f"https://localhost:{self.secure.getsockname()[1]}"
        write_certificate(folder)
        self.process: subprocess.Popen[bytes] | None = None
        self.tls = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))

    def start(self, upstream: str) -> None:
        """Serve what listens at ``upstream``."""
        (self.folder / "cloudpulse.conf").write_text(self._recipe(upstream))
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder, user=USER))
        command = [
            nginx_program(),
            "-p",
            self.folder,
            "-e",
            self.folder / "start.log",
            "-c",
            self.folder / "nginx.conf",
        ]
        sockets = [self.plain.fileno(), self.secure.fileno()]
        environ = os.environ | {"NGINX": "".join(f"{number};" for number in sockets)}
        self.process = subprocess.Popen(command, pass_fds=sockets, env=environ, stdin=subprocess.DEVNULL)

    def _recipe(self, upstream: str) -> str:
        text = RECIPE.read_text()
        for old, new in [
            ("    listen [::]:80;\n", ""),
            ("    listen [::]:443 ssl http2;\n", ""),
            ("listen 80;", f"listen {':'.join(map(str, self.plain.getsockname()))};"),
            ("listen 443 ", f"listen {':'.join(map(str, self.secure.getsockname()))} "),
            ("server 127.0.0.1:8080;", f"server {upstream};"),
            ("/etc/letsencrypt/live/cloudpulse.example.org/", f"{self.folder}/"),
            ("/var/log/nginx/", f"{self.folder}/"),
            ("cloudpulse.example.org", "localhost"),
        ]:
            assert old in text
            text = text.replace(old, new)
        return text

    def client(self, **headers: str) -> httpx.Client:
        """A client that trusts the certificate and has an address of its own."""
        transport = httpx.HTTPTransport(verify=self.tls, local_address=CLIENT_ADDRESS)
        return httpx.Client(base_url=self.https, headers=headers, transport=transport, timeout=20)

    def logs(self) -> str:
        """All that nginx has written."""
        return "".join(path.read_text() for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        """End at once."""
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        self.plain.close()
        self.secure.close()


@pytest.fixture(scope="module")
def make_nginx(tmp_path_factory) -> Iterator[Callable[[], Nginx]]:
    """nginx with open ports, not yet started."""
    nginx_program()
    made: list[Nginx] = []

    def make() -> Nginx:
        made.append(Nginx(tmp_path_factory.mktemp("nginx")))
        return made[-1]

    yield make
    for nginx in made:
        nginx.stop()


@pytest.fixture(scope="module")
def nginx(make_nginx) -> Nginx:
    return make_nginx()


@pytest.fixture(scope="module")
def server(nginx, start_server) -> Server:
    """CloudPulse with the settings that the recipe names, and nginx before it."""
    server = start_server(
        public_url=nginx.https, trusted_proxies="127.0.0.1", ip_addresses="keep", lake_commit_seconds=1
    )
    nginx.start(server.url.removeprefix("http://"))
    return server


@pytest.fixture(scope="module")
def token(server) -> str:
    return f"Bearer {server.cli('token').strip()}"


@pytest.fixture
def client(nginx, token) -> Iterator[httpx.Client]:
    with nginx.client(authorization=token) as client:
        yield client


@pytest.fixture
def session() -> str:
    return f"session-{uuid.uuid4()}"


@pytest.fixture
def silent(make_nginx) -> Iterator[tuple[Nginx, socket.socket]]:
    """nginx before a server that takes connections and never answers."""
    nginx = make_nginx()
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        nginx.start(":".join(map(str, listener.getsockname())))
        yield nginx, listener


def stored(client: httpx.Client, session: str) -> list[dict[str, Any]]:
    answer = client.get("/v1/events", params={"session_id": session})
    assert answer.status_code == 200, answer.text
    return answer.json()["events"]


def test_events_pass(client, session):
    assert client.post("/v1/events", json=event(session)).json()["accepted"] == 1
    answer = client.post("/v1/events/batch", json={"events": [event(session)] * 2})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    assert len(stored(client, session)) == 3


def test_http_2_is_offered_and_works(nginx, token, session):
    offer = ssl.create_default_context(cafile=str(nginx.folder / "fullchain.pem"))
    offer.set_alpn_protocols(["h2", "http/1.1"])
    with offer.wrap_socket(socket.create_connection(nginx.secure.getsockname()), server_hostname="localhost") as peer:
        assert peer.selected_alpn_protocol() == "h2"
    if shutil.which("curl") is None:
        pytest.skip("There is no curl to speak HTTP/2 with.")
    headers = ["--header", f"Authorization: {token}", "--header", "Content-Type: application/json"]
    trust = ["--cacert", str(nginx.folder / "fullchain.pem"), "--http2", "--silent", "--write-out", " %{http_version}"]
    command = ["curl", *trust, *headers, "--data", json.dumps(event(session)), f"{nginx.https}/v1/events"]
    receipt, _, version = subprocess.run(command, capture_output=True, check=True, text=True).stdout.rpartition(" ")
    assert (json.loads(receipt)["accepted"], version) == (1, "2")


def test_the_stored_address_is_the_one_that_nginx_saw(client, session):
    spoofed = {"X-Forwarded-For": "203.0.113.9, 127.0.0.1", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    client.post("/v1/events", json=event(session), headers=spoofed)
    assert [found["metadata"]["ip_address"] for found in stored(client, session)] == [CLIENT_ADDRESS]


def test_the_stream_is_not_buffered(client, session):
    with client.stream("GET", "/v1/realtime/stream") as answer:
        assert answer.status_code == 200
        seen = (json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data: "))
        before = next(seen)["total_events"]
        client.post("/v1/events", json=event(session))
        assert next(found for found in seen if found["total_events"] > before)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_http_redirects_and_keeps_the_method(server, nginx, method):
    answer = httpx.request(method, f"{nginx.http}/v1/config?a=b")
    assert (answer.status_code, answer.headers["location"]) == (308, "https://localhost/v1/config?a=b")


def test_a_browser_signs_in_and_stays_on_tls(server, nginx):
    person = json.loads(server.cli("users", "add", "reader@example.org"))
    with nginx.client(origin=nginx.https) as browser:
        login = browser.post("/v1/auth/login", json={"email": "reader@example.org", "password": person["password"]})
        assert login.status_code == 200, login.text
        assert "; secure" in login.headers["set-cookie"].lower()
        assert browser.post("/v1/auth/refresh").status_code == 200
        assert login.headers.get_list("strict-transport-security") == ["max-age=31536000"]


def test_metrics_are_closed_from_outside(server, nginx):
    assert httpx.get(f"{server.url}/metrics").status_code == 200
    with nginx.client() as stranger:
        answer = stranger.get("/metrics")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


def test_no_log_keeps_a_query_a_name_or_an_address(server, nginx, client):
    """Also not the error log, to which nginx writes whole request lines."""
    site = "https://app.example.org"
    key = json.loads(server.cli("keys", "add", "site", "--origin", site))["write_key"]
    beacon = f"/v1/collect?write_key={key}"
    with nginx.client(origin=site) as browser:
        assert browser.post(beacon, json={"events": [event("s")]}).status_code == 202
        assert browser.post(beacon, content=bytes(13 * MIB)).status_code == 413
    client.get(f"/v1/users/somebody@example.org/activity?limit={key}")
    client.get(f"/explore/sessions/somebody?write_key={key}")
    last = client.get("/v1/config?a=b").headers["x-request-id"]
    logs = eventually(lambda: (text := nginx.logs()) and last in text and text)
    assert " POST /v1/collect 413 " in logs
    assert " GET /v1/users/- 400 " in logs
    assert " GET /explore/sessions/- 200 " in logs
    assert not [secret for secret in (key, "?", "somebody", CLIENT_ADDRESS) if secret in logs]


def test_the_numbers_of_the_recipe_fit_the_defaults():
    def number(name: str) -> int:
        found = re.search(rf"^ *{name} (\d+)", RECIPE.read_text(), re.MULTILINE)
        assert found, name
        return int(found[1])

    settings = Settings()
    assert number("keepalive_timeout") < KEEP_ALIVE_SECONDS
    assert number("proxy_read_timeout") > settings.query_timeout_seconds
    assert number("client_max_body_size") * MIB > settings.max_body_bytes


@pytest.mark.parametrize(
    ("size", "status"),
    [(10 * MIB, 200), (11 * MIB, 413), (13 * MIB, 413)],
    ids=["largest", "too large for CloudPulse", "too large for nginx"],
)
def test_the_largest_body(client, session, size, status):
    body = json.dumps({"events": [event(session)]}).encode().ljust(size)
    answer = client.post("/v1/events/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    if status == 413:
        assert answer.headers["content-type"] == "application/problem+json"
        assert {**answer.json(), "detail": ""} == {
            "type": "urn:cloudpulse:problem:too_large",
            "title": "Payload too large",
            "status": 413,
            "detail": "",
            "code": "too_large",
            "errors": [],
        }


def test_while_cloudpulse_is_away_clients_learn_to_come_again(make_nginx):
    nginx = make_nginx()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nobody = ":".join(map(str, listener.getsockname()))
    nginx.start(nobody)
    with nginx.client() as client:
        answer = client.post("/v1/collect?write_key=wk_secret", json=event("s"))
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "1", "not_ready")
    assert "wk_secret" not in nginx.logs()


def test_one_address_has_a_hundred_requests_at_a_time(silent):
    nginx, upstream = silent
    with ExitStack() as held:
        for _ in range(100):
            connection = socket.create_connection(nginx.secure.getsockname(), source_address=(CLIENT_ADDRESS, 0))
            peer = held.enter_context(nginx.tls.wrap_socket(connection, server_hostname="localhost"))
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            held.enter_context(upstream.accept()[0])
        with nginx.client() as client:
            answer = client.get("/healthz")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (429, "1", "rate_limited")
