"""Clients, write keys and rotation over HTTP."""

import base64
import datetime as dt
import json

import jwt
import pytest

from cloudpulse.auth.throttle import TOLD_PER_MINUTE, SignInThrottle

SHOP = "https://shop.example"
FORM = "application/x-www-form-urlencoded"


def basic(client_id, client_secret):
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()}


def noted(services):
    """What the audit log holds: (actor, action, subject, outcome)."""
    lines = (services.settings.data / "audit.ndjson").read_bytes().splitlines()
    return [(e["actor"], e["action"], e["subject"], e["outcome"]) for e in map(json.loads, lines)]


def moment(text):
    return dt.datetime.fromisoformat(text).timestamp()


def test_the_limit_of_a_client_goes_into_its_next_token(http, services, bearer):
    admin = bearer("admin")
    body = {"name": "shop", "scopes": ["events:write"], "requests_per_minute": 2}
    made = http.post("/v1/clients", json=body, headers=admin).json()
    first = http.post("/v1/token", json=made).json()["access_token"]
    assert services.verifier.verify(first).requests_per_minute == 2
    path = f"/v1/clients/{made['client_id']}"
    assert http.patch(path, json={"requests_per_minute": None}, headers=admin).status_code == 204
    second = http.post("/v1/token", json=made).json()["access_token"]
    used = [
        http.post("/v1/probe/hot", content=b"x", headers={"Authorization": f"Bearer {token}"}).status_code
        for token in (first, first, first, second, second, second)
    ]
    assert used == [200, 200, 429, 200, 200, 200]


def test_a_change_touches_neither_the_secrets_nor_their_dates(http, services, bearer):
    admin = bearer("admin", ttl_seconds=600)
    first = http.post("/v1/clients", json={"name": "shop"}, headers=admin).json()
    services.clock.now += 100
    path = f"/v1/clients/{first['client_id']}"
    second = http.post(f"{path}/rotate", headers=admin).json()
    [before] = http.get("/v1/clients", headers=admin).json()["clients"]
    services.clock.now += 100
    assert http.patch(path, json={"requests_per_minute": 5}, headers=admin).status_code == 204
    [after] = http.get("/v1/clients", headers=admin).json()["clients"]
    assert after == before | {"requests_per_minute": 5}
    assert moment(after["created_at"]) == 1_800_000_100
    for pair in (first, second):
        assert http.post("/v1/token", json=pair).status_code == 200


