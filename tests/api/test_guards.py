"""Who gets through to a route: the credential, where it may stand, and what is counted when it is refused."""

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from cloudpulse import telemetry
from cloudpulse.api.guards import requires
from cloudpulse.auth.oidc import OidcIssuer
from cloudpulse.auth.verify import Verifier
from cloudpulse.errors import Forbidden, Unauthorized
from oidc_server import AUDIENCE, OidcServer

HOT = "/v1/probe/hot"
SHOP = "https://shop.example.com"


@pytest.fixture
def write_key(services) -> str:
    return str(services.write_keys.add("shop", [SHOP], "web-shop").write_key)


@pytest.fixture
def refused():
    """How many requests were refused since, by reason."""

    def now() -> dict[str, float]:
        samples = (sample for metric in telemetry.refused_tokens.collect() for sample in metric.samples)
        return {one.labels["reason"]: one.value for one in samples if one.name.endswith("_total")}

    before = now()
    return lambda: {reason: count - before[reason] for reason, count in now().items() if count != before[reason]}


@pytest.fixture
def server(services) -> Iterator[OidcServer]:
    """Another issuer that the application trusts."""
    server = OidcServer()
    issuers = [services.tokens, services.user_tokens, OidcIssuer(server.url, AUDIENCE)]
    services.verifier = Verifier(issuers, lambda: services.clock.now)
    yield server
    server.close()


def send(http, token: str | None, **more) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return http.post(HOT, content=b"hi", headers=headers, **more)


def test_the_token_of_a_user_opens_routes(http, services):
    answer = send(http, services.user_tokens.issue("ab12", ["events:write"], 60))
    assert answer.json() == {"text": "hi user/ab12"}
    assert send(http, services.user_tokens.issue("ab12", [], 60)).status_code == 403


