"""A write key as a browser uses it: preflight, fetch, sendBeacon; and what it cannot do."""

import json

import httpx
import pytest
from test_http_trust import PROTECTED, QUERY

from live_server import count_of, event, eventually

SHOP = "https://shop.example"
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def key(client) -> dict[str, str]:
    made = client.post("/v1/write-keys", json={"name": "shop", "origins": [SHOP], "app": "beacon-shop"})
    assert made.status_code == 201, made.text
    return made.json()


@pytest.fixture
def browser(server):
    with httpx.Client(base_url=server.url, timeout=30) as browser:
        yield browser


def test_a_page_sends_events(browser, client, key):
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = browser.options("/v1/events", headers=asked)
    assert preflight.is_success
    assert preflight.headers["access-control-allow-origin"] == SHOP
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    headers = {"Origin": SHOP, "Authorization": f"Bearer {key['write_key']}"}
    sent = browser.post("/v1/events", json=event("keys-page"), headers=headers)
    assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (200, SHOP)
    eventually(lambda: count_of(client, session_id="keys-page", app="beacon-shop") == 1)


def test_a_beacon_sends_events_when_the_page_goes_away(browser, client, key):
    text = json.dumps({"events": [event("keys-beacon"), event("keys-beacon")]})
    headers = {"Origin": SHOP, "Content-Type": "text/plain;charset=UTF-8"}
    sent = browser.post("/v1/collect", content=text, headers=headers, params={"write_key": key["write_key"]})
    assert sent.status_code == 202, sent.text
    one = json.dumps(event("keys-beacon"))
    sent = browser.post("/v1/events", content=one, headers=headers, params={"write_key": key["write_key"]})
    assert sent.status_code == 200, sent.text
    eventually(lambda: count_of(client, session_id="keys-beacon") == 3)


@pytest.mark.parametrize("origin", [{"Origin": EVIL}, {"Origin": "null"}, {}])
def test_another_origin_is_refused(browser, key, origin):
    bearer = {"Authorization": f"Bearer {key['write_key']}"}
    for given in ({"headers": origin | bearer}, {"headers": origin, "params": {"write_key": key["write_key"]}}):
        refused = browser.post("/v1/events", json=event("keys-evil"), **given)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "access-control-allow-origin" not in refused.headers
    asked = origin | {"Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in browser.options("/v1/events", headers=asked).headers


@pytest.mark.parametrize(("method", "path", "scope"), [entry for entry in PROTECTED if entry[2] != "events:write"])
def test_a_write_key_opens_nothing_else(browser, key, method, path, scope):
    headers = {"Origin": SHOP, "Authorization": f"Bearer {key['write_key']}"}
    refused = browser.request(method, path, headers=headers, params=QUERY)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    in_query = browser.request(method, path, headers={"Origin": SHOP}, params=QUERY | {"write_key": key["write_key"]})
    assert in_query.status_code == 401


def test_a_limited_key_is_told_when_to_come_again(browser, client):
    body = {"name": "slow", "origins": ["*"], "requests_per_minute": 2}
    made = client.post("/v1/write-keys", json=body).json()
    answers = [browser.post("/v1/events", json=event("keys-slow"), params=_query(made)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-limit"] == "2"
    assert int(answers[2].headers["retry-after"]) > 0


def test_keys_end_and_stand_in_no_log(server, browser, client):
    made = json.loads(server.cli("keys", "add", "app", "--origin", "*"))
    assert browser.post("/v1/events", json=event("keys-end"), params=_query(made)).status_code == 200
    renewed = json.loads(server.cli("keys", "rotate", made["key_id"]))
    for one in (made, renewed):
        assert browser.post("/v1/events", json=event("keys-end"), params=_query(one)).status_code == 200
    assert made["key_id"] in server.cli("keys", "list")
    server.cli("keys", "remove", made["key_id"])
    ended = [browser.post("/v1/events", json=event("keys-end"), params=_query(one)) for one in (made, renewed)]
    assert [(answer.status_code, answer.json()["code"]) for answer in ended] == [(401, "unauthorized")] * 2
    assert made["key_id"] not in server.cli("keys", "list")
    wrong = browser.post("/v1/events", content=b"{", params=_query(renewed), headers={"Origin": EVIL})
    assert wrong.status_code == 401
    said = server.log() + (server.data / "audit.ndjson").read_text()
    assert [one for one in (made, renewed) if one["write_key"][20:] in said] == []


def _query(made: dict[str, str]) -> dict[str, str]:
    return {"write_key": made["write_key"]}
