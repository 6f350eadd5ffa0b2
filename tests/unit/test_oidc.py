"""Tokens of another issuer, which is a real HTTP server here."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from structlog.testing import capture_logs

from cloudpulse.auth import oidc as oidc_module
from cloudpulse.auth.oidc import MAX_AGE_SECONDS, PAUSE_SECONDS, OidcIssuer, fetch_small
from cloudpulse.auth.verify import KEYS_FRESH_SECONDS, KeysWanted, Verifier
from cloudpulse.errors import ServiceError, TokenExpired, Unauthorized
from oidc_server import AUDIENCE, DISCOVERY, KEYS, OidcServer, verify

NOW = 1_800_000_000
ONE_FETCH = [DISCOVERY, KEYS]


@pytest.fixture
def server():
    server = OidcServer()
    yield server
    server.close()


@pytest.fixture
def verifier(server, clock):
    return Verifier([OidcIssuer(server.url, AUDIENCE)], lambda: clock.now)


def refused(verifier, token):
    with pytest.raises(Unauthorized):
        verify(verifier, token)
    return True


def test_a_token_of_the_issuer(server, verifier):
    principal = verify(verifier, server.issue(NOW))
    assert (principal.client_id, principal.app, principal.scopes) == ("oidc/anna", "default", {"events:read"})
    assert principal.requests_per_minute is None
    assert server.seen == ONE_FETCH


def test_the_keys_are_fetched_once(server, verifier):
    for number in range(5):
        verify(verifier, server.issue(NOW, sub=f"user-{number}"))
    assert server.seen == ONE_FETCH


def test_nothing_is_fetched_before_the_first_token(server, verifier):
    refused(verifier, "e30.e30.e30")
    assert server.seen == []


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "events:write pulse/admin other/events:read"}, {"events:write", "admin"}),
        ({"scope": "pulse/pulse/admin Admin admin:all"}, set()),
        ({"scope": None}, set()),
        ({"scope": None, "cognito:groups": ["events:read", "staff"]}, {"events:read"}),
        ({"scope": "events:write", "cognito:groups": ["admin"]}, {"events:write", "admin"}),
    ],
)
def test_scopes_are_ours_by_name(server, verifier, claims, scopes):
    assert verify(verifier, server.issue(NOW, **claims)).scopes == scopes


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "other"},
        {"aud": None},
        {"aud": []},
        {"aud": ["other", "another"]},
        {"iss": "https://other.example.com"},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\nb"},
        {"sub": "x" * 256},
        {"sub": 7},
        {"exp": None},
        {"scope": ["admin"]},
        {"cognito:groups": "admin"},
        {"iat": NOW + 61},
        {"nbf": NOW + 61},
        {"token_use": "id"},
        {"token_use": "refresh"},
        {"typ": "ID"},
        {"at_hash": "x"},
        {"aud": None, "client_id": AUDIENCE},
        {"aud": None, "client_id": "other", "token_use": "access"},
        {"aud": None, "client_id": AUDIENCE, "token_use": "id"},
    ],
)
def test_a_token_that_is_not_for_us_is_refused(server, verifier, changes):
    verify(verifier, server.issue(NOW))
    assert refused(verifier, server.issue(NOW, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["other", AUDIENCE]},
        {"iat": NOW + 60, "nbf": NOW + 60},
        {"exp": NOW - 59},
        {"token_use": "access"},
        {"aud": None, "client_id": AUDIENCE, "token_use": "access"},
        {"iat": None},
    ],
)
def test_a_token_that_is_for_us(server, verifier, changes):
    assert verify(verifier, server.issue(NOW, **changes)).client_id == "oidc/anna"


def test_an_expired_token_has_a_minute(server, verifier, clock):
    token = server.issue(NOW, exp=NOW + 100)
    clock.now += 159
    verify(verifier, token)
    clock.now += 1
    with pytest.raises(TokenExpired):
        verify(verifier, token)


def test_an_unknown_key_is_fetched_but_at_most_once_a_minute(server, verifier, clock):
    verify(verifier, server.issue(NOW))
    server.rotate("k2")
    token = server.issue(NOW)
    clock.now += PAUSE_SECONDS - 1
    refused(verifier, token)
    assert server.seen == ONE_FETCH
    clock.now += 1
    assert verify(verifier, token).client_id == "oidc/anna"
    for number in range(20):
        refused(verifier, server.issue(NOW, kid=f"unknown-{number}"))
    assert server.seen == 2 * ONE_FETCH
    clock.now += PAUSE_SECONDS
    for number in range(20):
        refused(verifier, server.issue(NOW, kid=f"unknown-{number}"))
    assert server.seen == 3 * ONE_FETCH


def test_many_who_wait_share_one_fetch(server, verifier):
    server.open.clear()
    arrivals = []
    for number in range(20):
        with pytest.raises(KeysWanted) as wanted:
            verifier.verify(server.issue(NOW, sub=f"user-{number}"))
        arrivals.append(wanted.value.arrival)
    server.open.set()
    for arrival in arrivals:
        assert not arrival.cancel()
        arrival.result(30)
    verifier.verify(server.issue(NOW))
    assert server.seen == ONE_FETCH


def test_a_key_that_the_issuer_withdrew_ends_its_tokens(server, verifier, clock):
    old = server.issue(NOW, exp=NOW + 2 * MAX_AGE_SECONDS)
    verify(verifier, old)
    server.rotate("k2")
    clock.now += PAUSE_SECONDS
    verify(verifier, server.issue(NOW))
    assert refused(verifier, old)


def test_keys_are_fetched_again_after_an_hour_without_an_unknown_one(server, verifier, clock):
    token = server.issue(NOW, exp=NOW + 2 * MAX_AGE_SECONDS)
    verify(verifier, token)
    server.rotate("k2")
    clock.now += MAX_AGE_SECONDS - 1
    verifier.verify(token)
    assert server.seen == ONE_FETCH
    clock.now += KEYS_FRESH_SECONDS
    verifier.verify(token)  # known, so nobody waits for the keys
    verifier._issuers[server.url]._flight.result(30)
    assert server.seen == 2 * ONE_FETCH
    clock.now += KEYS_FRESH_SECONDS
    assert refused(verifier, token)


def test_a_token_not_seen_before_waits_for_keys_that_are_old(server, verifier, clock):
    verify(verifier, server.issue(NOW))
    old = server.issue(NOW, exp=NOW + 2 * MAX_AGE_SECONDS)
    server.rotate("k2")
    clock.now += MAX_AGE_SECONDS
    server.open.clear()
    with pytest.raises(KeysWanted):
        verifier.verify(old)
    server.open.set()
    assert refused(verifier, old)


def test_old_keys_stay_when_new_ones_cannot_be_had(server, verifier, clock):
    verify(verifier, server.issue(NOW))
    server.answers[KEYS] = (500, {}, b"broken")
    clock.now += MAX_AGE_SECONDS
    assert verify(verifier, server.issue(clock.now)).client_id == "oidc/anna"
    assert server.seen == 2 * ONE_FETCH


def test_old_keys_stay_when_the_issuer_has_none_that_can_be_used(server, verifier, clock):
    verify(verifier, server.issue(NOW))
    server.publish()
    clock.now += MAX_AGE_SECONDS
    assert verify(verifier, server.issue(clock.now)).client_id == "oidc/anna"
    assert server.seen == 2 * ONE_FETCH


@pytest.mark.parametrize("answer", [None, (500, {}, b"broken")])
def test_an_issuer_that_cannot_be_read_gets_one_line_in_the_log(server, verifier, answer):
    token = server.issue(NOW)
    if answer is None:
        server.close()
    else:
        server.answers[DISCOVERY] = answer
    with capture_logs() as logs:
        refused(verifier, token)
    [line] = logs
    assert (line["event"], line["log_level"], line["issuer"]) == ("no keys from the issuer", "warning", server.url)
    assert line["error"].startswith(f"{server.url}{DISCOVERY} ")
    assert (line.keys() == {"event", "log_level", "issuer", "error"}, "\n" in line["error"]) == (True, False)


def test_an_answer_that_comes_drop_by_drop_is_given_up(monkeypatch):
    monkeypatch.setattr(oidc_module, "TIMEOUT_SECONDS", 0.3)
    given_up = threading.Event()

    class Drops(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            with suppress(OSError):
                for _ in range(100):  # each comes in time
                    self.wfile.write(b" ")
                    if given_up.wait(0.05):
                        break

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Drops) as dripping:
        thread = threading.Thread(target=dripping.handle_request)
        thread.start()
        with pytest.raises(ServiceError, match="took more than"):
            fetch_small(f"http://127.0.0.1:{dripping.server_address[1]}/")
        given_up.set()
        thread.join()


def test_an_issuer_that_hangs_is_given_up(server, verifier, monkeypatch):
    monkeypatch.setattr(oidc_module, "TIMEOUT_SECONDS", 0.2)
    server.open.clear()
    assert refused(verifier, server.issue(NOW))


def _failures():
    def other_issuer(server):
        server.describe(issuer=server.url + "/", jwks_uri=server.url + KEYS)

    def no_issuer(server):
        server.describe(jwks_uri=server.url + KEYS)

    def file(server):
        server.describe(issuer=server.url, jwks_uri="file:///etc/passwd")

    def no_json(server):
        server.answers[DISCOVERY] = (200, {}, b"<html>")

    def redirected(server):
        server.answers["/other"] = server.answers[KEYS]
        server.answers[KEYS] = (302, {"Location": server.url + "/other"}, b"")

    def redirected_discovery(server):
        server.answers["/other"] = server.answers[DISCOVERY]
        server.answers[DISCOVERY] = (301, {"Location": server.url + "/other"}, b"")

    def oversized(server):
        server.publish(server.jwk("k1"), *({"kid": "x" * 1000} for _ in range(300)))

    def compressed(server):
        import gzip

        server.answers[KEYS] = (200, {"Content-Encoding": "gzip"}, gzip.compress(server.answers[KEYS][2]))

    def no_keys(server):
        server.publish()

    def deep(server):
        server.answers[KEYS] = (200, {}, b'{"keys":' + b"[" * 100_000)

    return [
        other_issuer,
        no_issuer,
        file,
        no_json,
        redirected,
        redirected_discovery,
        oversized,
        compressed,
        no_keys,
        deep,
    ]


@pytest.mark.parametrize("failure", _failures(), ids=lambda failure: failure.__name__)
def test_an_issuer_that_cannot_be_trusted_brings_no_keys(server, verifier, failure):
    failure(server)
    assert refused(verifier, server.issue(NOW))
    assert "/other" not in server.seen


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"alg": "PS256"},
        {"kty": "EC"},
        {"kid": None},
        {"kid": 7},
        {"d": "AQAB"},
        {"n": None},
        {"n": "!"},
        {"e": "AA"},
        {"key_ops": ["encrypt"]},
    ],
)
def test_a_key_that_is_not_for_signatures_is_passed_over(server, verifier, changes):
    server.private["good"] = rsa.generate_private_key(65537, 2048)
    server.publish(server.jwk("k1", **changes), server.jwk("good"))
    assert verify(verifier, server.issue(NOW, kid="good")).client_id == "oidc/anna"
    assert refused(verifier, server.issue(NOW, kid="k1"))


def test_a_short_key_is_passed_over(server, verifier):
    server.private["short"] = rsa.generate_private_key(65537, 1024)
    server.publish(server.jwk("short"))
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = server.issue(NOW, kid="short")
    assert refused(verifier, token)


def test_algorithms_and_usage_may_be_left_out(server, verifier):
    public = RSAAlgorithm.to_jwk(server.private["k1"].public_key(), as_dict=True)
    server.publish({"kid": "k1", "kty": "RSA", "n": public["n"], "e": public["e"]})
    assert verify(verifier, server.issue(NOW)).client_id == "oidc/anna"


@pytest.mark.parametrize(
    ("issuer", "keys"),
    [
        ("https://id.example.com/realms/x/", "http://127.0.0.1/keys"),
        ("https://id.example.com/realms/x/", "http://id.example.com/keys"),
        ("http://127.0.0.1:1/", "http://keys.example.com/keys"),
        ("http://127.0.0.1:1/", "file:///etc/passwd"),
    ],
)
def test_keys_are_read_over_a_way_as_secure_as_the_issuers(issuer, keys):
    asked = []

    def fetch(url):
        asked.append(url)
        return json.dumps({"issuer": issuer, "jwks_uri": keys}).encode()

    foreign = OidcIssuer(issuer, AUDIENCE, fetch)
    foreign.awaited("k1", NOW).result(30)
    assert asked == [f"{issuer}.well-known/openid-configuration"]
    assert foreign.keys(NOW) == {}