@pytest.mark.parametrize("kind", ["bearer", "Bearer", "BEARER"])
def test_the_word_bearer_in_any_case(http, services, kind):
    token = services.tokens.issue("c1", ["events:write"], "default", 60)
    assert http.post(HOT, headers={"Authorization": f"{kind} {token}"}).status_code == 200


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic eDp5", "{token}", "Token {token}", "Bearer{token}", "Bearer\t{token}"],
)
def test_no_token_where_one_is_needed(http, services, refused, header):
    token = services.tokens.issue("c1", ["events:write"], "default", 60)
    headers = {} if header is None else {"Authorization": header.format(token=token)}
    answer = http.post(HOT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert sum(refused().values()) == 1


def let_in(services, *headers: tuple[bytes, bytes]) -> str:
    """Pass a guard with headers as they come over the wire: the test client would make one of two of a name."""
    scope: dict[str, Any] = {"headers": list(headers), "query_string": b"", "state": {}}
    connection: Any = SimpleNamespace(scope=scope, app=SimpleNamespace(state=SimpleNamespace(services=services)))
    asyncio.run(requires("events:write")(connection, None))
    return str(scope["auth"].client_id)


def test_two_authorization_headers_are_refused(services):
    token = services.tokens.issue("c1", ["events:write"], "default", 60)
    good = (b"authorization", f"Bearer {token}".encode())
    assert let_in(services, good) == "c1"
    for second in (good, (b"authorization", b"Bearer x"), (b"authorization", b"")):
        for headers in ([good, second], [second, good]):
            with pytest.raises(Unauthorized):
                let_in(services, *headers)


def test_two_origins_are_none_of_those_of_a_write_key(services, write_key):
    key, origin = (b"authorization", f"Bearer {write_key}".encode()), (b"origin", SHOP.encode())
    assert let_in(services, key, origin).startswith("write_key/")
    for second in (origin, (b"origin", b"https://other.example.com")):
        with pytest.raises(Forbidden):
            let_in(services, key, origin, second)


def test_a_write_key_as_bearer_and_as_parameter(http, write_key):
    origin = {"Origin": SHOP}
    key_id = write_key.split("_")[1]
    as_bearer = http.post(HOT, content=b"hi", headers=origin | {"Authorization": f"Bearer {write_key}"})
    assert as_bearer.json() == {"text": f"hi write_key/{key_id}"}
    as_parameter = http.post(HOT, content=b"hi", headers=origin, params={"write_key": write_key})
    assert as_parameter.json() == {"text": f"hi write_key/{key_id}"}
    among_others = http.post(f"{HOT}?a=1&write_key={write_key}&b=", content=b"hi", headers=origin)
    assert among_others.status_code == 200


def test_a_write_key_is_bound_to_its_origins(http, write_key, refused):
    elsewhere = {"Origin": "https://other.example.com"}
    as_bearer = http.post(HOT, headers=elsewhere | {"Authorization": f"Bearer {write_key}"})
    as_parameter = http.post(HOT, headers=elsewhere, params={"write_key": write_key})
    for answer in (as_bearer, as_parameter):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert refused() == {"origin": 2}


@pytest.mark.parametrize("query", ["write_key=wk_no_such", "write_key=", "write_key=x", "write_key={token}"])
def test_what_is_no_write_key(http, services, query):
    token = services.tokens.issue("c1", ["events:write"], "default", 60)
    answer = http.post(f"{HOT}?{query.format(token=token)}", headers={"Origin": SHOP})
    assert answer.status_code == 401
    assert "write key" in answer.json()["detail"]
    assert "once" not in answer.json()["detail"]


def test_one_credential_at_a_time(http, services, write_key, bearer):
    origin = {"Origin": SHOP}
    for headers in (bearer("events:write"), {"Authorization": f"Bearer {write_key}"}, {"Authorization": ""}):
        assert http.post(f"{HOT}?write_key={write_key}", headers=origin | headers).status_code == 401
    assert http.post(f"{HOT}?write_key={write_key}&write_key={write_key}", headers=origin).status_code == 401


def test_a_write_key_opens_no_route_but_those_that_write(http, services, write_key, bearer):
    origin = {"Origin": SHOP}
    assert http.get(f"/v1/clients?write_key={write_key}", headers=origin).status_code == 401
    assert http.get("/v1/clients", headers=origin | {"Authorization": f"Bearer {write_key}"}).status_code == 403
    assert http.get(f"/v1/clients?write_key={write_key}", headers=bearer("admin")).status_code == 200


def test_a_parameter_whose_name_only_ends_so(http, bearer):
    assert http.post(f"{HOT}?my_write_key=1", content=b"hi", headers=bearer("events:write")).status_code == 200


def test_refused_requests_are_counted_by_reason(http, services, bearer, refused):
    send(http, None)
    send(http, "x.y.z")
    http.post(HOT, headers=bearer("admin"))
    short = services.tokens.issue("c1", ["events:write"], "default", 1)
    services.clock.now += 1
    send(http, short)
    assert refused() == {"missing": 1, "invalid": 1, "scope": 1, "expired": 1}


def test_the_limit_in_a_token_counts(http, services):
    token = services.tokens.issue("c1", ["events:write"], "default", 60, requests_per_minute=1)
    first, second = send(http, token), send(http, token)
    assert (first.status_code, first.headers["ratelimit-remaining"]) == (200, "0")
    assert (second.status_code, "retry-after" in second.headers) == (429, True)


def test_a_bad_token_is_never_a_matter_of_rate(http, services):
    token = services.tokens.issue("c1", ["events:write"], "default", 60, requests_per_minute=1)
    assert send(http, token).status_code == 200
    for _ in range(5):
        assert send(http, token[:-4] + "AAAA").status_code == 401
    services.clock.now += 60
    assert send(http, token).status_code == 401


def test_the_token_of_another_issuer_waits_for_its_keys(http, services, server):
    token = server.issue(services.clock.now, scope=f"{AUDIENCE}/events:write")
    for _ in range(3):
        assert send(http, token).json() == {"text": "hi oidc/anna"}
    assert len(server.seen) == 2


def test_an_issuer_that_hangs_holds_up_nobody_else(http, services, server, refused):
    server.open.clear()
    answers: list[httpx.Response] = []
    tokens = [server.issue(services.clock.now, scope="events:write", sub=f"user-{n}") for n in range(3)]
    waiting = [threading.Thread(target=lambda one=one: answers.append(send(http, one))) for one in tokens]
    for thread in waiting:
        thread.start()
    own = services.tokens.issue("c1", ["events:write"], "default", 60)
    for _ in range(10):
        assert send(http, own).status_code == 200
    assert answers == []
    server.open.set()
    for thread in waiting:
        thread.join(30)
    assert sorted(answer.json()["text"] for answer in answers) == ["hi oidc/user-0", "hi oidc/user-1", "hi oidc/user-2"]
    assert len(server.seen) == 2


def test_keys_that_never_come(http, services, server, refused):
    server.answers.clear()
    assert send(http, server.issue(services.clock.now)).status_code == 401
    assert refused() == {"invalid": 1}


def test_the_public_keys_verify_what_is_issued(http, services):
    token = services.user_tokens.issue("ab12", ["admin"], 60)
    answer = http.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}

    import jwt

    found = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, found, ["RS256"], {"verify_exp": False, "verify_iat": False}, audience="cloudpulse")
    assert claims["iss"] == http.get("/.well-known/openid-configuration").json()["issuer"]


def test_discovery(http, services):
    answer = http.get("/.well-known/openid-configuration")
    assert answer.headers["cache-control"] == "public, max-age=300"
    url = services.settings.url
    body = answer.json()
    assert (body["issuer"], body["jwks_uri"], body["token_endpoint"]) == (
        url,
        f"{url}/.well-known/jwks.json",
        f"{url}/v1/token",
    )
    arrays = ("response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported")
    assert all(body[name] for name in arrays)
    assert body["token_endpoint_auth_methods_supported"] == ["client_secret_basic", "client_secret_post"]


def test_an_installation_trusts_another_of_its_kind(http, services):
    """What we publish is what we ask of other issuers."""
    foreign = OidcIssuer(services.settings.url, "cloudpulse", lambda url: http.get(url).content)
    foreign.awaited("any", services.clock.now).result(30)
    token = services.user_tokens.issue("ab12", ["admin"], 60)
    principal = Verifier([foreign], lambda: services.clock.now).verify(token)
    assert (principal.client_id, principal.scopes) == ("oidc/ab12", {"admin"})
