"""The dashboard as it is served: addresses, caching, compression, and what the page may do."""

import gzip
from pathlib import Path

import msgspec
import pytest
from litestar.testing import TestClient

from cloudpulse.api.app import create_app
from cloudpulse.api.dashboard import BUILD, PAGES, Dashboard
from cloudpulse.auth.oidc import OidcIssuer
from cloudpulse.auth.verify import Verifier
from oidc_server import AUDIENCE, KEYS, OidcServer

PAGE = b"<!doctype html><title>CloudPulse</title>" + b"<p>text</p>" * 100
SCRIPT = b"export const answer = 42;" * 100
FONT = bytes(range(256))
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
PATHS = [path.replace("{view:path}", "a/b%20c") for path in PAGES]


@pytest.fixture
def build(tmp_path) -> Path:
    folder = tmp_path / "build"
    (folder / "assets" / "folder").mkdir(parents=True)
    (folder / "index.html").write_bytes(PAGE)
    (folder / "secret.txt").write_text("not of the page")
    (folder / "assets" / "index-a1b2.js").write_bytes(SCRIPT)
    (folder / "assets" / "font-a1b2.woff2").write_bytes(FONT)
    return folder


@pytest.fixture
def dashboard(http, build):
    """A client of a server with that build; it takes nothing compressed unless it says so."""
    http.app.state.dashboard = Dashboard(build)
    http.headers["Accept-Encoding"] = "identity"
    return http


def policy(answer) -> dict[str, str]:
    [text] = answer.headers.get_list("content-security-policy")
    return dict(directive.split(" ", 1) for directive in text.split("; "))


@pytest.mark.parametrize("path", PATHS)
def test_every_address_of_the_dashboard_is_the_one_page(dashboard, path):
    answer = dashboard.get(path)
    assert (answer.status_code, answer.content) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers.get_list("cache-control") == ["no-cache"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert policy(answer) == STRICT


def test_a_browser_that_has_the_page_is_told_so(dashboard):
    first = dashboard.get("/")
    for held in (first.headers["etag"], f'"x", {first.headers["etag"]}'):
        again = dashboard.get("/live", headers={"If-None-Match": held})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary", "content-security-policy"):
            assert again.headers[name] == first.headers[name]
    assert dashboard.get("/", headers={"If-None-Match": 'W/"0123456789abcdef"'}).status_code == 200


def test_another_build_is_another_page(dashboard, build):
    held = dashboard.get("/").headers["etag"]
    (build / "index.html").write_bytes(PAGE + b"more")
    dashboard.app.state.dashboard = Dashboard(build)
    assert dashboard.get("/", headers={"If-None-Match": held}).content == PAGE + b"more"


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [("index-a1b2.js", SCRIPT, "text/javascript; charset=utf-8"), ("font-a1b2.woff2", FONT, "font/woff2")],
)
def test_assets_are_kept_for_ever(dashboard, name, content, media_type):
    answer = dashboard.get(f"/assets/{name}")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, content, media_type)
    assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
    assert policy(answer) == {"default-src": "'none'", "frame-ancestors": "'none'"}
    held = {"If-None-Match": answer.headers["etag"]}
    assert dashboard.get(f"/assets/{name}", headers=held).status_code == 304


@pytest.mark.parametrize(
    "accepted", ["gzip", "br, GZIP;q=0.5", "deflate,gzip;q=1.0, *;q=0.1", "gzip;q=0.001", "zstd, gzip ; q=0.05"]
)
def test_who_takes_gzip_gets_it_always_the_same(dashboard, accepted):
    for path, content in (("/", PAGE), ("/assets/index-a1b2.js", SCRIPT)):
        with dashboard.stream("GET", path, headers={"Accept-Encoding": accepted}) as answer:
            packed = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers.get_list("vary") == ["Accept-Encoding"]
        assert int(answer.headers["content-length"]) == len(packed) < len(content)
        assert gzip.decompress(packed) == content
        assert packed[4:8] == bytes(4), "the time of its making"


@pytest.mark.parametrize("accepted", ["identity", "", "br", "gzip;q=0", "gzip;q=0.000, br", "xgzip", "*"])
def test_who_does_not_gets_the_plain_file(dashboard, accepted):
    answer = dashboard.get("/", headers={"Accept-Encoding": accepted})
    assert answer.content == PAGE
    assert "content-encoding" not in answer.headers
    assert answer.headers.get_list("vary") == ["Accept-Encoding"]


