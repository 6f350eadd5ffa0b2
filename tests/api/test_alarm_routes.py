"""What the routes say of alarms and of the history of health."""

import datetime as dt

from cloudpulse.ops.alarms.rules import Reading
from cloudpulse.ops.alarms.table import ALARMS


def test_all_alarms_and_the_newest_episodes(http, services, bearer):
    admin = bearer("admin")
    found = http.get("/v1/alarms", headers=admin).json()
    assert [alarm["name"] for alarm in found["alarms"]] == [alarm.name for alarm in ALARMS]
    assert {(alarm["state"], alarm["value"], alarm["episode"]) for alarm in found["alarms"]} == {("ok", None, None)}
    assert found["history"] == []
    for letters in (2, 0, 3):
        services.clock.now += 10
        services.alarms.look({"dead_letters": Reading(letters)}, services.now())
    found = http.get("/v1/alarms?limit=1", headers=admin).json()
    state = found["alarms"][0]
    assert (state["state"], state["value"], state["threshold"], state["unit"]) == ("raised", 3, 0, "letters")
    assert state["todo"].startswith("`cloudpulse dlq list`")
    assert found["history"] == [state["episode"]]
    assert state["episode"]["sentence"] == "3 dead letters wait to be decided on."
    assert len(http.get("/v1/alarms", headers=admin).json()["history"]) == 2
    text = http.get("/metrics", headers=admin).text
    assert 'cloudpulse_alarm{alarm="dead_letters"} 1.0' in text
    assert 'cloudpulse_alarm{alarm="lake_lag"} 0.0' in text


def test_the_history_of_health(http, services, bearer):
    admin = bearer("admin")
    services.health_history.add({"lake_lag_seconds": 7.0}, services.now() - dt.timedelta(minutes=2))
    found = http.get("/v1/health/history", params={"hours": 1}, headers=admin).json()
    assert (found["step_seconds"], found["series"]["lake_lag_seconds"][-3:]) == (60, [7, None, None])
    assert len(http.get("/v1/health/history", headers=admin).json()["series"]["free_bytes"]) == 1440
    for hours in (0, 169):
        assert http.get("/v1/health/history", params={"hours": hours}, headers=admin).status_code == 400
