"""``/v1/dlq``: what is asked of the service, and what is written into the audit log."""

import json

import pytest

from cloudpulse.errors import NotFound
from cloudpulse.ops.dead_letters import LetterList, Redriven


class StubLetters:
    def __init__(self):
        self.asked = []

    def list(self, *asked):
        self.asked.append(asked)
        return LetterList(groups=[], letters=[], total=0)

    def ids(self, fingerprint):
        return ["lake:j:1", "lake:j:2"] if fingerprint is None else ["lake:j:2"]

    def redrive(self, letter_id):
        return Redriven(id=letter_id, outcome="redriven", batch_id="j:9", is_new=letter_id == "lake:j:1")

    def try_out(self, letter_id):
        return Redriven(id=letter_id, outcome="would_fail", reason="ValueError")

    def purge(self, letter_id):
        if letter_id != "lake:j:1":
            raise NotFound("There is none.")

    show = purge


@pytest.fixture
def letters(services):
    services.dead_letters = StubLetters()
    return services.dead_letters


def redrive(http, bearer, **body):
    return http.post("/v1/dlq/redrive", headers=bearer("admin"), json=body)


def audited(services):
    path = services.settings.data / "audit.ndjson"
    entries = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [(entry["action"], entry["subject"]) for entry in entries]


def test_filters_are_passed_on(http, bearer, letters):
    assert http.get("/v1/dlq", headers=bearer("admin")).json() == {"groups": [], "letters": [], "total": 0}
    http.get("/v1/dlq?consumer=speed&fingerprint=abc&limit=7", headers=bearer("admin"))
    assert letters.asked == [(None, None, 100), ("speed", "abc", 7)]
    for wrong in ("consumer=other", "limit=0", "limit=1001"):
        assert http.get(f"/v1/dlq?{wrong}", headers=bearer("admin")).status_code == 400


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"ids": ["lake:j:2", "lake:j:1", "lake:j:2"]}, ["lake:j:2", "lake:j:1"]),
        ({"all": True}, ["lake:j:1", "lake:j:2"]),
        ({"fingerprint": "abc"}, ["lake:j:2"]),
        ({"all": True, "fingerprint": "abc"}, ["lake:j:2"]),
    ],
)
def test_letters_are_named_or_all(http, bearer, letters, body, ids):
    answer = redrive(http, bearer, **body)
    assert answer.status_code == 200
    assert [one["id"] for one in answer.json()["letters"]] == ids


@pytest.mark.parametrize(
    "body", [{}, {"ids": []}, {"ids": ["x"], "all": True}, {"ids": ["x"] * 1001}, {"ids": ["x" * 129]}, {"other": 1}]
)
def test_a_wrong_selection_is_refused(http, bearer, letters, body):
    assert redrive(http, bearer, **body).status_code == 400


def test_what_is_decided_is_audited_once(http, bearer, letters, services):
    redrive(http, bearer, all=True, dry_run=True)
    assert audited(services) == []
    redrive(http, bearer, all=True)
    assert http.delete("/v1/dlq/lake:j:1", headers=bearer("admin")).status_code == 204
    assert http.delete("/v1/dlq/lake:j:7", headers=bearer("admin")).status_code == 404
    expected = [("dead_letter_redriven", "dead_letter/lake:j:1"), ("dead_letter_purged", "dead_letter/lake:j:1")]
    assert audited(services) == expected


def test_a_dry_run_says_why(http, bearer, letters):
    [letter, _] = redrive(http, bearer, all=True, dry_run=True).json()["letters"]
    assert (letter["outcome"], letter["reason"]) == ("would_fail", "ValueError")


def test_an_unknown_letter_is_not_found(http, bearer, letters):
    assert http.get("/v1/dlq/lake:j:7", headers=bearer("admin")).status_code == 404
