"""Headers that every answer has, and those that pages of other origins need."""

import msgspec
import pytest
from litestar.testing import TestClient

from cloudpulse.api.app import create_app

SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
SHOP, CONSOLE, STRANGER = "https://shop.example", "https://console.example", "https://evil.example"


@pytest.fixture
def with_settings(services):
    def make(**changes):
        services.settings = msgspec.structs.replace(services.settings, **changes)
        return TestClient(create_app(services), raise_server_exceptions=False)

    return make


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/nothing", 404),
        ("PATCH", "/healthz", 405),
        ("POST", "/v1/events", 401),
        ("GET", "/v1/clients", 401),
        ("GET", "/v1/probe/broken?text=x", 500),
        ("POST", "/v1/token", 415),
    ],
)
def test_every_answer_has_the_security_headers_and_no_banner(http, method, path, status):
    answer = http.request(method, path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in SAFE} == SAFE
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


def test_a_route_may_set_its_own(http):
    page = http.get("/docs").headers
    assert page.get_list("content-security-policy")[1:] == []
    assert "script-src" in page["content-security-policy"]
    assert page["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("url", "sent"), [("https://x.example", True), ("http://x.example", False), ("", False)])
def test_browsers_keep_to_https_where_it_is_served(with_settings, url, sent):
    with with_settings(public_url=url) as http:
        assert ("strict-transport-security" in http.get("/healthz").headers) is sent


def asked(http, origin, path="/v1/query", method="GET"):
    preflight = http.options(path, headers={"Origin": origin, "Access-Control-Request-Method": method})
    plain = http.request(method, path, headers={"Origin": origin})
    for answer in (preflight, plain):
        assert answer.headers["vary"] == "Origin"
        assert answer.headers["x-request-id"]
    names = ("access-control-allow-origin", "access-control-allow-credentials")
    found = [tuple(answer.headers.get(name) for name in names) for answer in (preflight, plain)]
    assert found[0] == found[1]
    return preflight, plain, found[0]


def test_a_page_of_an_allowed_origin(with_settings):
    with with_settings(cors_origins=(CONSOLE,)) as http:
        preflight, plain, found = asked(http, CONSOLE)
        assert found == (CONSOLE, "true")
        assert preflight.status_code == 204
        assert preflight.headers["access-control-max-age"] == "600"
        assert "DELETE" in preflight.headers["access-control-allow-methods"]
        allowed = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
        assert allowed == {
            "authorization", "content-type", "content-encoding", "idempotency-key", "prefer", "x-request-id",
        }  # fmt: skip
        exposed = {name.strip().lower() for name in plain.headers["access-control-expose-headers"].split(",")}
        assert exposed >= {"x-request-id", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}
        assert plain.status_code == 401


@pytest.mark.parametrize(
    "origin", [STRANGER, "null", CONSOLE + ".evil.example", "http://console.example", CONSOLE.upper(), "", "*", "é"]
)
def test_any_other_origin_gets_no_permission(with_settings, origin):
    with with_settings(cors_origins=(CONSOLE,)) as http:
        assert asked(http, origin.encode())[2] == (None, None)
        assert asked(http, origin.encode(), "/v1/events", "POST")[2] == (None, None)


def test_any_origin_goes_without_credentials(with_settings):
    with with_settings(cors_origins=("*", CONSOLE)) as http:
        assert asked(http, STRANGER)[2] == ("*", None)
        assert asked(http, "*")[2] == ("*", None)
        assert asked(http, CONSOLE)[2] == (CONSOLE, "true")


@pytest.mark.parametrize(("origins", "answer"), [([SHOP], SHOP), (["*"], "*")])
def test_origins_of_write_keys_may_send_events_and_nothing_else(with_settings, services, origins, answer):
    services.write_keys.add("shop", origins)
    with with_settings(cors_origins=(CONSOLE,)) as http:
        for path in ("/v1/events", "/v1/events/batch", "/v1/collect", "/v1/event"):
            assert asked(http, SHOP, path, "POST")[2] == (answer, None)
            assert asked(http, CONSOLE, path, "POST")[2] == (CONSOLE, "true")
        for path in ("/v1/query", "/v1/token", "/v1/clients", "/v1/auth/login", "/nothing", "/metrics"):
            assert asked(http, SHOP, path)[2] == (None, None)


def test_without_an_origin_nothing_is_said(with_settings):
    with with_settings(cors_origins=("*",)) as http:
        assert [name for name in http.get("/healthz").headers if name.startswith("access-control")] == []


def test_a_limited_caller_learns_where_it_stands(http, services, bearer):
    headers = bearer("events:write")
    assert not [name for name in http.get("/healthz").headers if name.startswith("ratelimit")]
    services.sign_ins.enter("testclient", "x")
    answer = http.post("/v1/probe/hot", content=b"hi", headers=headers)
    assert answer.status_code == 200
    assert "ratelimit-limit" not in answer.headers
