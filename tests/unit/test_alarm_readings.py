"""From what is seen to what the alarms read, and the history of health."""

import datetime as dt

import pytest

from cloudpulse import telemetry
from cloudpulse.engines.local.records import SqliteRecords
from cloudpulse.entrypoints.oversee import totals
from cloudpulse.events.times import minute_of, rfc3339
from cloudpulse.ops import health_history, process_starts
from cloudpulse.ops.alarms import readings
from cloudpulse.ops.alarms.readings import Lag, Observation, RareObservation, RecentObservations, Totals
from cloudpulse.ops.health_history import SERIES, HealthHistory
from cloudpulse.settings import MIB, Settings

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
SETTINGS = Settings(journal_max_bytes=1000, min_free_bytes=MIB)


def seen(at=0.0, speed=(0, 0), lake=(0, 0), counted=None, **fields):
    lags = {"speed": Lag(*speed), "lake": Lag(*lake)}
    return Observation(at=at, totals=Totals(**(counted or {})), lags=lags, **fields)


def values(found):
    return {name: reading.value for name, reading in found.items()}


def test_what_is_read_of_the_moment():
    calm = {"dead_letters": 0, "stalled": 0, "speed_lag": 0, "lake_lag": 0, "speed_backlog": 0, "lake_backlog": 0}
    calm |= {"refusing": 0, "journal_full": 0, "disk_free": 9}
    assert values(readings.of_observation(seen(free_bytes=10 * MIB), SETTINGS)) == calm
    busy = seen(
        speed=(3, 4.5), lake=(5, 6.5), letters=2, journal_bytes=850, free_bytes=5, refusal="Full.", stalled="Still."
    )
    found = readings.of_observation(busy, SETTINGS)
    assert list(values(found).values()) == [2, 1, 4.5, 6.5, 3, 5, 1, 85, 0]
    assert (found["refusing"].detail, found["stalled"].detail) == ("Full.", "Still.")


def test_what_is_read_of_the_last_minutes():
    recent, typical = RecentObservations(), {"refused_tokens": 5.0, "refused_sign_ins": 0.0}
    for number in range(6):
        recent.add(seen(at=10 * number, counted={"accepted": 100 * number, "rejected": 25 * number}))
        rates = recent.rates()
        assert (rates is None) == (number < 5), "too short to tell"
    assert values(readings.of_rates(rates, typical))["rejects"] == 20
    for number in range(6, 60):
        counted = {
            "accepted": 500,
            "rejected": 125,
            "refused_tokens": number - 6,
            "failed_requests": 7,
            "duplicates": 50,
        }
        recent.add(seen(at=10 * number, counted=counted))
    found = values(readings.of_rates(recent.rates(), typical))
    assert found == {"failed_requests": 0, "rejects": 0, "refused_tokens": 0, "refused_sign_ins": 0}
    typical["refused_tokens"] = 1.0
    assert values(readings.of_rates(recent.rates(), typical))["refused_tokens"] == pytest.approx(6 - 3)


def test_few_events_make_no_share():
    recent = RecentObservations()
    for at in (0, 60):
        recent.add(seen(at=at, counted={"rejected": at}))
    assert values(readings.of_rates(recent.rates(), {"refused_tokens": 0, "refused_sign_ins": 0}))["rejects"] == 0


def test_what_is_read_once_a_minute():
    assert set(values(readings.of_rare(RareObservation(), NOW)).values()) == {0}
    rare = RareObservation(
        failed_jobs=["compact", "retain"],
        failed_executions=3,
        starts={"api": 1, "pipeline": 4},
        diverged="2 are left.",
        newest_backup=NOW - dt.timedelta(days=8),
    )
    found = readings.of_rare(rare, NOW)
    assert list(values(found).values()) == [2, 3, 4, 1, 8]
    assert found["job_failures"].detail == "They are: compact, retain."


