"""People over HTTP: signing in, staying signed in, and their administration."""

import json

import msgspec
import pytest
from litestar.testing import TestClient

from cloudpulse import telemetry
from cloudpulse.api.app import create_app

PASSWORD = "correct horse battery"
EMAIL = "Ada@Example.com"
COOKIE = "cloudpulse_refresh"


@pytest.fixture
def ada(services):
    return services.users.add(EMAIL, ["events:write"], PASSWORD)


def login(http, email=EMAIL, password=PASSWORD, **options):
    return http.post("/v1/auth/login", json={"email": email, "password": password}, **options)


def refresh(http, token, **headers):
    http.cookies.clear()
    return http.post("/v1/auth/refresh", headers={"Cookie": f"{COOKIE}={token}", **headers})


def audited(services):
    path = services.settings.data / "audit.ndjson"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(one["actor"], one["action"], one["subject"], one["outcome"]) for one in map(json.loads, lines)]


def counted(outcome):
    return telemetry.sign_ins.labels(outcome)._value.get()


def test_a_person_signs_in(http, services, ada):
    before = counted("done")
    answer = login(http, email=" ada@example.COM ")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 1200, "events:write")
    assert answer.headers["cache-control"] == "no-store"
    used = http.post("/v1/probe/hot", content=b"hi", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert used.json() == {"text": f"hi user/{ada.user_id}"}
    me = f"user/{ada.user_id}"
    assert audited(services) == [(me, "sign_in", me, "done")]
    assert counted("done") == before + 1


def test_the_refresh_token_is_a_cookie_for_these_routes_alone(http, services, ada):
    answer = login(http)
    pair, *attributes = answer.headers["set-cookie"].split("; ")
    assert pair.startswith(f"{COOKIE}={ada.user_id}.")
    assert {one.lower() for one in attributes} == {"httponly", "samesite=strict", "path=/v1/auth", "max-age=2592000"}
    assert answer.cookies[COOKIE] not in answer.text


def test_the_cookie_is_secure_where_the_site_is(services, ada):
    services.settings = msgspec.structs.replace(services.settings, public_url="https://pulse.example")
    with TestClient(create_app(services)) as http:
        assert "; Secure" in login(http).headers["set-cookie"]
        assert login(http, headers={"Origin": "https://pulse.example"}).status_code == 200
        assert "; Secure" in http.post("/v1/auth/logout").headers["set-cookie"]


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(http, services, ada):
    before = counted("refused")
    wrong, unknown = login(http, password="wrong"), login(http, email="secret@example.com", password="wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.json()["code"] == "invalid_credentials"
    assert COOKIE not in wrong.cookies
    assert audited(services) == [
        ("unknown", "sign_in", f"user/{ada.user_id}", "refused"),
        ("unknown", "sign_in", "unknown", "refused"),
    ]
    assert "secret@" not in (services.settings.data / "audit.ndjson").read_text()
    assert counted("refused") == before + 2


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"email": "a@x"}', "application/json", 400),
        (b'{"email": "a@x", "password": 123456789012}', "application/json", 400),
        (b'{"email": ["a@x"], "password": "x"}', "application/json", 400),
        (b'{"email": "a@x", "password": "x", "otp": "1"}', "application/json", 400),
        (b'{"email": "\\ud800@x", "password": "x"}', "application/json", 400),
        (b'{"email": "a@x", "password": "\xff"}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
        (b"email=a%40x&password=x", "application/x-www-form-urlencoded", 415),
        (b'{"email": "a@x", "password": "x"}', "text/plain", 415),
        (b'{"email": "a@x", "password": "%s"}' % (b"x" * 4096), "application/json", 413),
    ],
)
def test_a_malformed_sign_in_is_refused(http, content, kind, status):
    answer = http.post("/v1/auth/login", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("content", [b"", b'{"email": "a@x", "passw', b"email=a%40x&password=x"])
def test_a_body_that_is_not_whole_is_told_so(http, content):
    answer = http.post("/v1/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert answer.json()["detail"].startswith("The body is not whole or not valid JSON: send ")


def test_failures_make_the_next_try_wait_and_hash_nothing(http, services, ada, monkeypatch):
    for _ in range(5):
        assert login(http, password="wrong").status_code == 401
    monkeypatch.setattr(services.users, "authenticate", None)
    before = counted("limited")
    refused = login(http, email=EMAIL.upper())
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "1"
    assert counted("limited") == before + 1
    monkeypatch.undo()
    services.clock.now += 1
    assert login(http).status_code == 200
    assert [login(http, password="wrong").status_code for _ in range(2)] == [401, 401], "it begins anew"


def test_two_spellings_of_an_address_wait_together(http):
    for _ in range(5):
        assert login(http, email="jos\u00e9@x").status_code == 401
    assert login(http, email="jose\u0301@x").status_code == 429


def test_a_refresh_gives_another_token_and_another_cookie(http, services, ada):
    first = login(http)
    services.clock.now += 1200
    second = http.post("/v1/auth/refresh")
    assert second.status_code == 200, second.text
    assert second.headers["cache-control"] == "no-store"
    assert second.json()["scope"] == "events:write"
    assert services.verifier.verify(second.json()["access_token"]).client_id == f"user/{ada.user_id}"
    assert second.cookies[COOKIE] != first.cookies[COOKIE]
    assert "Max-Age=2590800" in second.headers["set-cookie"]


def test_a_cookie_that_comes_back_ends_the_sign_in(http, services, ada):
    stolen = login(http).cookies[COOKIE]
    mine = refresh(http, stolen).cookies[COOKIE]
    services.clock.now += 60
    for token in (stolen, mine):
        refused = refresh(http, token)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
        assert "set-cookie" not in refused.headers
    assert audited(services)[1:] == [("unknown", "session_reuse", f"user/{ada.user_id}", "refused")]


@pytest.mark.parametrize("cookie", ["", "x", "a" * 4000, "%00", "....", '"'])
def test_no_cookie_or_a_strange_one_is_no_sign_in(http, cookie):
    refused = refresh(http, cookie)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert http.post("/v1/auth/logout", headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 204


def test_signing_out_ends_the_sign_in(http, services, ada):
    token = login(http).cookies[COOKIE]
    out = http.post("/v1/auth/logout")
    assert (out.status_code, out.content) == (204, b"")
    assert "max-age=0" in out.headers["set-cookie"].lower()
    assert COOKIE not in http.cookies
    assert refresh(http, token).status_code == 401
    assert http.post("/v1/auth/logout").status_code == 204
    me = f"user/{ada.user_id}"
    assert audited(services)[1:] == [(me, "sign_out", me, "done")]


def test_signing_out_everywhere_ends_all_sign_ins_of_that_person(http, services, ada):
    services.users.add("bob@example.com", [], PASSWORD)
    others = login(http, email="bob@example.com").cookies[COOKIE]
    phone, here = (login(http).cookies[COOKIE] for _ in range(2))
    out = http.post("/v1/auth/logout", json={"everywhere": True})
    assert (out.status_code, out.content) == (204, b"")
    assert "max-age=0" in out.headers["set-cookie"].lower()
    assert [refresh(http, token).status_code for token in (phone, here, others)] == [401, 401, 200]
    me = f"user/{ada.user_id}"
    assert audited(services)[-1] == (me, "sign_out_everywhere", me, "done")


def test_signing_out_here_leaves_other_devices(http, ada):
    phone, here = (login(http).cookies[COOKIE] for _ in range(2))
    assert http.post("/v1/auth/logout", json={"everywhere": False}).status_code == 204
    assert [refresh(http, token).status_code for token in (here, phone)] == [401, 200]


def test_nobody_is_not_told_that_all_sign_ins_have_ended(http, ada):
    phone, here = (login(http).cookies[COOKIE] for _ in range(2))
    http.post("/v1/auth/logout")
    for cookie in ({}, {"Cookie": f"{COOKIE}={here}"}):
        refused = http.post("/v1/auth/logout", json={"everywhere": True}, headers=cookie)
        assert (refused.status_code, refused.json()["code"]) == (401, "invalid_credentials")
    assert refresh(http, phone).status_code == 200


@pytest.mark.parametrize("content", [b'{"everywhere": "often"}', b'{"everywhere": true, "x": 1}', b'{"everywh', b"[]"])
def test_a_malformed_sign_out_ends_nothing(http, ada, content):
    token = login(http).cookies[COOKIE]
    answer = http.post("/v1/auth/logout", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert refresh(http, token).status_code == 200


def test_another_site_can_make_a_browser_do_nothing(http, services, ada):
    login(http)
    for origin in ("https://evil.example", "null", "http://testserver.evil.example", "https://testserver.local", ""):
        for path in ("login", "refresh", "logout"):
            body = {"email": EMAIL, "password": PASSWORD}
            refused = http.post(f"/v1/auth/{path}", json=body, headers={"Origin": origin})
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert http.post("/v1/auth/refresh").status_code == 200


def test_our_own_pages_and_allowed_ones_may_sign_in(services, ada):
    services.settings = msgspec.structs.replace(services.settings, cors_origins=("https://app.example",))
    with TestClient(create_app(services)) as http:
        own = str(http.base_url).rstrip("/")
        for origin in (own, services.settings.url, "https://app.example"):
            assert login(http, headers={"Origin": origin}).status_code == 200


def test_the_life_of_a_user(http, services, secrets, bearer):
    admin = bearer("admin")
    made = http.post("/v1/users", json={"email": EMAIL, "groups": ["admin"]}, headers=admin)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    first = made.json()
    listed = http.get("/v1/users", headers=admin)
    assert listed.json()["users"] == [
        {"user_id": first["user_id"], "email": EMAIL, "groups": ["admin"], "created_at": "2027-01-15T08:00:00Z"}
    ]
    assert login(http, password=first["password"]).json()["scope"] == "admin"

    rotate = f"/v1/users/{first['user_id']}/rotate"
    second = http.post(rotate, headers=admin)
    assert second.status_code == 200
    assert second.headers["cache-control"] == "no-store"
    assert secrets.names("session/") == []
    assert http.post("/v1/auth/refresh").status_code == 401
    assert login(http, password=first["password"]).status_code == 401
    assert login(http, password=second.json()["password"]).status_code == 200
    assert http.post(rotate, json={"password": PASSWORD}, headers=admin).json()["password"] is None
    assert login(http).status_code == 200

    assert http.delete(f"/v1/users/{first['user_id']}", headers=admin).status_code == 204
    assert secrets.names("session/") == []
    assert http.post("/v1/auth/refresh").status_code == 401
    assert login(http).status_code == 401
    done = [(actor, action) for actor, action, subject, outcome in audited(services) if "sign" not in action]
    assert done == [("client/probe", one) for one in ("user_added", "password_set", "password_set", "user_removed")]


def test_other_groups_count_from_the_next_refresh(http, services, bearer, ada):
    first = login(http).json()
    path = f"/v1/users/{ada.user_id}"
    assert http.patch(path, json={"groups": ["admin"]}, headers=bearer("admin")).status_code == 204
    assert services.verifier.verify(first["access_token"]).scopes == set(first["scope"].split())
    assert http.post("/v1/auth/refresh").json()["scope"] == "admin"
    assert http.patch(path, json={"groups": []}, headers=bearer("admin")).status_code == 204
    assert http.post("/v1/auth/refresh").json()["scope"] == ""
    changed = ("client/probe", "user_changed", f"user/{ada.user_id}", "done")
    assert [entry for entry in audited(services) if "sign" not in entry[1]] == [changed] * 2


def test_a_field_that_the_body_lacks_is_told_of_the_body(http, bearer, ada):
    answer = http.patch(f"/v1/users/{ada.user_id}", json={}, headers=bearer("admin")).json()
    assert [error["field"] for error in answer["errors"]] == ["body"]
    assert answer["detail"].startswith("body: ")


@pytest.mark.parametrize("body", [{}, {"groups": ["root"]}, {"groups": "admin"}, {"email": "b@x"}])
def test_a_bad_change_of_a_user_is_refused(http, services, bearer, ada, body):
    answer = http.patch(f"/v1/users/{ada.user_id}", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize("change", ["set_password", "remove"])
def test_a_sign_in_does_not_outlive_its_password(http, services, secrets, ada, change):
    """A sign-in that began while the password was set has missed that all were ended."""
    login(http)
    getattr(services.users, change)(ada.user_id)
    assert http.post("/v1/auth/refresh").status_code == 401
    assert secrets.names("session/") == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "ada"},
        {"email": EMAIL, "groups": ["root"]},
        {"email": EMAIL, "groups": "admin"},
        {"email": EMAIL, "password": "short"},
        {"email": EMAIL, "other": 1},
        {"email": 1},
    ],
)
def test_a_bad_user_is_refused(http, services, bearer, body):
    answer = http.post("/v1/users", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert services.users.list() == []


@pytest.mark.parametrize("content", [b'{"email": "\xff@x"}', b'{"email": "\\ud800@x"}', b"{", b"\xff"])
def test_a_body_that_is_no_json_is_refused(http, bearer, content):
    headers = bearer("admin") | {"Content-Type": "application/json"}
    for path in ("/v1/users", "/v1/users/nobody/rotate"):
        assert http.post(path, content=content, headers=headers).status_code == 400


@pytest.mark.parametrize("body", [{"password": "short"}, {"password": 1}, {"other": 1}, []])
def test_a_bad_password_is_refused(http, bearer, ada, body):
    answer = http.post(f"/v1/users/{ada.user_id}/rotate", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert login(http).status_code == 200


def test_an_address_is_taken_once(http, bearer, ada):
    answer = http.post("/v1/users", json={"email": EMAIL.lower()}, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_a_user_that_is_not_there(http, bearer):
    for method, path, body in (
        ("POST", "/v1/users/nobody/rotate", None),
        ("PATCH", "/v1/users/nobody", {"groups": []}),
        ("DELETE", "/v1/users/nobody", None),
    ):
        answer = http.request(method, path, json=body, headers=bearer("admin"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