@pytest.mark.parametrize("body", [{}, {"requests_per_minute": 0}, {"requests_per_minute": "x"}, {"name": "other"}])
def test_a_bad_change_is_refused(http, services, bearer, body):
    made = services.clients.add("shop", ["events:write"])
    answer = http.patch(f"/v1/clients/{made.client_id}", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    unknown = http.patch("/v1/clients/nobody", json={"requests_per_minute": 5}, headers=bearer("admin"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


def test_a_second_rotation_ends_the_oldest_secret(http, services, bearer):
    made = services.clients.add("shop", ["events:write"])
    path = f"/v1/clients/{made.client_id}/rotate"
    first = {"client_id": made.client_id, "client_secret": made.client_secret}
    second, third = (http.post(path, headers=bearer("admin")).json() for _ in range(2))
    assert moment(third["previous_expires_at"]) == services.clock.now + 86_400
    assert [http.post("/v1/token", json=pair).status_code for pair in (first, second, third)] == [401, 200, 200]
    fourth = http.post(path, params={"keep_previous_seconds": 0}, headers=bearer("admin")).json()
    assert fourth["previous_expires_at"] is None
    assert [http.post("/v1/token", json=pair).status_code for pair in (second, third, fourth)] == [401, 401, 200]


@pytest.mark.parametrize("seconds", [-1, 2_592_001, "x"])
def test_an_overlap_that_makes_no_sense_is_refused(http, services, bearer, seconds):
    made = services.clients.add("shop", ["events:write"])
    path, asked = f"/v1/clients/{made.client_id}/rotate", {"keep_previous_seconds": seconds}
    answer = http.post(path, params=asked, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_credentials_come_by_http_basic_too(http, services):
    made = services.clients.add("shop", ["events:write"])
    header = basic(made.client_id, made.client_secret)
    encoded = basic("".join(f"%{ord(char):02X}" for char in made.client_id), made.client_secret)
    for request in (
        {"headers": header},
        {"headers": encoded, "data": {"grant_type": "client_credentials"}},
        {"headers": header, "json": {"audience": "cloudpulse"}},
        {"headers": header, "data": {"client_id": made.client_id}},
    ):
        assert http.post("/v1/token", **request).status_code == 200
    wrong = http.post("/v1/token", headers=basic(made.client_id, "wrong"))
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_client")
    assert wrong.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (basic("x", "y"), {"client_id": "x", "client_secret": "y"}),
        (basic("x", "y"), {"client_id": "z"}),
        ({"Authorization": "Basic"}, {}),
        ({"Authorization": "Basic !"}, {}),
        ({"Authorization": "Basic eA=="}, {}),
        ({"Authorization": "Basic /w=="}, {}),
        ({"Authorization": "Bearer x"}, {"client_id": "x", "client_secret": "y"}),
        ({}, {"client_id": "x"}),
        ({}, {"client_secret": "x"}),
    ],
)
def test_credentials_in_two_places_or_in_none_are_refused(http, header, body):
    for kind in ("json", "data"):
        answer = http.post("/v1/token", headers=header, **{kind: body or {"grant_type": "client_credentials"}})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_whoever_guesses_secrets_is_slowed_down_and_others_are_not(http, services):
    made = services.clients.add("shop", ["events:write"])
    right = {"client_id": made.client_id, "client_secret": made.client_secret}
    answers = [http.post("/v1/token", json=right | {"client_secret": "wrong"}) for _ in range(8)]
    assert [answer.status_code for answer in answers][:5] == [401] * 5
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "rate_limited")
    assert int(answers[-1].headers["retry-after"]) >= 1
    for number in range(1_000):
        services.sign_ins.failed(f"192.0.2.{number % 250}", f"client/{made.client_id}")
    services.clock.now += 30
    assert http.post("/v1/token", json=right).status_code == 200


def test_tokens_are_in_the_audit_log(http, services):
    made = services.clients.add("shop", ["events:write"])
    right = {"client_id": made.client_id, "client_secret": made.client_secret}
    for asked in (right, right | {"client_secret": "wrong"}, right | {"client_id": "a-secret-in-the-wrong-field"}):
        http.post("/v1/token", json=asked)
    subject = f"client/{made.client_id}"
    assert noted(services) == [
        (subject, "token_issued", subject, "done"),
        ("unknown", "token_issued", subject, "refused"),
        ("unknown", "token_issued", "unknown", "refused"),
    ]


def test_the_life_of_a_write_key(http, services, bearer):
    admin = bearer("admin")
    body = {"name": "shop", "origins": [SHOP], "app": "web", "requests_per_minute": 100}
    made = http.post("/v1/write-keys", json=body, headers=admin)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    first = made.json()
    listed = http.get("/v1/write-keys", headers=admin)
    [key] = listed.json()["write_keys"]
    assert moment(key.pop("created_at")) == services.clock.now
    assert key == body | {"key_id": first["key_id"], "previous_expires_at": None}
    assert first["write_key"] not in listed.text

    path = f"/v1/write-keys/{first['key_id']}"
    second = http.post(f"{path}/rotate", params={"keep_previous_seconds": 60}, headers=admin).json()
    assert moment(second["previous_expires_at"]) == services.clock.now + 60
    sent = [
        http.post(
            "/v1/probe/hot", content=b"x", headers={"Authorization": f"Bearer {one['write_key']}", "Origin": SHOP}
        )
        for one in (first, second)
    ]
    assert [answer.json() for answer in sent] == [{"text": f"x write_key/{first['key_id']}"}] * 2

    assert http.delete(path, headers=admin).status_code == 204
    refused = http.post("/v1/probe/hot", content=b"x", params={"write_key": second["write_key"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert [(action, subject) for _, action, subject, _ in noted(services)] == [
        (action, f"write_key/{first['key_id']}")
        for action in ("write_key_added", "write_key_rotated", "write_key_removed")
    ]


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x"}, {"name": "x", "origins": []}, {"name": "x", "origins": [SHOP + "/path"]}, {"origins": [SHOP]}],
)
def test_a_bad_write_key_is_refused(http, bearer, body):
    answer = http.post("/v1/write-keys", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_a_write_key_changes_and_its_pages_keep_it(http, services, bearer):
    admin = bearer("admin")
    made = services.write_keys.add("shop", [SHOP], requests_per_minute=1)
    path = f"/v1/write-keys/{made.key_id}"
    change = {"requests_per_minute": None, "origins": ["https://b.example"]}
    for name, value in change.items():
        assert http.patch(path, json={name: value}, headers=admin).status_code == 204
    sent = {"content": b"x", "params": {"write_key": made.write_key}}
    answers = [
        http.post("/v1/probe/hot", **sent, headers={"Origin": origin}).status_code
        for origin in ("https://b.example", "https://b.example", SHOP)
    ]
    assert answers == [200, 200, 403]
    [listed] = http.get("/v1/write-keys", headers=admin).json()["write_keys"]
    assert change.items() <= listed.items()
    assert noted(services) == [("client/probe", "write_key_changed", f"write_key/{made.key_id}", "done")] * 2


@pytest.mark.parametrize(
    "body", [{}, {"requests_per_minute": 0}, {"origins": []}, {"origins": None}, {"origins": "*"}, {"name": "other"}]
)
def test_a_bad_change_of_a_write_key_is_refused(http, services, bearer, body):
    made = services.write_keys.add("shop", [SHOP])
    answer = http.patch(f"/v1/write-keys/{made.key_id}", json=body, headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert services.write_keys.list()[0].origins == (SHOP,)


def test_a_write_key_that_is_not_there(http, bearer):
    for method, path, body in (
        ("POST", "/v1/write-keys/nobody/rotate", None),
        ("PATCH", "/v1/write-keys/nobody", {"origins": [SHOP]}),
        ("DELETE", "/v1/write-keys/nobody", None),
    ):
        answer = http.request(method, path, json=body, headers=bearer("admin"))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_new_signing_secrets_on_demand(http, services, bearer):
    admin = bearer("admin", ttl_seconds=86_400)
    answer = http.post("/v1/rotate", headers=admin).json()
    assert answer["rotated"] == ["signing", "user_signing"]
    assert moment(answer["previous_expires_at"]) == services.clock.now + 86_400
    kids = {jwt.get_unverified_header(one["Authorization"].split()[1])["kid"] for one in (admin, bearer("admin"))}
    assert len(kids) == 2
    assert http.get("/v1/clients", headers=admin).status_code == 200
    assert noted(services) == [
        ("client/probe", "signing_rotated", name, "done") for name in ("signing", "user_signing")
    ]


def test_a_flood_of_guesses_does_not_fill_the_audit_log(http, services):
    services.sign_ins = SignInThrottle(1_000, lambda: services.clock.now)

    def guess(client_id):
        assert http.post("/v1/token", json={"client_id": client_id, "client_secret": "x"}).status_code == 401

    for number in range(TOLD_PER_MINUTE + 7):
        guess(f"nobody-{number}")
    services.clock.now += 60
    guess("nobody")
    lines = (services.settings.data / "audit.ndjson").read_bytes().splitlines()
    assert len(lines) == TOLD_PER_MINUTE + 1
    assert [json.loads(line).get("left_out") for line in lines[-2:]] == [None, 7]
