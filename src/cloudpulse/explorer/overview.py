"""Totals, types, and how events came over time."""

import streamlit as st

from cloudpulse.errors import CloudPulseError
from cloudpulse.explorer import api, charts, frames, statements
from cloudpulse.explorer.api import Client
from cloudpulse.explorer.problems import told
from cloudpulse.explorer.selection import Selection

UNKNOWN = "–"  # noqa: RUF001 - a dash for people
INTERVALS = ("minute", "hour", "day")


def show(client: Client, selection: Selection) -> None:
    """The whole tab."""
    with told():
        counts = api.counts(client, selection)
        _totals(client, selection, counts)
        if not counts:
            st.info("There are no events of these days and filters.")
            return
        types, time = st.columns([1, 2], gap="large")
        with types:
            _types(counts)
        with time, told():
            _series(client, selection, counts)


def _totals(client: Client, selection: Selection, counts: dict[str, int]) -> None:
    sessions, users, reason = _uniques(client, selection)
    totals = {
        "Events": f"{sum(counts.values()):,}",
        "Sessions": sessions,
        "Users": users,
        "Error rate": f"{frames.error_rate(counts):.1f} %",
    }
    with st.container(horizontal=True):
        for name, total in totals.items():
            st.metric(name, total, help=reason if total == UNKNOWN else None, border=True, width="stretch")


def _uniques(client: Client, selection: Selection) -> tuple[str, str, str | None]:
    """Sessions, users, and why they are not known: the other totals are told all the same."""
    try:
        [row] = api.sql(client, statements.uniques(selection))["results"]
    except CloudPulseError as exc:
        return UNKNOWN, UNKNOWN, frames.plain(exc.detail)
    return f"{row['sessions']:,}", f"{row['users']:,}", None


def _types(counts: dict[str, int]) -> None:
    st.subheader("Types")
    st.altair_chart(charts.by_type(counts))


def _series(client: Client, selection: Selection, counts: dict[str, int]) -> None:
    st.subheader("Over time")
    interval = st.segmented_control(
        "Interval", INTERVALS, default="hour", required=True, key="interval", persist_state="session"
    )
    total, is_cut = api.series(client, selection, interval)
    by_type = {name: api.series(client, selection, interval, name)[0] for name in counts}
    st.altair_chart(charts.over_time(frames.series(list(total), by_type, selection.tz)))
    if is_cut:
        st.warning("These are more intervals than one answer holds: choose a longer one, or fewer days.")