def test_totals_are_of_our_counters():
    before = totals()
    telemetry.count_receipt(5, 4, 3)
    telemetry.requests.labels("GET", "/v1/query", "500").inc()
    telemetry.requests.labels("POST", "/v1/token", "401").inc()
    telemetry.requests.labels("GET", "/v1/query", "401").inc()
    for reason in ("invalid", "expired"):
        telemetry.refused_tokens.labels(reason).inc()
    for outcome in ("done", "refused", "limited"):
        telemetry.sign_ins.labels(outcome).inc()
    after = totals()
    gained = {name: getattr(after, name) - getattr(before, name) for name in Totals.__struct_fields__}
    assert gained == {
        "accepted": 5,
        "duplicates": 4,
        "rejected": 3,
        "failed_requests": 1,
        "refused_tokens": 1,
        "refused_sign_ins": 3,
    }


def test_starts_within_an_hour(tmp_path):
    records = SqliteRecords(tmp_path / "alarms.db")
    for minutes in (0, 50, 70, 80):
        process_starts.note(records, NOW + dt.timedelta(minutes=minutes))
    assert process_starts.within_an_hour(records, NOW + dt.timedelta(minutes=90)) == 3
    process_starts.note(records, NOW + dt.timedelta(days=3))
    assert len(records.list(process_starts.KIND)) == 1
    records.close()


@pytest.fixture
def records(tmp_path):
    records = SqliteRecords(tmp_path / "alarms.db")
    yield records
    records.close()


def after(minutes=0, seconds=0):
    return NOW + dt.timedelta(minutes=minutes, seconds=seconds)


def sample(**fields):
    return {"lake_lag_seconds": 1.0, "free_bytes": 10.0, "events_per_second": 1.0} | fields


def test_a_minute_has_the_worst_and_the_mean_of_its_looks(records):
    kept = HealthHistory(records)
    kept.add(sample(), after())
    kept.add(sample(lake_lag_seconds=9.0, free_bytes=3.0, events_per_second=2.0), after(seconds=10))
    kept.add(sample(lake_lag_seconds=2.0), after(minutes=2))
    found = kept.series(1, after(minutes=2, seconds=30))
    assert (found.start, found.step_seconds) == (rfc3339(after(minutes=-57)), 60)
    assert set(found.series) == set(SERIES)
    assert {len(series) for series in found.series.values()} == {60}
    assert found.series["lake_lag_seconds"][-3:] == [9, None, 2]
    assert found.series["free_bytes"][-3:] == [3, None, 10]
    assert found.series["events_per_second"][-3:] == [1.5, None, 1]
    assert found.series["speed_lag_seconds"][-3:] == [None, None, None]


def test_it_survives_a_restart(records):
    kept = HealthHistory(records)
    kept.add(sample(), after())
    kept.add(sample(lake_lag_seconds=5.0), after(minutes=1))
    assert HealthHistory(records).series(1, after(minutes=1)).series["lake_lag_seconds"][-2:] == [1, None]
    kept.flush()
    assert HealthHistory(records).series(1, after(minutes=1)).series["lake_lag_seconds"][-2:] == [1, 5]


def test_long_ranges_come_in_larger_steps(records):
    kept = HealthHistory(records)
    for minute in range(20):
        kept.add(sample(lake_lag_seconds=float(minute)), after(minutes=minute))
    found = kept.series(168, after(minutes=19))
    assert found.step_seconds == 420
    assert len(found.series["lake_lag_seconds"]) == 1440
    assert max(value for value in found.series["lake_lag_seconds"] if value is not None) == 19
    start = minute_of(dt.datetime.fromisoformat(found.start))
    place = (minute_of(after()) - start) // 7
    assert found.series["lake_lag_seconds"][place - 1] is None
    assert found.series["lake_lag_seconds"][place] is not None


def test_it_is_bounded(records, monkeypatch):
    monkeypatch.setattr(health_history, "KEEP_MINUTES", 5)
    kept = HealthHistory(records)
    for minute in range(20):
        kept.add(sample(), after(minutes=minute))
    assert len(records.list(health_history.KIND)) == 6
    known = [value for value in kept.series(1, after(minutes=19)).series["lake_lag_seconds"] if value is not None]
    assert len(known) == 7, "and the one under way"


def test_what_is_typical(records):
    kept = HealthHistory(records)
    for minute in range(61):
        kept.add(sample(refused_tokens_per_minute=100.0 if minute < 20 else 2.0), after(minutes=minute))
        assert kept.typical("refused_tokens_per_minute", after(minutes=minute)) in (0, 2)
    assert kept.typical("refused_tokens_per_minute", after(minutes=61)) == 2
