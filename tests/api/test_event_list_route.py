"""``GET /v1/events`` over HTTP."""

import datetime as dt

import pytest

from cloudpulse.api import app as app_module
from cloudpulse.api.event_list import list_events
from cloudpulse.serving.events import EventPage, EventsRequest, ListedEvent

EVENT = ListedEvent(
    event_id="id",
    event_type="custom",
    event_name="signup",
    timestamp="2026-03-01T10:00:00.000Z",
    received_at="2026-03-01T10:00:01.000Z",
    app="default",
    source="web",
    session_id="s",
    user_id=None,
    properties={"plan": "free"},
    metadata={},
)


class Script:
    asked: EventsRequest | None = None

    def page(self, request: EventsRequest) -> EventPage:
        self.asked = request
        return EventPage(events=[EVENT], next_cursor="next", complete_until="2026-03-09T14:22:31.402Z")


@pytest.fixture
def script(services, monkeypatch) -> Script:
    routes = [route for route in app_module.ROUTES if route is not list_events]
    monkeypatch.setattr(app_module, "ROUTES", [*routes, list_events])
    services.event_list = Script()
    return services.event_list


def test_parameters_in_and_a_page_out(script, http, bearer):
    query = "session_id=s&user_id=u&event_type=custom&date_from=2026-03-01&date_to=2026-03-02&limit=1&cursor=c"
    answer = http.get(f"/v1/events?{query}", headers=bearer("events:read"))
    assert answer.status_code == 200
    assert answer.json()["next_cursor"] == "next"
    assert answer.json()["events"][0]["properties"] == {"plan": "free"}
    assert script.asked == EventsRequest(
        session_id="s",
        user_id="u",
        event_type="custom",
        date_from=dt.date(2026, 3, 1),
        date_to=dt.date(2026, 3, 2),
        limit=1,
        cursor="c",
    )


def test_it_needs_the_scope_to_read(script, http, bearer):
    assert http.get("/v1/events").status_code == 401
    assert http.get("/v1/events", headers=bearer("events:write")).status_code == 403
    assert script.asked is None
