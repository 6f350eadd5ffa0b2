"""What the visitor chooses for the whole page; it stands in the URL too."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

from cloudpulse.events.model import EVENT_TYPES
from cloudpulse.explorer.selection import RANGES, Filters, Selection, days_of

BOUND: Final = "query-params"
"""Where Streamlit keeps a widget's value, so that a page can be loaded again."""


def choose() -> tuple[Selection, bool]:
    """Days, time zone and filters; and whether the page follows events."""
    with st.sidebar:
        st.header("CloudPulse Explorer")
        follows = st.toggle("Refresh when events arrive", value=True, key="refresh", bind=BOUND)
        tz = _time_zone()
        first, last = _days(dt.datetime.now(ZoneInfo(tz)).date())
        filters = _filters()
    return Selection(first=first, last=last, tz=tz, filters=filters), follows


def _time_zone() -> str:
    zones = sorted(available_timezones())
    here = st.context.timezone or "UTC"
    return st.selectbox("Time zone", zones, index=zones.index(here if here in zones else "UTC"), key="tz", bind=BOUND)


def _days(today: dt.date) -> tuple[dt.date, dt.date]:
    name = st.selectbox("Days", RANGES, index=1, key="range", bind=BOUND)
    if name in RANGES[:-1]:
        return days_of(name, today)
    chosen = st.date_input(
        "First and last",
        (today, today),
        key="days",
        format="YYYY-MM-DD",
        bind=BOUND,
    )
    picked = chosen if isinstance(chosen, tuple) else (chosen,)
    return (picked[0], picked[-1]) if picked else (today, today)  # the second one is picked after the first


def _filters() -> Filters:
    return Filters(
        event_type=st.selectbox("Type", ("", *EVENT_TYPES), format_func=_type_label, key="type", bind=BOUND),
        app=_text("App", "app"),
        session_id=_text("Session", "session"),
        user_id=_text("User", "user"),
    )


def _type_label(name: str) -> str:
    return name or "All types"


def _text(label: str, key: str) -> str:
    return st.text_input(label, key=key, placeholder="Any", bind=BOUND) or ""
