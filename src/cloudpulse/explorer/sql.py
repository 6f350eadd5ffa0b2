"""A statement, its result as a table and a chart, and as a file."""

from typing import Any

import streamlit as st

from cloudpulse.errors import CloudPulseError
from cloudpulse.explorer import api, frames
from cloudpulse.explorer.api import Client
from cloudpulse.explorer.problems import tell

EXAMPLE = """SELECT date_trunc('hour', timestamp) AS hour, count(*) AS events
FROM events
WHERE timestamp >= now() - INTERVAL 1 DAY
GROUP BY hour
ORDER BY hour"""
CHARTS = ("Table", "Bars", "Lines")


def show(client: Client, tz: str) -> None:
    """The whole tab. A statement runs when it is asked for, never because events have arrived.

    Streamlit forgets the text of a tab that is left, so it is kept here.
    """
    with st.form("ask", border=False):
        statement = st.text_area("SELECT", st.session_state.get("statement", EXAMPLE), key="select", height=180)
        st.caption("One SELECT over `events`, `raw_events` and `daily_summaries`, in DuckDB's dialect.")
        wanted = st.form_submit_button("Run", type="primary")
    if wanted:
        st.session_state.statement = statement
        with st.spinner("Running"):
            st.session_state.outcome = _run(client, statement)
    outcome = st.session_state.get("outcome")
    if isinstance(outcome, CloudPulseError):
        tell(outcome)
    elif outcome:
        _answer(outcome, tz)


def _run(client: Client, statement: str) -> dict[str, Any] | CloudPulseError:
    """The answer, or why there is none: both stay in the page until another statement runs."""
    try:
        return api.sql(client, statement)
    except CloudPulseError as exc:
        return exc


def _answer(answer: dict[str, Any], tz: str) -> None:
    table = frames.rows(answer, tz)
    st.caption(
        f"{answer['rows_returned']:,} rows{', more were left out' if answer['truncated'] else ''} · "
        f"{answer['execution_ms']:,} ms · {answer['scanned_bytes']:,} bytes scanned · "
        f"complete until {frames.clock(answer['complete_until'], tz)}"
    )
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    kind = left.segmented_control(
        "Show as", CHARTS, default=CHARTS[0], required=True, key="chart", persist_state="session"
    )
    right.download_button("CSV", frames.csv_text(table), "result.csv", "text/csv", on_click="ignore", width="stretch")
    if kind == "Table":
        st.dataframe(table, hide_index=True, placeholder="")
    else:
        _chart(table, kind == "Bars")


def _chart(table: frames.Table, are_bars: bool) -> None:
    numbers = frames.numbers(table)
    if not numbers or len(table) < 2:
        st.info("A chart needs a column of numbers and one beside it.")
        return
    across, up = st.columns(2)
    x = across.selectbox("Across", list(table))
    heights = [name for name in numbers if name != x]
    y = up.multiselect("Up", heights, default=heights[:1])
    if y:
        draw = st.bar_chart if are_bars else st.line_chart
        draw(frames.on_wall_clocks({name: table[name] for name in (x, *y)}), x=x, y=y)
