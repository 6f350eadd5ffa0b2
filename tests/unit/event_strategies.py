"""Events as clients send them, good and bad."""

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from cloudpulse.events.model import EVENT_TYPES, SOURCES

text = st.text(st.characters(codec="utf-8"), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=8,
)
moments = st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC))
timestamps = moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z"))

REQUIRED: dict[str, st.SearchStrategy[Any]] = {
    "event_type": st.sampled_from(EVENT_TYPES),
    "session_id": st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    "source": st.sampled_from(SOURCES),
}
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "event_id": st.uuids().map(str),
    "timestamp": timestamps,
    "user_id": text,
    "event_name": text,
    "properties": st.dictionaries(text, json_values, max_size=4),
    "metadata": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("ip_address", "user_agent", "country", "region", "referrer"), text)
    ),
}
valid_events = st.fixed_dictionaries(REQUIRED, optional=OPTIONAL)

# One thing wrong: (field, value, code, field in the rejection)
FAULTS: list[tuple[str, Any, str, str | None]] = [
    ("event_type", "clack", "invalid_enum", "event_type"),
    ("event_type", "Page View", "invalid_enum", "event_type"),
    ("event_type", 1, "invalid_type", "event_type"),
    ("event_type", None, "invalid_type", "event_type"),
    ("source", "desk", "invalid_enum", "source"),
    ("session_id", "", "missing_field", "session_id"),
    ("session_id", "x" * 129, "too_long", "session_id"),
    ("session_id", 7, "invalid_type", "session_id"),
    ("user_id", "x" * 129, "too_long", "user_id"),
    ("event_name", "x" * 129, "too_long", "event_name"),
    ("event_id", "not-a-uuid", "invalid_uuid", "event_id"),
    ("event_id", 5, "invalid_type", "event_id"),
    ("timestamp", "yesterday", "invalid_timestamp", "timestamp"),
    ("timestamp", "2026-03-09", "invalid_timestamp", "timestamp"),
    ("timestamp", 1_700_000_000, "invalid_timestamp", "timestamp"),
    ("timestamp", "2026-02-30T00:00:00Z", "invalid_timestamp", "timestamp"),
    ("properties", [], "invalid_type", "properties"),
    ("properties", "{}", "invalid_type", "properties"),
    ("metadata", {"ip": "10.0.0.1"}, "unknown_field", "metadata.ip"),
    ("metadata", {"country": 49}, "invalid_type", "metadata.country"),
    ("metadata", {"user_agent": "x" * 2049}, "too_long", "metadata.user_agent"),
    ("colour", "red", "unknown_field", "colour"),
    ("received_at", "2026-03-09T14:22:31Z", "unknown_field", "received_at"),
]
faulty_events = st.tuples(valid_events, st.sampled_from(FAULTS)).map(lambda pair: pair[0] | {pair[1][0]: pair[1][1]})
