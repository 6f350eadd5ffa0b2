"""People over HTTP: signing in, staying signed in, and their administration."""

import json

import pytest

PASSWORD = "correct horse battery"
EMAIL = "Ada@Example.com"


@pytest.fixture
def ada(services):
    return services.users.add(EMAIL, ["events:write"], PASSWORD)


def login(http, email=EMAIL, password=PASSWORD, **options):
    return http.post("/v1/auth/login", json={"email": email, "password": password}, **options)


def audited(services):
    lines = (services.settings.data / "audit.ndjson").read_text().splitlines()
    return [(one["actor"], one["action"], one["subject"], one["outcome"]) for one in map(json.loads, lines)]


def test_a_person_signs_in(http, services, ada):
    answer = login(http, email=" ada@example.COM ")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 1200, "events:write")
    assert answer.headers["cache-control"] == "no-store"
    used = http.post("/v1/probe/hot", content=b"hi", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert used.json() == {"text": f"hi user/{ada.user_id}"}
    assert audited(services) == [(f"user/{ada.user_id}", "sign_in", f"user/{ada.user_id}", "done")]
