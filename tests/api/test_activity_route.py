"""``GET /v1/users/{user_id}/activity`` over HTTP; that its pages are complete is in ``test_workflows_http``."""

import pytest

from cloudpulse.serving.events import EventPage, EventsRequest


class Script:
    asked: EventsRequest | None = None

    def page(self, request: EventsRequest) -> EventPage:
        self.asked = request
        return EventPage(events=[], next_cursor="next", complete_until="2026-03-09T14:22:31.402Z")


@pytest.fixture
def script(services) -> Script:
    services.event_list = Script()
    return services.event_list


def test_it_asks_for_the_events_of_the_user(script, http, bearer):
    answer = http.get("/v1/users/%C3%84da%20%7C%20%2B1/activity?limit=7&cursor=c", headers=bearer("events:read"))
    assert answer.status_code == 200
    assert answer.json() == {"events": [], "next_cursor": "next", "complete_until": "2026-03-09T14:22:31.402Z"}
    assert script.asked == EventsRequest(user_id="Äda | +1", limit=7, cursor="c")


def test_wrong_parameters_and_scopes_are_refused(script, http, bearer):
    reader = bearer("events:read")
    assert http.get(f"/v1/users/{'u' * 129}/activity", headers=reader).status_code == 400
    assert http.get("/v1/users/u/activity?limit=0", headers=reader).status_code == 400
    assert http.get(f"/v1/users/u/activity?cursor={'c' * 257}", headers=reader).status_code == 400
    assert http.get("/v1/users/u/activity").status_code == 401
    assert http.get("/v1/users/u/activity", headers=bearer("events:write", "admin")).status_code == 403
    assert script.asked is None
