"""Tokens and clients over HTTP."""

import msgspec
import pytest

FORM = "application/x-www-form-urlencoded"


def credentials(made):
    return {"client_id": made.client_id, "client_secret": made.client_secret}


@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_client_exchanges_its_secret_for_a_token(http, services, kind):
    made = services.clients.add("shop", ["events:write", "events:read"], "web-shop")
    asked = credentials(made) | {"grant_type": "client_credentials", "audience": "cloudpulse", "unknown": "ignored"}
    answer = http.post("/v1/token", **{kind: asked})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 1200, "events:write events:read")
    principal = services.verifier.verify(body["access_token"])
    assert (principal.client_id, principal.app) == (made.client_id, "web-shop")
    used = http.post("/v1/probe/hot", content=b"hi", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert used.json() == {"text": f"hi {made.client_id}"}


def test_wrong_credentials_are_an_invalid_client(http, services):
    made = services.clients.add("shop", ["events:write"])
    for wrong in (
        {"client_id": made.client_id, "client_secret": "wrong"},
        {"client_id": "nobody", "client_secret": made.client_secret},
    ):
        answer = http.post("/v1/token", json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_client")
        assert answer.json()["error"] == "invalid_client"
        assert "www-authenticate" in answer.headers


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"json": {"client_id": "x"}}, 400, "invalid_request"),
        ({"json": {"client_id": 1, "client_secret": "x"}}, 400, "invalid_request"),
        ({"json": {"client_id": "x", "client_secret": "x", "audience": "other"}}, 400, "invalid_request"),
        ({"json": {"client_id": "x", "client_secret": "x", "grant_type": "password"}}, 400, "unsupported_grant_type"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "invalid_request"),
        (
            {"content": b"client_id=x&client_id=y&client_secret=z", "headers": {"Content-Type": FORM}},
            400,
            "invalid_request",
        ),
        ({"content": b"client_id=\xff", "headers": {"Content-Type": FORM}}, 400, "invalid_request"),
        ({"content": b"client_id=&client_secret=z", "headers": {"Content-Type": FORM}}, 400, "invalid_request"),
        ({"content": b"", "headers": {"Content-Type": "application/json"}}, 400, "invalid_request"),
        ({"content": b"x", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"content": b"x"}, 415, "unsupported_media_type"),
        ({"content": b"x" * 20_000, "headers": {"Content-Type": FORM}}, 413, "too_large"),
    ],
)
def test_a_malformed_token_request_is_refused(http, request_, status, code):
    answer = http.post("/v1/token", **request_)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert problem.get("error") == (code if status == 400 else None)
    assert "truncated" not in problem["detail"]


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        (None, ["events:write", "admin"]),
        ("", ["events:write", "admin"]),
        ("admin", ["admin"]),
        ("admin events:write", ["events:write", "admin"]),
        ("admin admin", ["admin"]),
    ],
)
def test_a_client_may_ask_for_some_of_its_scopes(http, services, scope, granted):
    made = services.clients.add("shop", ["events:write", "admin"])
    asked = {"client_id": made.client_id, "client_secret": made.client_secret}
    asked |= {} if scope is None else {"scope": scope}
    for kind in ("json", "data"):
        token = http.post("/v1/token", **{kind: asked}).json()
        assert token["scope"].split(" ") == granted
        assert services.verifier.verify(token["access_token"]).scopes == set(granted)


@pytest.mark.parametrize("scope", ["events:read", "admin events:read", "root", "admin,events:write", " ", "admin\t"])
def test_a_client_gets_no_other_scope(http, services, scope):
    made = services.clients.add("shop", ["events:write", "admin"])
    asked = {"client_id": made.client_id, "client_secret": made.client_secret, "scope": scope}
    answer = http.post("/v1/token", data=asked)
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]) == (400, *["invalid_scope"] * 2)


def test_an_expired_token_is_refused(http, services, bearer):
    headers = bearer("admin", ttl_seconds=60)
    assert http.get("/v1/clients", headers=headers).status_code == 200
    services.clock.now += 60
    assert http.get("/v1/clients", headers=headers).status_code == 401


def test_the_life_of_a_client(http, bearer):
    admin = bearer("admin")
    made = http.post("/v1/clients", json={"name": "shop", "scopes": ["events:write"], "app": "web"}, headers=admin)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    first = made.json()
    listed = http.get("/v1/clients", headers=admin)
    assert [(c["client_id"], c["name"], c["app"], c["scopes"]) for c in listed.json()["clients"]] == [
        (first["client_id"], "shop", "web", ["events:write"])
    ]
    assert first["client_secret"] not in listed.text

    second = http.post(f"/v1/clients/{first['client_id']}/rotate", headers=admin).json()
    assert second["client_secret"] != first["client_secret"]
    for pair in (first, second):
        assert http.post("/v1/token", json=pair).status_code == 200

    token = http.post("/v1/token", json=second).json()["access_token"]
    assert http.delete(f"/v1/clients/{first['client_id']}", headers=admin).status_code == 204
    for pair in (first, second):
        assert http.post("/v1/token", json=pair).status_code == 401
    still = http.post("/v1/probe/hot", content=b"hi", headers={"Authorization": f"Bearer {token}"})
    assert still.status_code == 200


def test_a_client_that_is_not_there(http, bearer):
    for method, path in (("POST", "/v1/clients/nobody/rotate"), ("DELETE", "/v1/clients/nobody")):
        answer = http.request(method, path, headers=bearer("admin"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "x", "scopes": ["root"]}, {"name": "x", "scopes": []}, {"name": "x", "other": 1}],
)
def test_a_bad_client_is_refused(http, bearer, body):
    answer = http.post("/v1/clients", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_the_configuration_is_public(http):
    body = http.get("/v1/config").json()
    assert (body["issuer"], body["oidc_issuer"], body["audience"]) == ("http://127.0.0.1:8080", None, "cloudpulse")
    assert body["sign_in"] == ["client_credentials", "password"]
    assert body["oidc_client_id"] is None


def test_the_configuration_says_where_else_people_sign_in(http, services):
    others = {"oidc_issuer": "https://id.example.com", "oidc_audience": "pulse", "oidc_client_id": "dashboard"}
    services.settings = msgspec.structs.replace(services.settings, **others)
    body = http.get("/v1/config").json()
    assert (body["oidc_issuer"], body["oidc_client_id"]) == ("https://id.example.com", "dashboard")
    assert body["sign_in"] == ["client_credentials", "password", "oidc"]


def test_a_body_that_nests_too_deeply_is_the_callers_fault(http, bearer):
    admin = bearer("admin")
    refused = http.post("/v1/clients", content=b"[" * 100_000, headers=admin | {"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
