"""Buckets of a zone against the zone itself."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudpulse.engines.local.warehouse import DuckDbWarehouse
from cloudpulse.events.times import from_micros, micros
from cloudpulse.ports import Limits, Relation
from cloudpulse.serving import sql
from cloudpulse.serving.buckets import WIDTHS, Calendar
from cloudpulse.settings import Settings

# Clocks that change at midnight, by half an hour, twice in one month of Ramadan, never, and that skipped a day.
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca",
    "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "Asia/Beirut", "Atlantic/Azores",
]  # fmt: skip
zones = st.sampled_from(ZONES)
days = st.dates(dt.date(1990, 1, 1), dt.date(2030, 12, 31))


@given(zones, days, st.integers(0, 60), st.floats(0, 1, exclude_max=True))
def test_every_moment_lies_in_the_bucket_of_its_local_day(zone, first, length, share):
    calendar = Calendar.of(zone, first, first + dt.timedelta(days=length))
    moment = calendar.start + int((calendar.end - calendar.start) * share)
    local = from_micros(moment).astimezone(ZoneInfo(zone))
    midnight = dt.datetime.combine(local.date(), dt.time(), ZoneInfo(zone))
    assert calendar.bucket(moment, "day") == micros(midnight)


@given(zones, days, st.integers(0, 60), st.floats(0, 1, exclude_max=True), st.sampled_from(["minute", "hour"]))
def test_hours_begin_on_the_local_clock(zone, first, length, share, interval):
    calendar = Calendar.of(zone, first, first + dt.timedelta(days=length))
    moment = calendar.start + int((calendar.end - calendar.start) * share)
    start = calendar.bucket(moment, interval)
    local = from_micros(moment).astimezone(ZoneInfo(zone))
    minute = local.minute if interval == "minute" else 0
    assert 0 <= moment - start < WIDTHS[interval]
    assert (moment - start) // 1_000_000 == (local.minute - minute) * 60 + local.second


@given(zones, days, st.integers(0, 20), st.sampled_from(["hour", "day"]))
def test_buckets_follow_each_other_through_the_whole_range(zone, first, length, interval):
    calendar = Calendar.of(zone, first, first + dt.timedelta(days=length))
    edges = (calendar.bucket(calendar.start, interval), calendar.bucket(calendar.end - 1, interval))
    buckets = list(calendar.buckets(*edges, interval))
    assert (buckets[0], buckets[-1]) == edges
    assert buckets == sorted(set(buckets))
    step = dt.timedelta(hours=1) if interval == "hour" else dt.timedelta(days=1, hours=1)
    longest = step // dt.timedelta(microseconds=1)
    assert all(0 < after - before <= longest for before, after in pairwise(buckets))


@pytest.mark.parametrize("interval", ["minute", "hour", "day"])
@pytest.mark.parametrize("zone", ZONES)
def test_sql_computes_the_same_key(tmp_path, zone, interval):
    calendar = Calendar.of(zone, dt.date(2026, 1, 1), dt.date(2026, 12, 31))
    moments = list(range(calendar.start, calendar.end, 3_333_333_333))
    events = pa.table({"timestamp": pa.array(moments, pa.timestamp("us", "UTC"))})
    key = sql.bucket_key(calendar, interval)
    warehouse = DuckDbWarehouse(Settings(data=tmp_path))
    found = warehouse.run(
        f"SELECT epoch_us(timestamp), {key.sql} FROM events", key.parameters, {"events": Relation((), events)}, Limits()
    )
    warehouse.close()
    assert found.rows == [(moment, calendar.key(moment, interval)) for moment in moments]
