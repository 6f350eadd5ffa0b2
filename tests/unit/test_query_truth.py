"""Every query against a count by hand, over random events that lie in lake, tail files and journal."""

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from query_world import NOW, World, random_event

from cloudpulse.events.times import UTC, rfc3339

# Both changes of Berlin's clock in 2026 are 29 March and 25 October; Lord Howe's are half an hour.
FIRST, LAST = dt.datetime(2026, 3, 27, tzinfo=UTC), NOW
RANGES = [("2026-03-27", "2026-04-02"), ("2026-03-29", "2026-03-29")]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata"]
FILTERS = [{}, {"app": "shop"}, {"session_id": "session-3", "source": "web"}, {"page": "/p1"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Six batches: two commits in the lake, a tail file, and two batches in the journal alone."""
    rng = random.Random(7)
    world = World(tmp_path_factory.mktemp("data"))
    for _ in range(6):
        world.accept([random_event(rng, FIRST, LAST) for _ in range(300)])
    world.to_lake(1)
    world.to_lake(3)
    world.to_tail_file(3, 4)
    yield world
    world.close()


def chosen(world: World, days: tuple[str, str], tz: str, event_type: str | None, filters: dict[str, str]) -> list[Any]:
    def takes(row: dict[str, Any]) -> bool:
        day = row["timestamp"].astimezone(ZoneInfo(tz)).date().isoformat()
        matches = all(row[name] == value for name, value in filters.items())
        return days[0] <= day <= days[1] and event_type in (None, row["event_type"]) and matches

    return [row for row in world.truth if takes(row)]


def bucket_start(moment: dt.datetime, tz: str, interval: str) -> str:
    local = moment.astimezone(ZoneInfo(tz))
    if interval == "day":
        start = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    else:
        start = local.replace(minute=0 if interval == "hour" else local.minute, second=0, microsecond=0)
    return start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("days", RANGES, ids=str)
class TestTruth:
    @pytest.mark.parametrize("event_type", [None, "click"])
    def test_event_count(self, world, days, tz, filters, event_type):
        truth = Counter(row["event_type"] for row in chosen(world, days, tz, event_type, filters))
        rows = world.rows("event_count", *days, tz=tz, event_type=event_type, filters=filters)
        assert {row["event_type"]: row["event_count"] for row in rows} == truth
        assert [row["event_count"] for row in rows] == sorted(truth.values(), reverse=True)

    @pytest.mark.parametrize("interval", ["minute", "hour", "day"])
    def test_timeseries(self, world, days, tz, filters, interval):
        truth = Counter(
            bucket_start(row["timestamp"], tz, interval) for row in chosen(world, days, tz, "error", filters)
        )
        rows = world.rows(
            "timeseries", *days, tz=tz, filters=filters, interval=interval, event_type="error", limit=10_000
        )
        assert {row["bucket"]: row["event_count"] for row in rows if row["event_count"]} == truth
        assert [row["bucket"] for row in rows] == sorted({row["bucket"] for row in rows})
        if rows:
            assert (rows[0]["bucket"], rows[-1]["bucket"]) == (min(truth), max(truth))

    def test_top_sessions(self, world, days, tz, filters):
        groups = defaultdict(list)
        for row in chosen(world, days, tz, None, filters):
            groups[row["session_id"]].append(row)
        truth = [
            {
                "session_id": session,
                "event_count": len(rows),
                "first_seen": rfc3339(min(row["timestamp"] for row in rows)),
                "last_seen": rfc3339(max(row["timestamp"] for row in rows)),
                "user_id": max((row["user_id"] for row in rows if row["user_id"]), default=None),
            }
            for session, rows in groups.items()
        ]
        truth.sort(key=lambda row: (-row["event_count"], row["session_id"]))
        answer = world.ask("top_sessions", *days, tz=tz, filters=filters, limit=8)
        assert msgspec.to_builtins(answer.results) == truth[:8]
        assert answer.truncated == (len(truth) > 8)

    @pytest.mark.parametrize("limit", [3, 40, 10_000])
    def test_errors(self, world, days, tz, filters, limit):
        truth = chosen(world, days, tz, "error", filters)
        truth.sort(key=lambda row: (row["timestamp"], row["event_id"]), reverse=True)
        answer = world.ask("errors", *days, tz=tz, filters=filters, limit=limit)
        assert [row.event_id for row in answer.results] == [row["event_id"] for row in truth[:limit]]
        assert answer.truncated == (len(truth) > limit)
        for row, true in zip(answer.results, truth, strict=False):
            assert row.timestamp == rfc3339(true["timestamp"])
            assert row.properties == msgspec.json.decode(true["properties"] or "{}")
            assert row.metadata.get("country") == true["country"]

    @pytest.mark.parametrize("by", ["page", "country", "browser", "os", "device", "source", "app", "event_name"])
    def test_breakdown(self, world, days, tz, filters, by):
        groups = defaultdict(list)
        for row in chosen(world, days, tz, None, filters):
            groups[row[by]].append(row)
        truth = {
            value: (len(rows), len({row["session_id"] for row in rows}), len({row["user_id"] for row in rows} - {None}))
            for value, rows in groups.items()
        }
        rows = world.rows("breakdown", *days, tz=tz, filters=filters, by=by)
        assert {row[by]: (row["event_count"], row["sessions"], row["users"]) for row in rows} == truth
        assert [row["event_count"] for row in rows] == sorted((n for n, _, _ in truth.values()), reverse=True)

    @pytest.mark.parametrize("interval", ["hour", "day"])
    def test_uniques(self, world, days, tz, filters, interval):
        groups = defaultdict(list)
        for row in chosen(world, days, tz, None, filters):
            groups[bucket_start(row["timestamp"], tz, interval)].append(row)
        truth = [
            {
                "bucket": bucket,
                "sessions": len({row["session_id"] for row in rows}),
                "users": len({row["user_id"] for row in rows} - {None}),
            }
            for bucket, rows in sorted(groups.items())
        ]
        assert world.rows("uniques", *days, tz=tz, filters=filters, interval=interval) == truth
