"""``GET /v1/ledger``."""

import pytest

from cloudpulse.ops.ledger import Ledger, LedgerReport


class StubLedger:
    def __init__(self):
        self.asked = []

    def report(self, deep):
        self.asked.append(deep)
        ledger = Ledger(accepted=5, stored=3, in_flight=1, dead_lettered=0)
        gaps = ["1 of 5 accepted events are nowhere to be found."]
        return LedgerReport(ok=False, deep=bool(deep), ledger=ledger, gaps=gaps, journal="j", head=2, lake_position=1)


@pytest.fixture
def ledger(services):
    services.ledger = StubLedger()
    return services.ledger


def test_the_report_is_the_answer(http, bearer, ledger):
    answer = http.get("/v1/ledger", headers=bearer("admin")).json()
    assert (answer["ok"], answer["gaps"]) == (False, ["1 of 5 accepted events are nowhere to be found."])
    assert answer["ledger"] == {
        "accepted": 5,
        "stored": 3,
        "in_flight": 1,
        "dead_lettered": 0,
        "expired": 0,
        "purged": 0,
        "erased": 0,
        "retired": 0,
    }


@pytest.mark.parametrize(("query", "asked"), [("", None), ("?deep=true", True), ("?deep=false", False)])
def test_deep_is_passed_on(http, bearer, ledger, query, asked):
    assert http.get(f"/v1/ledger{query}", headers=bearer("admin")).status_code == 200
    assert ledger.asked == [asked]


def test_only_admins_see_it(http, bearer, ledger):
    assert http.get("/v1/ledger", headers=bearer("events:read", "events:write")).status_code == 403
    assert http.get("/v1/ledger").status_code == 401
    assert ledger.asked == []
