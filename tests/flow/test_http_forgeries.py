"""No forged credential gets through to any protected route, nor does a request that has none wait for its body."""

import base64
import hmac
import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from test_http_trust import PROTECTED, QUERY, SCOPES

from live_server import Server

HOUR = 3600
HUGE = 1 << 30


@pytest.fixture(scope="module")
def own(start_server) -> Server:
    return start_server()


@pytest.fixture(scope="module")
def http(own) -> Iterator[httpx.Client]:
    """One connection for all."""
    with httpx.Client(base_url=own.url, params=QUERY) as http:
        yield http


@pytest.fixture(scope="module")
def secrets(own) -> dict[str, str]:
    """The secrets that the server signs with."""
    with closing(sqlite3.connect(f"file:{own.data / 'secrets.db'}?mode=ro", uri=True)) as connection:
        return dict(connection.execute("SELECT name, value FROM secret_version WHERE expires_at IS NULL"))


@pytest.fixture(scope="module")
def genuine(own, http) -> dict[str, str]:
    """A token of a client (HS256) and one of a person (RS256), which may do everything."""
    made = json.loads(
        own.cli("users", "add", "forger@example.org", *(part for scope in SCOPES for part in ("--group", scope)))
    )
    signed_in = http.post("/v1/auth/login", json={"email": "forger@example.org", "password": made["password"]})
    return {"HS256": own.cli("token").strip(), "RS256": signed_in.json()["access_token"]}


@pytest.fixture(scope="module")
def write_key(own) -> str:
    made = json.loads(own.cli("keys", "add", "any page", "--origin", "*"))
    return str(made["write_key"])


@pytest.fixture(scope="module")
def forged(genuine, secrets) -> dict[str, str]:
    """Tokens by what is wrong with them; each would be good without it."""
    private = load_pem_private_key(secrets["user_signing"].encode(), None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    found = {}
    for algorithm, key, other in (("HS256", secrets["signing"], "x" * 43), ("RS256", private, stranger)):
        token = genuine[algorithm]
        header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
        assert jwt.encode(claims, key, algorithm, headers=header) == token or algorithm == "RS256"
        head, body, signature = token.split(".")
        now = int(time.time())
        changed = {
            "expired": {"exp": now - 1, "iat": now - HOUR, "nbf": now - HOUR},
            "not yet valid": {"nbf": now + HOUR, "exp": now + 2 * HOUR},
            "another audience": {"aud": "another"},
            "another issuer": {"iss": "https://issuer.example"},
        }
        for name, claim in changed.items():
            found[f"{algorithm} {name}"] = jwt.encode(claims | claim, key, algorithm, headers=header)
        found |= {
            f"{algorithm} signed by a stranger": jwt.encode(claims, other, algorithm, headers=header),
            f"{algorithm} unknown key": jwt.encode(claims, key, algorithm, headers=header | {"kid": "../../signing"}),
            f"{algorithm} no algorithm": f"{part(header | {'alg': 'none'})}.{body}.",
            f"{algorithm} no algorithm, signed": f"{part(header | {'alg': 'none'})}.{body}.{signature}",
            f"{algorithm} no signature": f"{head}.{body}.",
            f"{algorithm} altered signature": f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
            f"{algorithm} altered claims": f"{head}.{part(claims | {'sub': 'somebody'})}.{signature}",
        }
        confused = f"{part(header | {'alg': 'HS256'})}.{body}"
        mac = hmac.digest(public, confused.encode(), "sha256")  # PyJWT refuses to sign with a public key
        found[f"{algorithm} public key as secret"] = f"{confused}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    return found


def part(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def assert_unauthorized(answer: httpx.Response, why: str) -> None:
    assert answer.status_code == 401, (why, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", why
    assert answer.headers["www-authenticate"].startswith("Bearer"), why
    assert (answer.json()["status"], answer.json()["code"]) == (401, "unauthorized"), why


def test_what_is_forged_would_be_good(http, genuine):
    for token in genuine.values():
        assert http.get("/v1/query", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(("method", "path", "scope"), PROTECTED)
def test_no_forgery_opens_a_route(http, forged, genuine, write_key, method, path, scope):
    headers = {why: [("Authorization", f"Bearer {token}")] for why, token in forged.items()}
    good = f"Bearer {genuine['HS256']}"
    headers |= {
        "none": [],
        "empty": [("Authorization", "")],
        "no kind": [("Authorization", genuine["HS256"])],
        "basic": [("Authorization", "Basic " + base64.b64encode(b"client:" + genuine["HS256"].encode()).decode())],
        "two": [("Authorization", good), ("Authorization", good)],
        "two in one": [("Authorization", f"{good}, {good}")],
        "as a cookie": [("Cookie", f"Authorization={genuine['HS256']}; cloudpulse_refresh={genuine['HS256']}")],
        "as another header": [("X-Authorization", good), ("Proxy-Authorization", good)],
    }
    for why, given in headers.items():
        assert_unauthorized(http.request(method, path, headers=given), why)
    for name in ("token", "access_token", "authorization"):
        answer = http.request(method, path, params=QUERY | {name: genuine["HS256"]})
        assert_unauthorized(answer, name)
    if scope != "events:write":
        answer = http.request(method, path, params=QUERY | {"write_key": write_key})
        assert_unauthorized(answer, "a write key where nothing is written")
        answer = http.request(method, path, headers={"Authorization": f"Bearer {write_key}"})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path", "scope"), [one for one in PROTECTED if one[0] in ("POST", "PATCH")])
def test_a_refusal_does_not_wait_for_the_body(own, method, path, scope):
    """The handler would read the whole body first."""
    url = urlsplit(own.url)
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n"
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(head.encode() + b'{"name":')
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_nothing_was_done(own, genuine):
    """All that was refused is not there."""
    with httpx.Client(base_url=own.url, headers={"Authorization": f"Bearer {genuine['HS256']}"}) as http:
        assert [one["name"] for one in http.get("/v1/clients").json()["clients"]] == ["first"]
        assert len(http.get("/v1/write-keys").json()["write_keys"]) == 1
        assert http.get("/v1/realtime").json()["total_events"] == 0
    entries = [json.loads(line) for line in (own.data / "audit.ndjson").read_text().splitlines()]
    actions = {entry["action"] for entry in entries if entry["actor"] != "first_start"}
    assert sorted(actions) == ["sign_in", "user_added", "write_key_added"]