def test_what_is_compressed_already_stays_as_it_is(dashboard):
    answer = dashboard.get("/assets/font-a1b2.woff2", headers={"Accept-Encoding": "gzip"})
    assert answer.content == FONT
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2fsecret.txt",
        "/assets/../secret.txt",
        "/assets/%2e%2e/secret.txt",
        "/assets/..%5csecret.txt",
        "/assets/%2fetc%2fpasswd",
        "/assets/folder",
        "/assets/folder/..%2f..%2fsecret.txt",
        "/assets/index-a1b2.js%00",
        "/assets/index-a1b2.js/x",
        "/assets/index.html",
        "/assets/",
        "/assets",
        "/secret.txt",
        "/index.html",
        "/dashboard/index.html",
    ],
)
def test_only_files_of_the_page_are_found(dashboard, path):
    answer = dashboard.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


def test_a_checkout_without_a_build_says_what_to_do(http, tmp_path):
    http.app.state.dashboard = Dashboard(tmp_path / "nothing")
    answer = http.get("/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "make dashboard" in answer.json()["detail"]
    assert http.get("/assets/index-a1b2.js").status_code == 404


def test_the_build_of_this_version_is_there_and_whole(http):
    """All files, and nothing in the page that its policy forbids."""
    page = http.get("/").text
    linked = [part.split('"')[0] for part in page.split('="/')[1:]]
    assert [name.partition("/")[0] for name in linked] == ["assets"] * len(linked)
    assert {name.rpartition(".")[2] for name in linked} == {"js", "css", "svg"}
    for path in [*linked, *(f"assets/{file.name}" for file in BUILD.joinpath("assets").iterdir())]:
        assert http.get(f"/{path}").status_code == 200
    for forbidden in ("<style", " style=", "<script>", " onload=", "http:", "https:", "javascript:"):
        assert forbidden not in page


def test_the_dashboard_is_no_part_of_the_api(http):
    paths = http.get("/v1/openapi.json").json()["paths"]
    assert not [
        path for path in paths if not path.startswith(("/v1/", "/.well-known/", "/healthz", "/readyz", "/metr"))
    ]


@pytest.fixture
def issuer():
    server = OidcServer()
    yield server
    server.close()


@pytest.fixture
def with_issuer(services, issuer, build):
    """A client of a server where people sign in at ``issuer``."""

    def make(client_id="dashboard"):
        changes = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "oidc_client_id": client_id}
        services.settings = msgspec.structs.replace(services.settings, **changes)
        services.verifier = Verifier([OidcIssuer(issuer.url, AUDIENCE)], lambda: services.clock.now)
        app = create_app(services)
        app.state.dashboard = Dashboard(build)
        return TestClient(app)

    return make


def describe(issuer, token_endpoint):
    issuer.describe(issuer=issuer.url, jwks_uri=issuer.url + KEYS, token_endpoint=token_endpoint)


def test_the_page_may_speak_with_the_issuer_and_its_token_endpoint(with_issuer, issuer):
    describe(issuer, "https://Tokens.example.com/oauth2/token")
    with with_issuer() as http:
        expected = STRICT | {"connect-src": f"'self' {issuer.url} https://tokens.example.com"}
        assert policy(http.get("/")) == expected
        seen = len(issuer.seen)
        assert policy(http.get("/callback?code=x&state=y")) == expected
        assert len(issuer.seen) == seen, "it is asked once"


def test_where_people_sign_in_here_the_issuer_is_not_asked(with_issuer, issuer):
    with with_issuer(client_id="") as http:
        assert policy(http.get("/")) == STRICT
    assert issuer.seen == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://tokens.example.com/",
        "https://tokens.example.com;script-src */",
        "https://tokens.example.com 'unsafe-inline'/",
        "https://tokens.example.com\r\nX-Evil: 1/",
        "https://*/",
        "https://[::1/",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_issuer_cannot_widen_the_policy(with_issuer, issuer, endpoint):
    describe(issuer, endpoint)
    with with_issuer() as http:
        assert policy(http.get("/")) == STRICT | {"connect-src": f"'self' {issuer.url}"}


def test_an_issuer_that_is_away_does_not_take_the_page_away(with_issuer, issuer, services):
    issuer.answers.clear()
    with with_issuer() as http:
        first = http.get("/")
        assert policy(first)["connect-src"] == f"'self' {issuer.url}"
        describe(issuer, "https://tokens.example.com/")
        issuer.rotate("k2")
        services.clock.now += 60
        again = http.get("/", headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 200, "the policy is another one"
        assert policy(again)["connect-src"] == f"'self' {issuer.url} https://tokens.example.com"
