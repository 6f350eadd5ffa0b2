"""People at a running server: sign in, stay signed in, sign out."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from test_http_trust import PROTECTED, QUERY

from live_server import CLOUDPULSE, eventually

COOKIE = "cloudpulse_refresh"
ALLOWED = "https://app.example"


@pytest.fixture(scope="module")
def place(start_server):
    """A server of its own: here addresses and names fail to sign in."""
    return start_server(cors_origins=ALLOWED)


@pytest.fixture
def add(place, request):
    """Add a user through the command line; returns the e-mail address and the password."""

    def add(*groups):
        email = f"{request.node.name[:40]}@example.com"
        arguments = [part for group in groups for part in ("--group", group)]
        made = json.loads(place.cli("users", "add", email, *arguments))
        return {"email": email, "password": made["password"]}

    return add


def login(place, person, **options):
    return httpx.post(f"{place.url}/v1/auth/login", json=person, **options)


def refresh(place, token):
    return httpx.post(f"{place.url}/v1/auth/refresh", headers={"Cookie": f"{COOKIE}={token}"})


def query(place, answer):
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return httpx.get(f"{place.url}/v1/query", params=QUERY, headers=headers).status_code


def test_a_browser_signs_in_stays_signed_in_and_signs_out(place, add):
    person = add("events:read")
    with httpx.Client(base_url=place.url) as browser:
        first = browser.post("/v1/auth/login", json=person)
        assert first.status_code == 200, first.text
        assert query(place, first) == 200
        second = browser.post("/v1/auth/refresh")
        assert (second.status_code, query(place, second)) == (200, 200)
        assert second.cookies[COOKIE] != first.cookies[COOKIE]
        assert browser.post("/v1/auth/logout").status_code == 204
        assert COOKIE not in browser.cookies
        assert browser.post("/v1/auth/refresh").status_code == 401
    assert refresh(place, second.cookies[COOKIE]).status_code == 401


def test_a_copied_cookie_ends_the_sign_in(place, add):
    copied = login(place, add("events:read")).cookies[COOKIE]
    second = refresh(place, copied).cookies[COOKIE]
    assert refresh(place, copied).cookies[COOKIE] == second, "a second tab"
    third = refresh(place, second).cookies[COOKIE]
    assert refresh(place, copied).status_code == 401
    assert refresh(place, third).status_code == 401
    assert '"session_reuse"' in (place.data / "audit.ndjson").read_text()


def test_the_cookie_goes_to_the_sign_in_routes_alone(place, add):
    pair, *attributes = login(place, add()).headers["set-cookie"].split("; ")
    assert re.fullmatch(rf"{COOKIE}=[\w.-]+", pair)
    named = dict(one.lower().partition("=")[::2] for one in attributes)
    assert 30 * 86_400 - 60 < int(named.pop("max-age")) <= 30 * 86_400
    assert named == {"httponly": "", "samesite": "strict", "path": "/v1/auth"}


def test_a_new_password_ends_all_sign_ins(place, add):
    person = add("events:read")
    tokens = [login(place, person).cookies[COOKIE] for _ in range(2)]
    new = json.loads(place.cli("users", "password", person["email"]))["password"]
    assert [refresh(place, token).status_code for token in tokens] == [401, 401]
    assert login(place, person).status_code == 401
    assert login(place, person | {"password": new}).status_code == 200


def test_a_removed_user_is_refused(place, add):
    person = add("events:read")
    token = login(place, person).cookies[COOKIE]
    assert person["email"] in place.cli("users", "list")
    place.cli("users", "remove", person["email"])
    assert refresh(place, token).status_code == 401
    unknown = login(place, person)
    assert (unknown.status_code, unknown.json()["code"]) == (401, "invalid_credentials")
    assert place.cli("users", "remove", person["email"], code=1) == ""


def test_a_user_in_no_group_may_do_nothing(place):
    person = {"email": "nobody@example.com", "password": "correct horse battery"}
    with place.client("admin") as admin:
        assert admin.post("/v1/users", json=person | {"groups": []}).status_code == 201
    answer = login(place, person)
    assert (answer.status_code, answer.json()["scope"]) == (200, "")
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    for method, path, _ in PROTECTED:
        refused = httpx.request(method, place.url + path, params=QUERY, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), path


def test_another_site_can_sign_nobody_in_or_out(place, add):
    person = add("events:read")
    for origin, status in ((place.url, 200), (ALLOWED, 200), ("https://evil.example", 403), ("null", 403)):
        answer = login(place, person, headers={"Origin": origin})
        assert answer.status_code == status, origin
        assert (COOKIE in answer.cookies) is (status == 200)
    form = httpx.post(f"{place.url}/v1/auth/login", data=person)
    assert form.status_code == 415


def test_failures_make_a_person_wait_and_no_longer(place, add):
    person = add("events:read")
    wrong = person | {"password": "wrong wrong wrong"}
    while (answer := login(place, wrong)).status_code == 401:
        pass
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert login(place, person).status_code == 429, "not even with the right password"
    time.sleep(int(answer.headers["retry-after"]))
    assert login(place, person).status_code == 200


def test_many_sign_in_at_once(place, add):
    person = add("events:read")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: login(place, person), range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.cookies[COOKIE] for answer in answers}) == 8


def test_the_first_user_may_do_everything(place):
    first = json.loads((place.data / "first-login").read_text())
    answer = login(place, {"email": first["email"], "password": first["password"]})
    assert (first["email"], answer.status_code, answer.json()["scope"]) == (
        "admin@localhost",
        200,
        "events:write events:read admin",
    )
    assert query(place, answer) == 200


def test_a_terminal_shows_the_first_sign_in_once(tmp_path):
    master, slave = pty.openpty()
    command = [*CLOUDPULSE, "up", "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    said = ""
    try:
        while "}" not in said:
            said += os.read(master, 4096).decode()
        eventually(lambda: not (tmp_path / "first-login").exists())
        url = re.search(r"ready at (\S+)", said)[1]
        shown = json.loads(re.search(r"{.*}", said)[0])
        assert httpx.post(f"{url}/v1/token", json={k: shown[k] for k in ("client_id", "client_secret")}).is_success
        assert httpx.post(f"{url}/v1/auth/login", json={k: shown[k] for k in ("email", "password")}).is_success
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        os.close(master)


def test_no_address_and_no_password_is_written_down(place, add):
    person = add("events:read")
    login(place, person)
    login(place, person | {"password": "wrong wrong wrong"})
    login(place, {"email": "somebody@example.com", "password": "wrong wrong wrong"})
    written = place.log() + (place.data / "audit.ndjson").read_text()
    assert "sign_in" in written
    for value in (*person.values(), "somebody@example.com", "wrong wrong wrong"):
        assert value not in written
